"""F with its batch norms folded."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from talkinghead.liveportrait.fast import fold
from talkinghead.liveportrait.networks import AppearanceExtractor


class FastAppearance(nn.Module):
    """(B, 3, 256, 256) RGB in 0..1 -> (B, 32, 16, 64, 64), as AppearanceExtractor."""

    def __init__(self, network: AppearanceExtractor) -> None:
        super().__init__()
        self.depth, self.channels = network.depth, network.channels
        self.first = fold.fold_batch_norm(network.first.conv, network.first.norm)
        self.down = nn.ModuleList(fold.fold_batch_norm(block.conv, block.norm) for block in network.down_blocks)
        self.second = fold.conv2d(network.second.weight, network.second.bias, 0)
        self.blocks = nn.ModuleList()
        for block in network.resblocks_3d:
            # The second norm follows the first convolution directly; the first norm stands before it and stays.
            folded = fold.fold_batch_norm(block.conv1, block.norm2)
            self.blocks.append(nn.ModuleList([block.norm1, folded, block.conv2]))

    def forward(self, picture: Tensor) -> Tensor:
        x = functional.relu(self.first(picture))
        for conv in self.down:
            x = functional.avg_pool2d(functional.relu(conv(x)), 2)
        x = self.second(x).unflatten(1, (self.channels, self.depth))
        for norm, first, second in self.blocks:
            x = x + second(functional.relu(first(functional.relu(norm(x)))))
        return x
