"""F with its batch norms folded."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from talkinghead.liveportrait.fast import fold
from talkinghead.liveportrait.networks import AppearanceExtractor
from talkinghead.liveportrait.networks.blocks import DownBlock2d, ResBlock3d


class FastResBlock(nn.Module):
    """A ResBlock3d whose second norm is folded into its first convolution; the first norm has none before it."""

    def __init__(self, block: ResBlock3d) -> None:
        super().__init__()
        self.norm, self.second = block.norm1, block.conv2
        self.first = fold.fold_batch_norm(block.conv1, block.norm2)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(functional.relu(self.first(functional.relu(self.norm(x)))))


class FastAppearance(nn.Module):
    """(B, 3, 256, 256) RGB in 0..1 -> (B, 32, 16, 64, 64), as AppearanceExtractor."""

    def __init__(self, network: AppearanceExtractor) -> None:
        super().__init__()
        self.depth, self.channels = network.depth, network.channels
        self.first = fold.fold_batch_norm(network.first.conv, network.first.norm)
        down = fold.each(network.down_blocks, DownBlock2d)
        self.down = nn.ModuleList(fold.fold_batch_norm(block.conv, block.norm) for block in down)
        self.second = fold.conv2d(network.second.weight, network.second.bias, 0)
        self.blocks = nn.Sequential(*[FastResBlock(block) for block in fold.each(network.resblocks_3d, ResBlock3d)])

    def forward(self, picture: Tensor) -> Tensor:
        x = functional.relu(self.first(picture))
        for conv in self.down:
            x = functional.avg_pool2d(functional.relu(conv(x)), 2)
        return self.blocks(self.second(x).unflatten(1, (self.channels, self.depth)))
