"""One frame's backward map: where in the portrait each pixel of the frame comes from."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from talkinghead.core.types import Floats, Pixels
from talkinghead.renderers.warp.grid import Grid, Rect, cut, identity, inverted

_INVERSION_STEPS = 2
# Nodes around an opening whose skin may come to lie in it.
_AROUND_OPENING = 12

# Taps of the half-sample filter (that of H.264, near the ideal for its length), over 32.
_HALF_SAMPLE = np.array([1 / 32, -5 / 32, 20 / 32, 20 / 32, -5 / 32, 1 / 32], np.float32)


def sampled(picture: Pixels, where: Floats) -> Pixels:
    """`picture` at the coordinates `where` (h, w, 2), cubic; beyond its border it is mirrored."""
    out: Pixels = cv2.remap(picture, where, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    return out


def doubled(picture: Pixels) -> Pixels:
    """`picture` with a sample between every two: (2h - 1, 2w - 1, ...), its own pixels unchanged."""
    h, w = picture.shape[:2]
    out = np.empty((2 * h - 1, 2 * w - 1, *picture.shape[2:]), np.uint8)
    one, anchor = np.ones(1, np.float32), (2, 0)

    def between(pixels: Pixels, kernel_x: Floats, kernel_y: Floats, at: tuple[int, int]) -> Pixels:
        filtered: Pixels = cv2.sepFilter2D(pixels, -1, kernel_x, kernel_y, anchor=at, borderType=cv2.BORDER_REFLECT_101)
        return filtered

    out[::2, ::2] = picture
    down = between(picture, one, _HALF_SAMPLE, anchor[::-1])
    out[1::2, ::2] = down[:-1]
    out[::2, 1::2] = between(picture, _HALF_SAMPLE, one, anchor)[:, :-1]
    out[1::2, 1::2] = between(down, _HALF_SAMPLE, one, anchor)[:-1, :-1]
    return out


class Lookup:
    """A picture (h, w, 3), or one channel (h, w), to look up at displaced places.

    A picture that is drawn many times is doubled once and then looked up linearly: as sharp as cubic, and five times as
    fast. One that is drawn once is looked up by cubic interpolation.
    """

    def __init__(self, picture: Pixels, often: bool) -> None:
        self._picture = doubled(picture) if often else picture
        self._scale = 2 if often else 1

    def __call__(self, grid: Grid, field: Floats, nodes: Rect, pixels: Rect) -> Pixels:
        """The picture drawn through a displacement on `nodes`, (h, w, 3) on those `pixels` of theirs."""
        return self._drawn(grid, *self._looks(grid, field, nodes), pixels)

    def draw_over(self, out: Pixels, grid: Grid, field: Floats, nodes: Rect) -> None:
        """Draw the picture through a displacement on `nodes` over `out`, itself the picture, wherever it moves."""
        looks = self._looks(grid, field, nodes)
        for part in grid.moved(field, nodes):
            self._drawn(grid, *looks, part, out[part.slices])

    def _looks(self, grid: Grid, field: Floats, nodes: Rect) -> tuple[Floats, Rect]:
        """(where the nodes look in the picture, those nodes): `nodes` and one more on every side."""
        wider = cv2.copyMakeBorder(field, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
        around = nodes.grown(1)
        return cv2.scaleAdd(wider, self._scale, grid.nodes_px(around, self._scale), wider), around

    def _drawn(self, grid: Grid, looks: Floats, around: Rect, pixels: Rect, out: Pixels | None = None) -> Pixels:
        """The picture as it is seen on some `pixels`, where `looks` says where the nodes `around` them look."""
        # The fewer places there are, the nearer they are to the processor when they are looked at.
        nodes = grid.nodes_of(pixels).grown(1)
        where = grid.full_size(looks[nodes.within(around)], nodes, pixels)
        kind = cv2.INTER_CUBIC if self._scale == 1 else cv2.INTER_LINEAR
        drawn: Pixels = cv2.remap(self._picture, where, None, kind, out, borderMode=cv2.BORDER_REFLECT_101)
        return drawn


class Backward:
    """Backward displacements: `turn` of the head on all nodes (None: none), then of skin `above` and `below` on `rect`.

    A pixel is looked up through the head first, then through the skin over or under the opening it lies at.
    """

    def __init__(
        self, grid: Grid, turn: Floats | None, rect: Rect, above: Floats, below: Floats, openings: Sequence[Rect]
    ) -> None:
        """From forward fields `above` and `below` on `rect`; nobody asks for the skin below beyond `openings`."""
        self.grid, self.turn, self.rect = grid, turn, rect
        self.above = inverted(above, grid.step, _INVERSION_STEPS)
        self.below = self.above.copy()
        for opening in openings:
            # Around it the inversion needs to know what may move into it.
            part = opening.grown(_AROUND_OPENING).common(rect)
            origin = part.x0 - rect.x0, part.y0 - rect.y0
            undone = inverted(np.ascontiguousarray(below[part.within(rect)]), grid.step, _INVERSION_STEPS, origin)
            inner = opening.common(rect)
            self.below[inner.within(rect)] = undone[inner.within(part)]
        self._reach = 0.0
        # Where each node looks through the head, in nodes of `rect`.
        self._places: Floats | None = None
        if turn is not None:
            self._reach = float(cv2.norm(turn, cv2.NORM_INF))
            rows, columns = grid.shape
            nodes = identity(Rect(-rect.x0, -rect.y0, columns - rect.x0, rows - rect.y0))
            self._places = cv2.scaleAdd(turn, 1 / grid.step, nodes)

    def around(self, low_px: Floats, high_px: Floats) -> Rect:
        """The nodes that can show what lies between `low_px` and `high_px`, each (2,), in the portrait."""
        margin = self._reach + 2.0
        return self.grid.rect(low_px - margin, high_px + margin)

    def skin(self, back: Floats, where: Rect) -> Floats:
        """The displacement of the head and of `back` (above or below) at the nodes of `where`."""
        if self.turn is None or self._places is None:
            return cut(back, self.rect, where)
        moved: Floats = cv2.remap(
            back, self._places[where.slices], None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
        )
        cv2.add(moved, self.turn[where.slices], moved)
        return moved

    def whole(self, back: Floats) -> tuple[Floats, Rect]:
        """(displacement, its nodes) wherever head or skin move."""
        if self.turn is None:
            return back, self.rect
        field = self.turn.copy()
        part = self.beyond(self.rect)
        field[part.slices] = self.skin(back, part)
        return field, self.grid.whole

    def beyond(self, rect: Rect) -> Rect:
        """The nodes that can show what lies on `rect` in the portrait."""
        rows, columns = self.grid.shape
        return rect.grown(2 + int(self._reach / self.grid.step)).clipped(columns, rows)

    def turned(self, values: Floats, rect: Rect, where: Rect) -> Floats:
        """`values` (h, w) on `rect` as the turned head shows them on `where`; 0 beyond `rect`."""
        assert self.turn is not None
        nodes = cv2.subtract(identity(self.grid.whole)[where.slices], (rect.x0, rect.y0, 0, 0))
        at = cv2.scaleAdd(self.turn[where.slices], 1 / self.grid.step, nodes)
        seen: Floats = cv2.remap(values, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        return seen

    def head(self, nodes: Rect) -> Floats:
        """Where `nodes`, and one more on every side, look through the head's map alone, in pixels."""
        around = self.grid.nodes_px(nodes.grown(1))
        if self.turn is None:
            return around
        turn = cv2.copyMakeBorder(self.turn[nodes.slices], 1, 1, 1, 1, cv2.BORDER_REPLICATE)
        looks: Floats = cv2.add(turn, around, turn)
        return looks
