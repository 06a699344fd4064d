"""F with its batch norms folded."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from talkinghead.models.liveportrait.fast import fold
from talkinghead.models.liveportrait.networks.appearance import AppearanceExtractor
from talkinghead.models.liveportrait.networks.blocks import DownBlock2d, ResBlock3d


class FastResBlock(nn.Module):
    """A ResBlock3d whose second norm is folded into its first convolution; the first is a scale and a shift."""

    scale: Tensor
    shift: Tensor

    def __init__(self, block: ResBlock3d) -> None:
        super().__init__()
        assert block.norm1.running_var is not None
        assert block.norm1.running_mean is not None
        spread = torch.rsqrt(block.norm1.running_var + block.norm1.eps) * block.norm1.weight
        self.register_buffer("scale", spread.view(-1, 1, 1, 1))
        self.register_buffer("shift", (block.norm1.bias - block.norm1.running_mean * spread).view(-1, 1, 1, 1))
        self.first = fold.fold_batch_norm(block.conv1, block.norm2)
        self.second = fold.conv3d(block.conv2.weight, block.conv2.bias, 1)

    def forward(self, x: Tensor) -> Tensor:
        normalised = torch.addcmul(self.shift, x, self.scale)
        added: Tensor = self.second(functional.relu_(self.first(functional.relu_(normalised))))
        return x + added


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
        x = functional.relu(self.first(picture.contiguous(memory_format=torch.channels_last)))
        for conv in self.down:
            x = functional.avg_pool2d(functional.relu(conv(x)), 2)
        volume = torch.unflatten(self.second(x), 1, (self.channels, self.depth))
        out: Tensor = self.blocks(volume.contiguous(memory_format=torch.channels_last_3d))
        return out
