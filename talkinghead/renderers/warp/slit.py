"""The three openings of a face, mouth and eyes, as curves between two corners."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from talkinghead.core.types import AnyFloats, Floats, Pixels
from talkinghead.faces import mesh
from talkinghead.renderers.warp import anatomy
from talkinghead.renderers.warp.anatomy import Axes

# Points of each curve.
_SAMPLES = 65
# An inner-lip gap below this, in D, is a closed mouth; a video's mouth passes from closed to open over as much again,
# beginning at this share of it.
CLOSED_GAP, _OPENING_FROM = 0.035, 0.4
# How far an opening is cut into the lips, in D, or a rim of teeth shows where they are closed.
_RIM = 0.012
# The least that a mouth is to both sides of its middle, and a lip is thick, in D.
_LEAST_HALF_WIDTH, _LEAST_THICKNESS, _LEAST_LIP = 0.08, 0.05, 0.02
# The part of the way to the newest line that a video's line of the lips goes in one frame.
_SEAM_RATE = 0.15
# The line of closed lips is looked for this far from the mesh's, in lip thicknesses (study). A path costs its darkness
# (0 to 1), its distance from the mesh's line, and its bends.
_SEAM_REACH, _SEAM_DISTANCE_COST, _SEAM_BEND_COST = 0.45, 0.6, 0.12
# The corners belong to the mesh: a path that leaves its line within this many columns of them pays more.
_SEAM_CORNER, _SEAM_CORNER_COST = 8, 4.0
# Grey levels that darkness is measured by, at least: in flat lips noise is no line.
_SEAM_CONTRAST = 8.0


@dataclass(frozen=True)
class Slit:
    """An opening between `upper` and `lower`: curves b(a) at `a` (n,), from corner to corner, in units of D.

    `upper_outer` and `lower_outer` are the lips' outer borders (for an eye: the same curves again).
    `openness` of a mouth: 0 where the picture shows it closed, 1 where open.
    """

    axes: Axes
    a: Floats
    upper: Floats
    lower: Floats
    upper_outer: Floats
    lower_outer: Floats
    openness: float = 0.0

    @property
    def left(self) -> float:
        """From its origin to its left corner."""
        return float(-self.a[0])

    @property
    def right(self) -> float:
        """From its origin to its right corner."""
        return float(self.a[-1])

    @property
    def gap(self) -> Floats:
        """(n,) how far it is open."""
        gap: Floats = np.maximum(self.lower - self.upper, 0)
        return gap

    @cached_property
    def upper_px(self) -> Floats:
        """(n, 2) its upper curve in pixels."""
        return self.axes.pixels(np.column_stack([self.a, self.upper]))

    @cached_property
    def lower_px(self) -> Floats:
        """(n, 2) its lower curve in pixels."""
        return self.axes.pixels(np.column_stack([self.a, self.lower]))

    def u(self, a: Floats) -> Floats:
        """`a` in half-widths: -1 and 1 at the corners."""
        return np.where(a < 0, a / self.left, a / self.right).astype(np.float32)

    def along(self, values: AnyFloats, a: Floats) -> Floats:
        """A curve given at `self.a`, anywhere; its ends are held."""
        return np.interp(a, self.a, values).astype(np.float32)


def _smoothed(values: Floats, radius: int) -> Floats:
    padded = np.pad(values, radius, mode="reflect", reflect_type="odd")
    kernel = np.hanning(2 * radius + 3)[1:-1]
    return np.convolve(padded, kernel / kernel.sum(), mode="valid").astype(np.float32)


def _curve(axes: Axes, points: Floats, indices: tuple[int, ...], a: Floats) -> Floats:
    found = axes.coordinates(points[list(indices), :2])
    order = np.argsort(found[:, 0])
    return _smoothed(np.interp(a, found[order, 0], found[order, 1]), 3)


def eye_slit(points: Floats, upper: tuple[int, ...], lower: tuple[int, ...], unit_px: float) -> Slit:
    """The opening between two lids."""
    axes = anatomy.slit_axes(points, upper[0], upper[-1], unit_px)
    ends = axes.coordinates(points[[upper[0], upper[-1]], :2])[:, 0]
    a = np.linspace(ends[0], ends[1], _SAMPLES, dtype=np.float32)
    top, bottom = _curve(axes, points, upper, a), _curve(axes, points, lower, a)
    middle = (top + bottom) / 2
    top, bottom = np.minimum(top, middle), np.maximum(bottom, middle)
    return Slit(axes, a, top, bottom, top, bottom)


@dataclass
class SeamMemory:
    """How far the lips' line lay from the mesh's in a video's last frames: followed slowly, so as not to jump."""

    offset: AnyFloats | None = None

    def follow(self, offset: AnyFloats) -> AnyFloats:
        """`offset` (n,), smoothed over frames."""
        self.offset = offset if self.offset is None else self.offset + _SEAM_RATE * (offset - self.offset)
        return self.offset


def mouth_slit(points: Floats, pixels: Pixels, unit_px: float, memory: SeamMemory | None = None) -> Slit:
    """The opening between the lips; where they are closed, their line snapped to the darkest path.

    A picture's mouth is open or closed; a video's, which has a `memory`, passes from one to the other.
    """
    middle = (points[13, :2] + points[14, :2]) / 2
    axes = anatomy.slit_axes(points, mesh.INNER_LIP_UPPER[0], mesh.INNER_LIP_UPPER[-1], unit_px, middle)
    ends = axes.coordinates(points[[mesh.INNER_LIP_UPPER[0], mesh.INNER_LIP_UPPER[-1]], :2])[:, 0]
    a = np.linspace(min(ends[0], -_LEAST_HALF_WIDTH), max(ends[1], _LEAST_HALF_WIDTH), _SAMPLES, dtype=np.float32)
    upper, lower = _curve(axes, points, mesh.INNER_LIP_UPPER, a), _curve(axes, points, mesh.INNER_LIP_LOWER, a)
    upper_outer, lower_outer = (
        _curve(axes, points, mesh.OUTER_LIP_UPPER, a),
        _curve(axes, points, mesh.OUTER_LIP_LOWER, a),
    )
    seam, gap = (upper + lower) / 2, np.maximum(lower - upper, 0)
    widest = float(gap.max())
    openness = float(widest >= CLOSED_GAP)
    if memory is not None:
        openness = float(np.clip((widest - _OPENING_FROM * CLOSED_GAP) / CLOSED_GAP, 0, 1))
    if openness < 1:
        thickness = max(float((lower_outer - upper_outer).max()) / 2, _LEAST_THICKNESS)
        offset: AnyFloats = _snapped(pixels, axes, a, seam, _SEAM_REACH * thickness) - seam
        if memory is not None:
            offset = memory.follow(offset)
        seam = seam + (1 - openness) * offset
    half = openness * (gap / 2 + _RIM * np.clip(gap / CLOSED_GAP, 0, 1))
    upper, lower = (seam - half).astype(np.float32), (seam + half).astype(np.float32)
    upper_outer, lower_outer = np.minimum(upper_outer, upper - _LEAST_LIP), np.maximum(lower_outer, lower + _LEAST_LIP)
    return Slit(axes, a, upper, lower, upper_outer, lower_outer, openness)


def _snapped(pixels: Pixels, axes: Axes, a: Floats, seam: AnyFloats, reach: float) -> Floats:
    """`seam` moved to the darkest smooth path within `reach` of it (dynamic programming over columns)."""
    rows = max(5, 2 * round(reach * axes.unit_px) + 1)
    offsets = np.linspace(-reach, reach, rows, dtype=np.float32)
    at = axes.pixels(np.dstack([np.broadcast_to(a, (rows, len(a))), seam + offsets[:, None]]))
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    dark = cv2.remap(grey, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    dark = cv2.GaussianBlur(dark, (3, 3), 0)
    span = max(float(np.ptp(dark)), _SEAM_CONTRAST)
    cost = dark / span + _SEAM_DISTANCE_COST * (offsets[:, None] / max(reach, 1e-6)) ** 2
    taper = np.minimum(np.arange(len(a)), np.arange(len(a))[::-1]) / _SEAM_CORNER
    cost = cost + np.maximum(1 - taper, 0) * _SEAM_CORNER_COST * np.abs(offsets[:, None]) / max(reach, 1e-6)
    total, back = cost[:, 0], np.zeros((len(a), rows), np.int64)
    step_cost = _SEAM_BEND_COST * np.abs(np.arange(rows)[:, None] - np.arange(rows)[None, :]) ** 1.5
    for column in range(1, len(a)):
        choices = total[None, :] + step_cost
        back[column] = choices.argmin(1)
        total = cost[:, column] + choices.min(1)
    path = np.empty(len(a), np.int64)
    path[-1] = int(total.argmin())
    for column in range(len(a) - 1, 0, -1):
        path[column - 1] = back[column, path[column]]
    return _smoothed(seam + offsets[path], 3)
