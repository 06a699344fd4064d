"""One frame's backward map: where in the portrait each pixel of the frame comes from."""

from __future__ import annotations

import cv2
import numpy as np

from talkinghead.renderers.warp.grid import Grid, Rect, identity, inverted
from talkinghead.types import Floats, Pixels

_INVERSION_STEPS = 2


def sampled(picture: Pixels, where: Floats) -> Pixels:
    """`picture` at the coordinates `where` (h, w, 2); beyond its border it is mirrored."""
    return cv2.remap(picture, where, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)


class Backward:
    """Backward displacements: `turn` of the head on all nodes (None: none), then of skin `above` and `below` on `rect`.

    A pixel is looked up through the head first, then through the skin over or under the opening it lies at.
    """

    def __init__(self, grid: Grid, turn: Floats | None, rect: Rect, above: Floats, below: Floats, opening: Rect) -> None:
        """From forward fields `above` and `below` on `rect`; the two differ within `opening` alone."""
        self.grid, self.turn, self.rect = grid, turn, rect
        part = opening.within(rect)
        self.above = inverted(above, grid.step, _INVERSION_STEPS)
        self.below = self.above.copy()
        self.below[part] = inverted(np.ascontiguousarray(below[part]), grid.step, _INVERSION_STEPS)
        self._reach = 0.0 if turn is None else float(np.abs(turn).max())

    def around(self, corners_px: Floats) -> Rect:
        """The nodes that can show what lies between `corners_px` (n, 2) in the portrait."""
        margin = self._reach + 2.0
        return self.grid.rect(corners_px.min(0) - margin, corners_px.max(0) + margin)

    def skin(self, back: Floats, where: Rect) -> Floats:
        """The displacement of the head and of `back` (above or below) at the nodes of `where`."""
        return self.grid.moved(back, self.rect, None if self.turn is None else self.turn[where.slices], where)

    def whole(self, back: Floats) -> tuple[Floats, Rect]:
        """(displacement, its nodes) wherever head or skin move."""
        if self.turn is None:
            return back, self.rect
        field = self.turn.copy()
        rows, columns = field.shape[:2]
        part = self.rect.grown(2 + int(self._reach / self.grid.step)).clipped(columns, rows)
        field[part.slices] = self.skin(back, part)
        return field, self.grid.whole

    def looked_up(self, picture: Pixels, field: Floats, nodes: Rect) -> Pixels:
        """`picture` drawn through a displacement on `nodes`."""
        return sampled(picture, cv2.add(self.grid.full_size(field, nodes), identity(self.grid.pixels_of(nodes))))

    def head(self, nodes: Rect) -> Floats:
        """Where the head's map alone looks, on the pixels of `nodes`."""
        base = identity(self.grid.pixels_of(nodes))
        return base if self.turn is None else cv2.add(self.grid.full_size(self.turn[nodes.slices], nodes), base)
