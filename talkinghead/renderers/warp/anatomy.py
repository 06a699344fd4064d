"""Frames of reference on a face, built on points of its mesh, and the unit D in which everything is measured.

"Left" and "right" are the picture's, except in the names of ARKit blendshapes, where they are the person's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from talkinghead.core.types import AnyFloats, Doubles, Floats
from talkinghead.faces import mesh

# Points of the face mesh beyond those that `talkinghead.faces.mesh` names: the cheekbone and two points of the cheek
# below it; the wing of the nose from its front to its back.
LEFT_CHEEK, RIGHT_CHEEK = (50, 205, 187), (280, 425, 411)
LEFT_NOSE_WING, RIGHT_NOSE_WING = (48, 64, 129), (278, 294, 358)

# The least that the pupils' distance is over the height from forehead to chin: what a turned face's is taken for.
_PUPILS_PER_HEIGHT = 0.34


def pupil_distance_px(points: Floats) -> float:
    """The unit D: the distance between the pupils, or what it would be if the face were not turned."""
    d = float(np.linalg.norm(points[mesh.LEFT_IRIS[0], :2] - points[mesh.RIGHT_IRIS[0], :2]))
    height = float(np.linalg.norm(points[mesh.CHIN, :2] - points[mesh.FOREHEAD, :2]))
    return max(d, _PUPILS_PER_HEIGHT * height, 2.0)


@dataclass(frozen=True)
class Axes:
    """A skewed frame: `origin` in pixels, unit vectors `across` and `down`, lengths in units of `unit_px`."""

    origin: Floats
    across: Floats
    down: Floats
    unit_px: float

    @cached_property
    def to_px(self) -> Doubles:
        """(2, 2): coordinates to pixels, without the origin."""
        return np.stack([self.across, self.down], axis=1).astype(np.float64) * self.unit_px

    @cached_property
    def from_px(self) -> Doubles:
        """(2, 2): pixels, without the origin, to coordinates."""
        return np.asarray(np.linalg.inv(self.to_px), np.float64)

    def coordinates(self, points_px: Floats) -> Floats:
        """(..., 2) pixels to (..., 2) coordinates."""
        return np.asarray((points_px - self.origin) @ self.from_px.T, np.float32)

    def pixels(self, coordinates: Floats) -> Floats:
        """(..., 2) coordinates to (..., 2) pixels."""
        return np.asarray(coordinates @ self.to_px.T + self.origin, np.float32)


def _unit(v: Floats) -> Floats:
    return (v / max(float(np.linalg.norm(v)), 1e-6)).astype(np.float32)


def face_down(points: Floats) -> Floats:
    """Unit vector from the forehead to the chin."""
    return _unit(points[mesh.CHIN, :2] - points[mesh.FOREHEAD, :2])


def slit_axes(points: Floats, left: int, right: int, unit_px: float, centre: AnyFloats | None = None) -> Axes:
    """The frame of a slit (mouth or eye) that runs between two corners: across it, and down the face."""
    across = _unit(points[right, :2] - points[left, :2])
    down = face_down(points)
    # A face seen from the side has corners close together and noisy: keep the frame from collapsing.
    square = np.array([-across[1], across[0]], np.float32)
    down = _unit(0.5 * down + 0.5 * square)
    origin = (points[left, :2] + points[right, :2]) / 2 if centre is None else centre
    return Axes(origin.astype(np.float32), across, down, unit_px)
