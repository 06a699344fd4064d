"""Whether a mouth is to be seen, or something covers it: a mask, a hand, a microphone.

Two things are measured. A mouth has a pattern from above the upper lip to below the lower one: lips are redder and
darker than skin, and darkest where they meet. And the mesh, laid several times from slightly different places, comes to
lie on the same lips; where there are none, it guesses, each time elsewhere.

`benchmarks/mouth_covers` chose what is weighed here, and measures how often it is right: six covers in seven are seen,
and of 685 uncovered mouths none is taken for covered.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from talkinghead.core.types import Face, Floats, Pixels
from talkinghead.faces import mesh
from talkinghead.faces.crop import eye_lip_axes, inverse, resample
from talkinghead.faces.following import cut_out, moved_region
from talkinghead.faces.geometry import pupil_distance
from talkinghead.faces.landmarker import measured, region_of
from talkinghead.models.face_mesh import Region

# Linear RGB of the sRGB primaries to CIE XYZ over D65's white (IEC 61966-2-1); what is darker than this is not rooted.
_TO_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
_TO_XYZ = (_TO_XYZ / np.array([[0.950456], [1.0], [1.088754]])).astype(np.float32)
_DARK = 216 / 24389
# The mouth is looked at on a square of so many pixels, of which so many are a pupil distance; its middle lies here.
_VIEW_PX, _UNIT_PX, _MIDDLE_PX = 112, 64, (56.0, 44.0)
_SOFT_PX = 1.5
# Points across the mouth that are looked at: all of a lip's curve but what is near the corners.
_COLUMNS = slice(2, 9)
# How far above and below the lips skin is looked at, in pupil distances.
_ABOVE, _BELOW = (0.18, 0.12, 0.06), (0.06, 0.13, 0.2)
# What a mouth looks like from above to below: lightness and redness (CIELAB's L and a) of the 13 rows.
LIGHT = np.array((4.8, 6.4, 7.6, -0.6, -7.4, -10.2, -9.4, -8.5, -1.3, 2.7, 5.0, 4.7, 6.3))
RED = np.array((-4.5, -5.5, -4.2, 2.2, 3.8, 3.4, 3.3, 5.4, 5.1, 4.3, -2.8, -4.8, -5.9))
# Pairs of looks from opposite sides: how far the square moves (in its sides, across and down), its size, its lean.
_LOOKS = ((0.05, 0.0, 1.1, 0.1), (-0.05, 0.0, 0.93, -0.1), (0.0, 0.06, 1.12, -0.08), (0.0, -0.06, 0.9, 0.08))
_LIPS = sorted({*mesh.OUTER_LIP_UPPER, *mesh.OUTER_LIP_LOWER, *mesh.INNER_LIP_UPPER, *mesh.INNER_LIP_LOWER})
_HELD = sorted({*mesh.NOSE_BRIDGE, *mesh.LEFT_LID_LOWER, *mesh.RIGHT_LID_LOWER, mesh.NOSE_TIP, mesh.SUBNASALE,
                mesh.FOREHEAD})  # fmt: skip
# A pattern so like a mouth's leaves no doubt: the mesh need not be laid again.
CLEAR = 0.85
# Weights of the logarithm of the mesh's unrest, the pattern and the logarithm of the contrast, and what is added.
WEIGHTS = (2.225, -3.023, -1.406, 8.299)
# Smaller faces show too little of their mouths: the distance of the pupils in pixels.
SMALLEST_PX = 20


class Evidence(NamedTuple):
    """What speaks for and against a mouth.

    `pattern`: how like a mouth's rows those of the picture are, -1 to 1; `contrast`: the logarithm of their spread in
    lightness; `unrest`: the logarithm of how far the lips of the mesh move, in pupil distances, when it is laid again.
    """

    pattern: float
    contrast: float
    unrest: float

    @property
    def against(self) -> float:
        """Above 0 where something covers the mouth."""
        unrest, pattern, contrast, constant = WEIGHTS
        return unrest * self.unrest + pattern * self.pattern + contrast * self.contrast + constant


def mouth_covered(pixels: Pixels, face: Face) -> bool:
    """Whether something covers the mouth of `face` in `pixels` (H, W, 3) RGB uint8; False where it cannot be told."""
    if pupil_distance(face.landmarks) < SMALLEST_PX:
        return False
    rows = mouth_rows(pixels, face)
    return pattern_of(rows) < CLEAR and evidence(pixels, face, rows).against > 0


def evidence(pixels: Pixels, face: Face, rows: Floats | None = None) -> Evidence:
    """What is measured on a mouth; `rows` where `mouth_rows` has been asked already."""
    rows = mouth_rows(pixels, face) if rows is None else rows
    contrast = float(np.log(rows[..., 0].std() + 1))
    return Evidence(pattern_of(rows), contrast, float(np.log(_unrest(pixels, face) + 0.003)))


def mouth_rows(pixels: Pixels, face: Face) -> Floats:
    """Colours (13, 7, 3) in CIELAB across the mouth: skin above, upper lip, between the lips, lower lip, skin below."""
    axes = np.stack(eye_lip_axes(face.landmarks)) * (_UNIT_PX / pupil_distance(face.landmarks))
    middle = face.landmarks[[mesh.INNER_LIP_TOP, mesh.INNER_LIP_BOTTOM], :2].mean(0)
    matrix = np.column_stack([axes, np.array(_MIDDLE_PX) - axes @ middle])
    view = cv2.GaussianBlur(resample(pixels, matrix, (_VIEW_PX, _VIEW_PX)), (0, 0), _SOFT_PX)
    lab = _lab(view)
    at = _places(face.moved(matrix).landmarks[:, :2])
    return np.asarray(cv2.remap(lab, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _lab(pixels: Pixels) -> Floats:
    """(h, w, 3) RGB uint8, sRGB, in CIELAB under D65. OpenCV's own conversion takes 0.2 s to set up its tables."""
    shades = np.arange(256, dtype=np.float32) / 255
    linear = np.where(shades <= 0.04045, shades / 12.92, ((shades + 0.055) / 1.055) ** 2.4).astype(np.float32)
    xyz = linear[pixels] @ _TO_XYZ.T
    bent = np.where(xyz > _DARK, np.cbrt(xyz), xyz * (841 / 108) + 4 / 29)
    x, y, z = np.moveaxis(bent, -1, 0)
    return np.dstack([116 * y - 16, 500 * (x - y), 200 * (y - z)]).astype(np.float32)


def _places(points: Floats) -> Floats:
    """Where the rows are looked at (13, 7, 2), in the view."""
    curves = (mesh.OUTER_LIP_UPPER, mesh.INNER_LIP_UPPER, mesh.INNER_LIP_LOWER, mesh.OUTER_LIP_LOWER)
    top, upper, lower, bottom = (points[np.array(curve)[_COLUMNS]] for curve in curves)
    down = np.array([0, _UNIT_PX], np.float32)
    above, below = [top - far * down for far in _ABOVE], [bottom + far * down for far in _BELOW]
    lips = [0.7 * top + 0.3 * upper, 0.3 * top + 0.7 * upper, upper, (upper + lower) / 2, lower,
            0.7 * lower + 0.3 * bottom, 0.3 * lower + 0.7 * bottom]  # fmt: skip
    return np.stack([*above, *lips, *below]).astype(np.float32)


def pattern_of(rows: Floats) -> float:
    """How like a mouth's the rows are, by lightness or by redness, whichever is more: a correlation, -1 to 1."""
    return max(_correlation(rows[..., 0], LIGHT), _correlation(rows[..., 1], RED))


def _correlation(values: Floats, expected: npt.NDArray[np.float64]) -> float:
    a, b = values - values.mean(), np.broadcast_to((expected - expected.mean())[:, None], values.shape)
    return float((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum() + 1e-9))


def _unrest(pixels: Pixels, face: Face) -> float:
    """How far the lips move against the upper face between opposite looks, in pupil distances: the two pairs' sum."""
    around, to_picture = cut_out(pixels, region_of(face))
    here = moved_region(region_of(face), to_picture)
    regions = [Region(here.x + dx * here.side, here.y + dy * here.side, size * here.side, here.angle + lean)
               for dx, dy, size, lean in _LOOKS]  # fmt: skip
    points = np.stack([found.landmarks[:, :2] for found in measured(around, regions)])
    lips = points[:, _LIPS].mean(1) - points[:, _HELD].mean(1)
    moved = np.linalg.norm(lips[0] - lips[1]) + np.linalg.norm(lips[2] - lips[3])
    return float(moved) / pupil_distance(face.moved(inverse(to_picture)).landmarks)
