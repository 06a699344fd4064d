"""W and G with those of their convolutions filtered that gain by it: for single precision on a CPU."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from talkinghead.models.liveportrait.fast import fold
from talkinghead.models.liveportrait.fast.generator import Modulation, modulate
from talkinghead.models.liveportrait.fast.minimal_filtering import TILE, FilteredConv

AnyConv = nn.Conv2d | nn.Conv3d


def pays(conv: AnyConv) -> bool:
    """Whether filtering a convolution gains, as measured at the published sizes.

    With few channels, changing the tiles costs more than is saved; with very many, planes are so small that the
    filters, four times as large as before, are read for a handful of tiles.
    """
    into, out = conv.in_channels, conv.out_channels
    if isinstance(conv, nn.Conv3d):
        return into * out >= 64 * 112 and into * out <= 128 * 256
    return min(into, out) >= 128


def filter_convolutions(*networks: nn.Module, choose: Callable[[AnyConv], bool] = pays) -> None:
    """Put filtered convolutions in the place of those of `networks` that `choose` picks, one after the other.

    Only convolutions of 3 or 7 taps along each axis, padded so that sizes stay, are asked about.
    """
    for network in networks:
        for name, part in network.named_children():
            if isinstance(part, Modulation):
                joint = joined(part)
                if choose(joint):
                    setattr(network, name, FilteredModulation(joint))
            elif isinstance(part, nn.Conv2d | nn.Conv3d):
                taps = part.kernel_size[0]
                if taps in (3, 7) and {*part.kernel_size} == {taps} and {*part.padding} == {taps // 2} and choose(part):
                    setattr(network, name, FilteredConv(part.weight, part.bias))
            else:
                filter_convolutions(part, choose=choose)


def joined(modulation: Modulation) -> nn.Conv2d:
    """One convolution for a modulation's scale, then its shift: they read the same tiles."""
    parts = (modulation.scale, modulation.shift)
    return fold.conv2d(torch.cat([p.weight for p in parts]), torch.cat([fold.bias_of(p) for p in parts]), 1)


class FilteredModulation(nn.Module):
    """A Modulation that scales and shifts block by block, so that the maps of scales and shifts are never written."""

    def __init__(self, joint: nn.Conv2d) -> None:
        super().__init__()
        self.conv = FilteredConv(joint.weight, joint.bias)

    def forward(self, normalised: Tensor, hidden: Tensor) -> Tensor:
        """(B, C, h, w) and the hidden map (B, hidden, f h, f w) -> (B, C, f h, f w)."""
        batch, _, height, width = hidden.shape
        channels, factor = normalised.shape[1], height // normalised.shape[2]
        if height % TILE or width % TILE or TILE % factor:
            scale, shift = self.conv(hidden).chunk(2, 1)
            return modulate(normalised, scale, shift)
        small = normalised.permute(0, 2, 3, 1).unsqueeze(1)
        out = hidden.new_empty(batch, 1, height, width, channels)
        for block, values in self.conv.blocks(hidden):
            values.add_(self.conv.bias)
            into, tiles = repeats(block.of(out), factor), repeats(values, factor)
            x = block.of(small, TILE // factor)[:, None, :, None]
            torch.addcmul(tiles[..., channels:], x, tiles[..., :channels], out=into)
        return self.conv.maps(out)


def repeats(tiles: Tensor, factor: int) -> Tensor:
    """(4, 4, ...) -> (4 / f, f, 4 / f, f, ...), a view: which places of a tile repeat one place of a smaller map."""
    return torch.unflatten(torch.unflatten(tiles, 1, (-1, factor)), 0, (-1, factor))
