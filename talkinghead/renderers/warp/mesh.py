"""Points of MediaPipe's face mesh by what they mark, and the frames of reference that are built on them.

"Left" and "right" are the picture's, except in the names of ARKit blendshapes, where they are the person's.
Curves run from the picture's left to its right.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from talkinghead.types import Floats

INNER_UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
INNER_LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
OUTER_UPPER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
OUTER_LOWER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)

LEFT_LID_UPPER = (33, 246, 161, 160, 159, 158, 157, 173, 133)
LEFT_LID_LOWER = (33, 7, 163, 144, 145, 153, 154, 155, 133)
RIGHT_LID_UPPER = (362, 398, 384, 385, 386, 387, 388, 466, 263)
RIGHT_LID_LOWER = (362, 382, 381, 380, 374, 373, 390, 249, 263)
LEFT_IRIS, RIGHT_IRIS = (468, 469, 470, 471, 472), (473, 474, 475, 476, 477)

# Lower edge of each brow, then its upper edge, both from the picture's left.
LEFT_BROW = ((46, 53, 52, 65, 55), (70, 63, 105, 66, 107))
RIGHT_BROW = ((285, 295, 282, 283, 276), (336, 296, 334, 293, 300))

OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
        148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)  # fmt: skip
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
