"""F, the appearance feature extractor: a picture becomes a feature volume, once per source."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from talkinghead.models.liveportrait.networks.blocks import ConvBlock2d, DownBlock2d, ResBlock3d

N_RESIDUAL_BLOCKS = 6


class AppearanceExtractor(nn.Module):
    """(B, 3, 4 s, 4 s) RGB in 0..1 -> (B, channels, depth, s, s); the published size is 256 -> (32, 16, 64, 64)."""

    def __init__(self, width: int = 64, channels: int = 32, depth: int = 16) -> None:
        super().__init__()
        self.channels, self.depth = channels, depth
        self.first = ConvBlock2d(3, width)
        self.down_blocks = nn.ModuleList([DownBlock2d(width, 2 * width), DownBlock2d(2 * width, 4 * width)])
        self.second = nn.Conv2d(4 * width, channels * depth, 1)
        blocks: OrderedDict[str, nn.Module] = OrderedDict(
            (f"3dr{i}", ResBlock3d(channels)) for i in range(N_RESIDUAL_BLOCKS)
        )
        self.resblocks_3d = nn.Sequential(blocks)

    def forward(self, picture: Tensor) -> Tensor:
        x = self.first(picture)
        for block in self.down_blocks:
            x = block(x)
        volume: Tensor = self.resblocks_3d(torch.unflatten(self.second(x), 1, (self.channels, self.depth)))
        return volume
