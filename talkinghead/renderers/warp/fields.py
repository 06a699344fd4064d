"""Displacement fields of skin: what they are made of, and how a frame's is summed from them.

A field has up to three parts: `both` moves all skin, `above` only what lies over an opening, `below` only what lies
under it; past the opening's corners `above` and `below` vanish, so that the skin is whole there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np

from talkinghead.core.types import AnyFloats, Floats
from talkinghead.faces import mesh
from talkinghead.renderers.warp.anatomy import Axes
from talkinghead.renderers.warp.grid import Grid, Rect

# Weights below this are none.
_LEAST_WEIGHT = 1e-4

Vector = tuple[AnyFloats | float, AnyFloats | float]


def clipped(x: AnyFloats, out: AnyFloats | None = None) -> Floats:
    """`x` within 0..1, as `np.clip` has it; that takes twice as long for what is as small as a mouth."""
    within: Floats = np.minimum(np.maximum(x, 0, out=out), 1, out=out)
    return within


def smoothstep(low: float | AnyFloats, high: float | AnyFloats, x: AnyFloats) -> Floats:
    """0 below `low`, 1 above `high`, smooth between."""
    t = clipped((x - low) / (high - low))
    eased: Floats = t * t * (3 - 2 * t)
    return eased.astype(np.float32)


def ramp(x: Floats) -> Floats:
    """`smoothstep` from 0 to 1, in place of `x`."""
    clipped(x, x)
    eased = 3 - 2 * x
    x *= x
    x *= eased
    return x


def bell(x: AnyFloats) -> Floats:
    """exp(-x^2)."""
    y: Floats = np.exp(-x * x)
    return y.astype(np.float32)


# Study: how full the profile of an opening mouth is.
_PROFILE_POWER, _PROFILE_ROUNDNESS = 2.4, 0.75


def opening_profile(u: Floats) -> Floats:
    """How far an opening mouth opens across its width: a smoothstep would look V-shaped."""
    return ((1 - np.minimum(np.abs(u), 1) ** _PROFILE_POWER) ** _PROFILE_ROUNDNESS).astype(np.float32)


@dataclass
class Field:
    """One control's displacement, float32 (h, w, 2) pixels on the region's nodes; None where it has no such part."""

    both: Floats | None = None
    above: Floats | None = None
    below: Floats | None = None

    @cached_property
    def moved(self) -> tuple[tuple[int, slice, Floats], ...]:
        """(0 for `both`, 1 for `above`, 2 for `below`; the rows of nodes that it moves at all; what it does there)."""
        found = []
        for number, values in enumerate((self.both, self.above, self.below)):
            if values is None:
                continue
            rows = np.flatnonzero(values.reshape(len(values), -1).any(1))
            if len(rows):
                # One more: the last few numbers of what it is given are rounded otherwise by OpenCV.
                part = slice(int(rows[0]), int(rows[-1]) + 2)
                found.append((number, part, values[part]))
        return tuple(found)


@dataclass
class SkinRegion:
    """Nodes that share their fields: `rect` on the grid, and one `Field` per control."""

    rect: Rect
    fields: dict[str, Field] = field(default_factory=dict)

    def summed(self, controls: Mapping[str, float]) -> tuple[Floats, Floats]:
        """(above, below): the displacement of the skin over and under the opening."""
        totals = np.zeros((3, self.rect.y1 - self.rect.y0, self.rect.x1 - self.rect.x0, 2), np.float32)
        for name, part in self.fields.items():
            weight = controls.get(name, 0.0)
            if abs(weight) >= _LEAST_WEIGHT:
                for number, rows, values in part.moved:
                    into = totals[number, rows]
                    cv2.scaleAdd(values, weight, into, into)
        both, above, below = totals
        return cv2.add(above, both, above), cv2.add(below, both, below)


def face_window(points: Floats, grid: Grid, unit_px: float, reach: float) -> Floats:
    """1 inside the face's outline, falling to 0 at `reach` D outside, on all nodes."""
    inside = np.zeros(grid.shape, np.uint8)
    outline = (points[list(mesh.FACE_OVAL), :2] + 0.5) / grid.step - 0.5
    cv2.fillPoly(inside, [np.round(outline).astype(np.int32)], 1)
    outside = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3) * (grid.step / unit_px)
    return 1 - smoothstep(0.0, reach, outside)


class FieldMaker:
    """Adds fields to a region from displacements (dx, dy) in D, across and down an opening's frame."""

    def __init__(self, region: SkinRegion, axes: Axes, window: Floats, over: Floats | None = None) -> None:
        """`window` (all nodes) is 1 on the face and falls to 0 around it.

        Where `over` (h, w) is 1, skin lies so far over the opening that what moves `above` moves it, whatever else it
        lies under.
        """
        self.region = region
        self._window = window[region.rect.slices]
        self._over = over
        self._matrix = axes.to_px.astype(np.float32)

    def add(
        self, name: str, *, both: Vector | None = None, above: Vector | None = None, below: Vector | None = None
    ) -> None:
        """The field of control `name`."""
        made = [None if vector is None else self._pixels(vector, self._window) for vector in (both, above, below)]
        if self._over is not None and (made[1] is not None or made[2] is not None):
            over = self._over[..., None]
            parts = [part * share for part, share in ((made[1], over), (made[2], 1 - over)) if part is not None]
            made[2] = parts[0] if len(parts) == 1 else parts[0] + parts[1]
        self.region.fields[name] = Field(*made)

    def _pixels(self, vector: Vector, window: Floats) -> Floats:
        dx, dy = (np.broadcast_to(part, window.shape) * window for part in vector)
        m = self._matrix
        return np.asarray(cv2.merge([dx * m[0, 0] + dy * m[0, 1], dx * m[1, 0] + dy * m[1, 1]]), np.float32)
