"""Convolutions by minimal filtering (Winograd; Lavin & Gray 2015), which takes fewer multiplications than they have.

F(m x m, r x r) computes m x m outputs of an r x r filter from a tile of n x n inputs, n = m + r - 1, with n * n
multiplications instead of m * m * r * r: the tile and the filter are brought to n * n other numbers (values of
polynomials at chosen points), multiplied, and the products brought back. Summed over channels, the multiplications
are n * n matrix products, of all tiles by the filters: that is where a CPU is at its best. The ways there and back
are products with small constant matrices, for some rows of tiles at a time, which stay in the cache.

Points of moderate size keep rounding small: with 0, +-2/3, +-3/2 and infinity, F(4 x 4, 3 x 3) rounds 6 times as
coarsely as the direct form (1.4e-6 against 2.3e-7 of the answer's size, in single precision, 512 channels); the usual
0, +-1, +-2 and infinity twice as coarsely as that. Half precision does not suffer it.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import torch
from torch import Tensor, nn

# For filters of 3 and of 4 taps, the finite points that give tiles of 4 outputs; infinity is always one more.
TILE = 4
_POINTS = {
    3: ("0", "2/3", "-2/3", "3/2", "-3/2"),
    4: ("1/3", "-1/3", "4/5", "-4/5", "7/4", "-7/4"),
}
# Tiles brought to the other form and multiplied at a time: with fewer, filters are read too often, and threads meet too
# often; what more of them hold leaves the cache.
_TILES = 128


class Matrices(NamedTuple):
    """Of one axis: y = outputs @ ((filters @ g) * (inputs @ d)), (m, n), (n, r) and (n, n)."""

    outputs: Tensor
    filters: Tensor
    inputs: Tensor


def matrices(taps: int) -> Matrices:
    """The three matrices of F(4, taps) in double precision."""
    points = [Fraction(point) for point in _POINTS[taps]]
    finite = range(len(points))
    outputs = [[point**i for point in points] + [Fraction(i == TILE - 1)] for i in range(TILE)]
    filters, inputs = [], []
    for j in finite:
        others = [points[k] for k in finite if k != j]
        scale = _product([points[j] - other for other in others])
        filters.append([points[j] ** k / scale for k in range(taps)])
        inputs.append([*_polynomial(others), Fraction(0)])
    filters.append([Fraction(k == taps - 1) for k in range(taps)])
    inputs.append(_polynomial(points))
    return Matrices(*(torch.tensor([[float(x) for x in row] for row in m], dtype=torch.float64)
                      for m in (outputs, filters, inputs)))  # fmt: skip


def _product(factors: list[Fraction]) -> Fraction:
    product = Fraction(1)
    for factor in factors:
        product *= factor
    return product


def _polynomial(roots: list[Fraction]) -> list[Fraction]:
    """Coefficients, the constant first, of the polynomial with these roots."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted = [Fraction(0), *coefficients]
        coefficients = [a - root * b for a, b in zip(shifted, [*coefficients, Fraction(0)])]
    return coefficients


class Block(NamedTuple):
    """Some rows of tiles of one sample."""

    sample: int
    first: int
    rows: int

    def of(self, maps: Tensor, tile: int = TILE) -> Tensor:
        """The block's part of (B, D, t rows, t columns, C) as (t, t, D, rows, columns, C), a view."""
        part = maps[self.sample, :, tile * self.first : tile * (self.first + self.rows)]
        tiles = torch.unflatten(torch.unflatten(part, 2, (-1, tile)), 1, (-1, tile))
        return tiles.permute(2, 4, 0, 1, 3, 5)


class FilteredConv(nn.Module):
    """A convolution (B, in, [D,] H, W) -> (B, out, [D,] H, W), padded so that sizes stay, by minimal filtering.

    Filters of 3 x 3 are taken as they are, those of 7 x 7 as 2 x 2 filters of 4 x 4, whose products are summed before
    they are brought back, and so are the products of several depths. Any number of threads may convolve at a time.

    Args:
        weight: (out, in, k, k) or (out, in, k, k, k), k 3 or 7.
        bias: (out,) or none.
    """

    bias: Tensor
    inputs: Tensor
    outputs: Tensor
    filters: Tensor

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.volume = weight.ndim == 5
        self.out_channels, self.in_channels, self.kernel = weight.shape[0], weight.shape[1], weight.shape[-1]
        self.depths = weight.shape[2] if self.volume else 1
        self.parts, taps = (1, 3) if self.kernel == 3 else (2, 4)
        axis = matrices(taps)
        self.register_buffer("inputs", torch.kron(axis.inputs, axis.inputs).to(weight))
        self.register_buffer("outputs", torch.kron(axis.outputs, axis.outputs).to(weight))
        self.register_buffer("bias", weight.new_zeros(self.out_channels) if bias is None else bias.detach().clone())
        change = torch.kron(axis.filters, axis.filters).to(weight)
        self.register_buffer("filters", self._changed(weight.detach(), taps, change))

    def _changed(self, weight: Tensor, taps: int, change: Tensor) -> Tensor:
        """The filters in the other form: (depths * parts * parts, n * n, in, out)."""
        by_depth = weight if self.volume else weight.unsqueeze(2)
        grown = weight.new_zeros(*by_depth.shape[:3], self.parts * taps, self.parts * taps)
        grown[..., : self.kernel, : self.kernel] = by_depth
        split = torch.unflatten(torch.unflatten(grown, 4, (-1, taps)), 3, (-1, taps))
        ordered = split.permute(2, 3, 5, 4, 6, 1, 0).flatten(0, 2).flatten(3, 4).flatten(1, 2)
        return torch.unflatten(torch.matmul(change, ordered), 2, (self.in_channels, self.out_channels))

    def forward(self, x: Tensor) -> Tensor:
        planes = self.planes(x)
        batch, depth, height, width, _ = planes.shape
        out = x.new_empty(batch, depth, whole(height) * TILE, whole(width) * TILE, self.out_channels)
        for block, values in self.blocks(x):
            torch.add(values, self.bias, out=block.of(out))
        return self.maps(out[:, :, :height, :width].contiguous())

    def planes(self, x: Tensor) -> Tensor:
        """(B, C, [D,] H, W) -> (B, D, H, W, C), a view."""
        return x.permute(0, 2, 3, 4, 1) if self.volume else x.permute(0, 2, 3, 1).unsqueeze(1)

    def maps(self, planes: Tensor) -> Tensor:
        """The reverse of `planes`."""
        return planes.permute(0, 4, 1, 2, 3) if self.volume else planes.squeeze(1).permute(0, 3, 1, 2)

    def blocks(self, x: Tensor) -> Iterator[tuple[Block, Tensor]]:
        """The answer to (B, in, [D,] H, W), without the bias, block by block: (4, 4, D, rows, columns, out).

        Blocks are views of one buffer: what they hold is gone when the next one is asked for.
        """
        work = Work(self, self.planes(x))
        for sample in range(len(x)):
            for first in range(0, work.down, work.rows):
                rows = min(work.rows, work.down - first)
                work.take(sample, first)
                yield Block(sample, first, rows), work.multiply()[:, :, :, :rows]


def whole(pixels: int) -> int:
    """How many tiles cover this many pixels."""
    return -(-pixels // TILE)


class Work:
    """One call's buffers: no state outlives it.

    A row of tiles in the other form holds one tile more than it has outputs where filters have two parts across, and
    a plane one row more; the places of all rows and planes stand in one line, so that the tiles that a part reads
    begin some places further on.
    """

    def __init__(self, conv: FilteredConv, planes: Tensor) -> None:
        self.conv, self.planes = conv, planes
        _, self.depth, self.height, width, channels = planes.shape
        self.down, self.across = whole(self.height), whole(width)
        points, extra = len(conv.inputs), conv.parts - 1
        side, self.columns = int(points**0.5), self.across + extra
        rows = min(self.down, max(1, _TILES // (self.depth * self.columns)))
        self.rows = whole_share(self.down, rows)
        self.per_plane = (self.rows + extra) * self.columns
        # Pixels with a border of zeros, and the tiles of them, which overlap.
        high, wide = ((n - 1) * TILE + side for n in (self.rows + extra, self.columns))
        self.strip = planes.new_zeros(self.depth, high, wide, channels)
        self.inside = self.strip[:, :, conv.kernel // 2 : conv.kernel // 2 + width]
        deep, down, across, _ = self.strip.stride()
        size = (side, side, self.depth, self.rows + extra, self.columns, channels)
        self.tiles = self.strip.as_strided(size, (down, across, deep, TILE * down, TILE * across, 1))
        self.gathered = planes.new_empty(size)
        # Planes before the first and after the last one are zero, and stay so.
        margin = conv.depths // 2 * self.per_plane
        places = self.depth * self.per_plane
        self.changed = planes.new_zeros(points, places + 2 * margin + extra, channels)
        self.into = self.changed[:, margin : margin + places].flatten(1)
        outputs = self.depth * self.rows * self.columns
        self.products = planes.new_empty(points, outputs, conv.out_channels)
        self.answers = planes.new_empty(TILE**2, outputs * conv.out_channels)

    def take(self, sample: int, first: int) -> None:
        """Bring the tiles that the rows from `first` on read to the other form."""
        top, high = first * TILE - self.conv.kernel // 2, self.strip.shape[1]
        low, end = max(top, 0), min(top + high, self.height)
        self.strip[:, : low - top].zero_()
        self.inside[:, low - top : end - top] = self.planes[sample, :, low:end]
        self.strip[:, end - top :].zero_()
        self.gathered.copy_(self.tiles)
        torch.mm(self.conv.inputs, self.gathered.view(len(self.conv.inputs), -1), out=self.into)

    def multiply(self) -> Tensor:
        """The outputs of what was taken: (4, 4, D, rows, columns, out)."""
        parts, outputs = self.conv.parts, self.products.shape[1]
        for i, filters in enumerate(self.conv.filters):
            depth, part = divmod(i, parts**2)
            begin = depth * self.per_plane + part // parts * self.columns + part % parts
            inputs = self.changed[:, begin : begin + outputs]
            torch.baddbmm(self.products, inputs, filters, beta=1 if i else 0, out=self.products)
        torch.mm(self.conv.outputs, self.products.flatten(1), out=self.answers)
        size = (TILE, TILE, self.depth, self.rows, self.columns, self.conv.out_channels)
        return self.answers.view(size)[:, :, :, :, : self.across]


def whole_share(rows: int, most: int) -> int:
    """How many of `rows` to take at a time, `most` or fewer, for shares of nearly the same size."""
    return -(-rows // -(-rows // most))
