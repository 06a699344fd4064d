"""A 3x3 convolution over a nearest-upsampled map, taken before the upsampling.

Every output pixel of an upsampled map sees one, two or three distinct low-resolution pixels per axis. Pixels of the
same phase (their place within an upsampled pixel) see them with the same weights, so each phase is a convolution of
its own at the low resolution, with kernels of 1 or 2 taps per axis: 4/9 of the work for a factor of 2, 25/144 for 4.
"""

from __future__ import annotations

from itertools import product

from torch import Tensor, nn

from talkinghead.models.liveportrait.fast import fold

# Along one axis the first phase sees the pixel before and its own, the last its own and the next, all others their
# own alone.
_FIRST, _LAST, _MIDDLE = 0, 1, 2


def _kinds(factor: int) -> list[int]:
    """The kind of each of `factor` phases along an axis."""
    return [_FIRST] + [_MIDDLE] * (factor - 2) + [_LAST]


def _collapse(weight: Tensor, kind: int, axis: int) -> Tensor:
    """Three taps along `axis` summed into those that fall on the same low-resolution pixel."""
    taps = {_FIRST: ((0,), (1, 2)), _LAST: ((0, 1), (2,)), _MIDDLE: ((0, 1, 2),)}[kind]
    size = list(weight.shape)
    size[axis] = len(taps)
    out = weight.new_empty(size)
    for i, (first, *others) in enumerate(taps):
        place = out.select(axis, i).copy_(weight.select(axis, first))
        for tap in others:
            place += weight.select(axis, tap)
    return out


def _cut(kind: int, size: int) -> slice:
    """The part of a phase convolution's output that belongs to it: padding gave one place too many."""
    return slice(1, size + 1) if kind == _LAST else slice(0, size)


class UpsampledConv(nn.Module):
    """(B, in, [D,] H, W) -> (B, out, [D,] f H, f W): nearest upsampling of the plane by f, 3x3[x3] convolution, ReLU.

    `into` gives the map to write to, which may be a slice of a wider one.
    """

    def __init__(self, weight: Tensor, bias: Tensor, factor: int) -> None:
        super().__init__()
        self.factor, self.kinds, self.out_channels = factor, _kinds(factor), len(bias)
        self.phases = nn.ModuleDict()
        for row in dict.fromkeys(self.kinds):
            of_row = _collapse(weight, row, -2)
            for column in dict.fromkeys(self.kinds):
                small = _collapse(of_row, column, -1)
                pads = (int(row != _MIDDLE), int(column != _MIDDLE))
                conv = fold.conv3d(small, bias, (1, *pads)) if weight.ndim == 5 else fold.conv2d(small, bias, pads)
                self.phases[f"{row}{column}"] = conv

    def forward(self, x: Tensor, into: Tensor) -> Tensor:
        height, width, f = x.shape[-2], x.shape[-1], self.factor
        for name, conv in self.phases.items():
            row, column = int(name[0]), int(name[1])
            value = conv(x)[..., _cut(row, height), _cut(column, width)].relu()
            for i, j in product(range(f), repeat=2):
                if self.kinds[i] == row and self.kinds[j] == column:
                    into[..., i::f, j::f] = value
        return into
