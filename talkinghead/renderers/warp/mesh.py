"""Points of MediaPipe's face mesh by what they mark, and the frames of reference that are built on them.

"Left" and "right" are the picture's, except in the names of ARKit blendshapes, where they are the person's.
Curves run from the picture's left to its right.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from talkinghead.core.types import Floats
from talkinghead.faces import mesh as faces

INNER_UPPER, INNER_LOWER = faces.INNER_LIP_UPPER, faces.INNER_LIP_LOWER
OUTER_UPPER, OUTER_LOWER = faces.OUTER_LIP_UPPER, faces.OUTER_LIP_LOWER
LEFT_LID_UPPER, LEFT_LID_LOWER = faces.LEFT_LID_UPPER, faces.LEFT_LID_LOWER
RIGHT_LID_UPPER, RIGHT_LID_LOWER = faces.RIGHT_LID_UPPER, faces.RIGHT_LID_LOWER
OVAL = faces.FACE_OVAL
LEFT_IRIS, RIGHT_IRIS = (468, 469, 470, 471, 472), (473, 474, 475, 476, 477)

# Lower edge of each brow, then its upper edge, both from the picture's left.
LEFT_BROW = ((46, 53, 52, 65, 55), (70, 63, 105, 66, 107))
RIGHT_BROW = ((285, 295, 282, 283, 276), (336, 296, 334, 293, 300))

LEFT_CHEEK, RIGHT_CHEEK = (50, 205, 187), (280, 425, 411)
LEFT_NOSE_WING, RIGHT_NOSE_WING = (48, 64, 129), (278, 294, 358)
SUBNASALE, CHIN, FOREHEAD, LEFT_SIDE, RIGHT_SIDE = 2, 152, 10, 234, 454
NOSE_TIP = 1


def pupil_distance_px(points: Floats) -> float:
    """The unit D: the distance between the pupils, or what it would be if the face were not turned."""
    d = float(np.linalg.norm(points[468, :2] - points[473, :2]))
    height = float(np.linalg.norm(points[CHIN, :2] - points[FOREHEAD, :2]))
    return max(d, 0.34 * height, 2.0)


@dataclass(frozen=True)
class Axes:
    """A skewed frame: `origin` in pixels, unit vectors `across` and `down`, lengths in units of `unit_px`."""

    origin: Floats
    across: Floats
    down: Floats
    unit_px: float

    @cached_property
    def to_px(self) -> npt.NDArray[np.float64]:
        """(2, 2): coordinates to pixels, without the origin."""
        return np.stack([self.across, self.down], axis=1).astype(np.float64) * self.unit_px

    @cached_property
    def from_px(self) -> npt.NDArray[np.float64]:
        """(2, 2): pixels, without the origin, to coordinates."""
        return np.linalg.inv(self.to_px)

    def coordinates(self, points_px: Floats) -> Floats:
        """(..., 2) pixels to (..., 2) coordinates."""
        return ((points_px - self.origin) @ self.from_px.T).astype(np.float32)

    def pixels(self, coordinates: Floats) -> Floats:
        """(..., 2) coordinates to (..., 2) pixels."""
        return (coordinates @ self.to_px.T + self.origin).astype(np.float32)


def _unit(v: Floats) -> Floats:
    return (v / max(float(np.linalg.norm(v)), 1e-6)).astype(np.float32)


def face_down(points: Floats) -> Floats:
    """Unit vector from the forehead to the chin."""
    return _unit(points[CHIN, :2] - points[FOREHEAD, :2])


def slit_axes(points: Floats, left: int, right: int, unit_px: float, centre: Floats | None = None) -> Axes:
    """The frame of a slit (mouth or eye) that runs between two corners: across it, and down the face."""
    across = _unit(points[right, :2] - points[left, :2])
    down = face_down(points)
    # A face seen from the side has corners close together and noisy: keep the frame from collapsing.
    square = np.array([-across[1], across[0]], np.float32)
    down = _unit(0.5 * down + 0.5 * square)
    origin = (points[left, :2] + points[right, :2]) / 2 if centre is None else centre
    return Axes(origin.astype(np.float32), across, down, unit_px)
