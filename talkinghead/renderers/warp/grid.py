"""Displacement fields on a coarse grid: where they live, how they are inverted and brought to full size.

Fields are float32 (h, w, 2) in crop pixels, x then y. Node (i, j) of the grid lies on pixel
((j + 0.5) * step - 0.5, (i + 0.5) * step - 0.5), so that `cv2.resize` by `step` lands on pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from talkinghead.core.types import Floats, Pixels
from talkinghead.renderers.warp.anatomy import Axes

# Nodes per pupil distance: lips are about four nodes thick, and every field is smooth on that scale.
_NODES_PER_UNIT = 30
_AROUND = np.ones((3, 3), np.uint8)
# A displacement below this shows each pixel itself: places are rounded to a 64th of a pixel where a picture is doubled.
_UNSEEN_PX = 1 / 130
# Rows of nodes that are drawn together: a face is round, so narrow bands hold less of what does not move; and OpenCV
# draws so few pixels on one thread, which leaves the other core to the next frame or to the encoder.
_BAND = 16
# Coordinates of nodes are kept for grids of up to this many nodes more.
_SHARED_NODES = 32


class Rect(NamedTuple):
    """Half-open rectangle [x0, x1) x [y0, y1), in nodes or in pixels."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """(rows, columns) as slices of an array that begins at (0, 0)."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def grown(self, by: int) -> Rect:
        """This rectangle, larger by `by` on every side."""
        return Rect(self.x0 - by, self.y0 - by, self.x1 + by, self.y1 + by)

    @property
    def empty(self) -> bool:
        """Whether nothing lies in it."""
        return self.x1 <= self.x0 or self.y1 <= self.y0

    def common(self, other: Rect) -> Rect:
        """What both have in common."""
        x0, y0 = max(self.x0, other.x0), max(self.y0, other.y0)
        return Rect(x0, y0, max(x0, min(self.x1, other.x1)), max(y0, min(self.y1, other.y1)))

    def united(self, other: Rect) -> Rect:
        """The smallest one around both."""
        return Rect(min(self.x0, other.x0), min(self.y0, other.y0), max(self.x1, other.x1), max(self.y1, other.y1))

    def within(self, outer: Rect) -> tuple[slice, slice]:
        """This rectangle as slices of an array on `outer`."""
        return slice(self.y0 - outer.y0, self.y1 - outer.y0), slice(self.x0 - outer.x0, self.x1 - outer.x0)

    def clipped(self, width: int, height: int) -> Rect:
        """The part of it within [0, width) x [0, height)."""
        x0, y0 = max(self.x0, 0), max(self.y0, 0)
        return Rect(x0, y0, max(x0, min(self.x1, width)), max(y0, min(self.y1, height)))


@dataclass(frozen=True)
class Grid:
    """The nodes over a crop of `width_px` x `height_px`."""

    width_px: int
    height_px: int
    step: int

    @classmethod
    def over(cls, pixels: Pixels, unit_px: float) -> Grid:
        """The grid over a crop (h, w, 3) of a face with pupils `unit_px` apart."""
        height, width = pixels.shape[:2]
        return cls(width, height, max(1, round(unit_px / _NODES_PER_UNIT)))

    @cached_property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of nodes; the last ones may lie outside the crop."""
        return -(-self.height_px // self.step), -(-self.width_px // self.step)

    @cached_property
    def whole(self) -> Rect:
        """All nodes."""
        return Rect(0, 0, self.shape[1], self.shape[0])

    def rect(self, low_px: Floats, high_px: Floats) -> Rect:
        """The nodes that cover a rectangle of pixels."""
        x0, y0 = np.floor(low_px / self.step).astype(int)
        x1, y1 = np.ceil(high_px / self.step).astype(int) + 1
        return Rect(int(x0), int(y0), int(x1), int(y1)).clipped(self.shape[1], self.shape[0])

    def rect_of(self, axes: Axes, low: tuple[float, float], high: tuple[float, float]) -> Rect:
        """The nodes that cover a rectangle given in the coordinates of `axes`."""
        corners = axes.pixels(np.array([(a, b) for a in (low[0], high[0]) for b in (low[1], high[1])], np.float32))
        return self.rect(corners.min(0), corners.max(0))

    def points(self, rect: Rect) -> Floats:
        """(h, w, 2) pixels of the nodes in `rect`."""
        return _points(self.step, rect)

    def pixels_of(self, rect: Rect) -> Rect:
        """The pixels that the nodes in `rect` stand for."""
        s = self.step
        return Rect(rect.x0 * s, rect.y0 * s, rect.x1 * s, rect.y1 * s).clipped(self.width_px, self.height_px)

    def nodes_px(self, rect: Rect, scale: int = 1) -> Floats:
        """`points(rect)` times `scale`, of nodes no more than one beyond the grid; shared, not to be written to."""
        # The crops of a video differ by a few nodes: they share what is a little larger.
        tall, wide = (-(-count // _SHARED_NODES) * _SHARED_NODES for count in self.shape)
        all_of_them = Rect(-1, -1, wide + 1, tall + 1)
        return _nodes_px(self.step, all_of_them, scale)[rect.within(all_of_them)]

    def nodes_of(self, pixels: Rect) -> Rect:
        """The nodes that stand for a rectangle of pixels."""
        s = self.step
        return Rect(pixels.x0 // s, pixels.y0 // s, -(-pixels.x1 // s), -(-pixels.y1 // s))

    def full_size(self, field: Floats, rect: Rect, pixels: Rect | None = None) -> Floats:
        """A field on `rect` at every pixel of `pixels_of(rect)`, or at those `pixels` of them."""
        h, w = field.shape[:2]
        full: Floats = field if self.step == 1 else cv2.resize(field, (w * self.step, h * self.step))
        part = pixels or self.pixels_of(rect)
        return full[part.within(Rect(rect.x0 * self.step, rect.y0 * self.step, 0, 0))]

    def moved(self, field: Floats, rect: Rect) -> Iterator[Rect]:
        """Rectangles of pixels, apart from each other, outside which a field on `rect` moves nothing to be seen."""
        seen = cv2.bitwise_not(cv2.inRange(field, (-_UNSEEN_PX,) * 2, (_UNSEEN_PX,) * 2))
        seen = cv2.dilate(seen, _AROUND)  # between a node that moves and one that does not there are pixels
        for row in range(0, len(seen), _BAND):
            x, y, wide, tall = cv2.boundingRect(seen[row : row + _BAND])
            if wide:
                x, y = rect.x0 + x, rect.y0 + row + y
                part = self.pixels_of(Rect(x, y, x + wide, y + tall))
                if not part.empty:
                    yield part

    def sample(self, field: Floats, rect: Rect, at_px: Floats) -> Floats:
        """`field`, given on `rect`, at (n, 2) pixels; zero outside."""
        nodes = (at_px[None] + 0.5) * np.float32(1 / self.step) - np.array([rect.x0 + 0.5, rect.y0 + 0.5], np.float32)
        read: Floats = cv2.remap(field, nodes, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)[0]
        return read


def cut(field: Floats, rect: Rect, where: Rect) -> Floats:
    """`field`, given on `rect`, on `where`; zero outside."""
    out = np.zeros((where.y1 - where.y0, where.x1 - where.x0, field.shape[2]), np.float32)
    x0, y0 = max(rect.x0, where.x0), max(rect.y0, where.y0)
    x1, y1 = min(rect.x1, where.x1), min(rect.y1, where.y1)
    if x1 > x0 and y1 > y0:
        out[y0 - where.y0 : y1 - where.y0, x0 - where.x0 : x1 - where.x0] = field[
            y0 - rect.y0 : y1 - rect.y0, x0 - rect.x0 : x1 - rect.x0
        ]
    return out


def inverted(field: Floats, step: int, iterations: int, origin: tuple[int, int] = (0, 0)) -> Floats:
    """The displacement that undoes `field`: e with e(x) = -field(x + e(x)).

    Newton's method with the diagonal of the Jacobian, which is enough for fields without strong shear; plain
    fixed-point iteration diverges where skin is stretched to more than twice its length, as a closing lid is.
    A part of a larger field that begins at its node `origin` (x, y) is rounded as the whole would be.
    """
    (h, w), (x0, y0) = field.shape[:2], origin
    x, y = _nodes(x0, w)[None, :], _nodes(y0, h)[:, None]
    fx, fy = cv2.split(field * np.float32(1 / step))
    gain_x = _newton_gain(cv2.Sobel(fx, cv2.CV_32F, 1, 0, ksize=1, scale=0.5))
    gain_y = _newton_gain(cv2.Sobel(fy, cv2.CV_32F, 0, 1, ksize=1, scale=0.5))
    known = cv2.merge([fx, fy, gain_x, gain_y])
    at_x, at_y = x - fx * gain_x, y - fy * gain_y
    for _ in range(iterations):
        places = (at_x - x0, at_y - y0) if x0 or y0 else (at_x, at_y)
        found = cv2.remap(known, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        fx, fy, gain_x, gain_y = cv2.split(found)
        for at, node, off, gain in ((at_x, x, fx, gain_x), (at_y, y, fy, gain_y)):
            off += at - node
            off *= gain
            at -= off
    at_x -= x
    at_y -= y
    undone: Floats = cv2.merge([at_x, at_y])
    undone *= np.float32(step)
    return undone


def _newton_gain(slope: Floats) -> Floats:
    """How much of its residual a node steps by: one over the steepest slope around it.

    A step that is too short only takes longer, one that is too long never lands.
    """
    gain: Floats = cv2.dilate(slope, _AROUND)
    gain += 1
    np.maximum(gain, 0.35, out=gain)
    return np.reciprocal(gain, out=gain)


@lru_cache(maxsize=64)
def _nodes(first: int, count: int) -> Floats:
    """(count,) coordinates of nodes along one direction; shared, not to be written to."""
    return np.arange(first, first + count, dtype=np.float32)


@lru_cache(maxsize=16)
def identity(rect: Rect) -> Floats:
    """(h, w, 2) coordinates of the nodes in `rect`; shared, not to be written to."""
    return _coordinates(rect)


def _coordinates(rect: Rect) -> Floats:
    x, y = np.arange(rect.x0, rect.x1, dtype=np.float32), np.arange(rect.y0, rect.y1, dtype=np.float32)
    places: Floats = np.ascontiguousarray(np.dstack(np.meshgrid(x, y)))
    return places


def _points(step: int, rect: Rect) -> Floats:
    points: Floats = (_coordinates(rect) + np.float32(0.5)) * np.float32(step) - np.float32(0.5)
    return points


@lru_cache(maxsize=8)
def _nodes_px(step: int, rect: Rect, scale: int) -> Floats:
    scaled: Floats = _points(step, rect) * np.float32(scale)
    return scaled
