"""LivePortrait's crop: upright between eyes and lips, a square on the longer side of the landmarks' bounding box.

LivePortrait reads it off 203 landmarks: eyes, lips, nose, both brows and the outline from ear to chin to ear. They
leave the forehead out, so MediaPipe's whole mesh would give a crop a fifth too large. Of its 478 points the brows and
the lower half of the face oval, ear to chin to ear, span the same box; eyes, lips and nose lie within it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from talkinghead.core.errors import FaceError
from talkinghead.core.types import Crop, Floats, Image, Pixels

SIZE_PX = 512
NETWORK_PX = 256
SOURCE_SCALE, SOURCE_SHIFT = 2.3, -0.125
DRIVING_SCALE, DRIVING_SHIFT = 2.2, -0.1

# MediaPipe's mesh. "Left" is the picture's left.
_OUTLINE = (234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454)
_BROWS = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55, 300, 293, 334, 296, 336, 276, 283, 282, 295, 285)
_EXTENT = (*_OUTLINE, *_BROWS)
# Outer corner, upper lid, inner corner, lower lid, as in the 203 landmarks' 0, 6, 12, 18 and 24, 30, 36, 42.
_LEFT_EYE, _RIGHT_EYE = (33, 159, 133, 145), (362, 386, 263, 374)
_LIP_CORNERS, _INNER_LIPS = (61, 291), (13, 14)

_WIDEST_PX = 1280


class FacePoints(NamedTuple):
    """What the rules read off a face, in pixels: `extent` (N, 2) spans its box, `eyes` and `lips` are centres (2,)."""

    extent: npt.NDArray[np.float64]
    eyes: npt.NDArray[np.float64]
    lips: npt.NDArray[np.float64]


class Ratios(NamedTuple):
    """`eyes` (2,): lid gap over eye width, the eye on the picture's left first; `lip`: inner gap over mouth width."""

    eyes: Floats
    lip: float


def _gap(points: npt.NDArray[np.floating[Any]], over: tuple[int, int], under: tuple[int, int]) -> float:
    """Distance between two points over the distance between two others."""
    a, b, c, d = (points[i, :2] for i in (*over, *under))
    return float(np.linalg.norm(a - b) / (np.linalg.norm(c - d) + 1e-6))


def mesh_points(landmarks: npt.NDArray[np.floating[Any]]) -> FacePoints:
    """The rules' points of MediaPipe's mesh (478, 3)."""
    xy = np.asarray(landmarks, np.float64)[:, :2]
    eyes = (xy[list(_LEFT_EYE)].mean(0) + xy[list(_RIGHT_EYE)].mean(0)) / 2
    return FacePoints(xy[list(_EXTENT)], eyes, xy[list(_LIP_CORNERS)].mean(0))


def mesh_ratios(landmarks: npt.NDArray[np.floating[Any]]) -> Ratios:
    """Eye and lip ratios of MediaPipe's mesh (478, 3)."""
    eyes = [_gap(landmarks, (eye[1], eye[3]), (eye[0], eye[2])) for eye in (_LEFT_EYE, _RIGHT_EYE)]
    return Ratios(np.array(eyes, np.float32), _gap(landmarks, _INNER_LIPS, _LIP_CORNERS))


def points_203(landmarks: npt.NDArray[np.floating[Any]]) -> FacePoints:
    """The rules' points of LivePortrait's 203 landmarks (203, 2)."""
    xy = np.asarray(landmarks, np.float64)
    eyes = (xy[[0, 6, 12, 18]].mean(0) + xy[[24, 30, 36, 42]].mean(0)) / 2
    return FacePoints(xy, eyes, xy[[48, 66]].mean(0))


def ratios_203(landmarks: npt.NDArray[np.floating[Any]]) -> Ratios:
    """Eye and lip ratios of LivePortrait's 203 landmarks (203, 2)."""
    eyes = [_gap(landmarks, (6, 18), (0, 12)), _gap(landmarks, (30, 42), (24, 36))]
    return Ratios(np.array(eyes, np.float32), _gap(landmarks, (90, 102), (48, 66)))


def crop_matrix(
    points: FacePoints, scale: float = SOURCE_SCALE, shift: float = SOURCE_SHIFT, size_px: int = SIZE_PX
) -> npt.NDArray[np.float64]:
    """The affine map (2, 3) from picture pixels to crop pixels.

    `scale` is the crop's side over the box's longer side; `shift` moves the centre towards the lips, in sides.

    Raises:
        FaceError: the landmarks lie on one another.
    """
    down = points.lips - points.eyes
    extent = float(np.ptp(points.extent, axis=0).max())
    length = float(np.linalg.norm(down))
    if not np.isfinite(extent) or extent < 2:
        raise FaceError("the face is too small to be cropped: a picture in which it is larger is needed")
    # Eyes and lips on one spot say nothing about what is up: take the picture's own.
    down = down / length if length > 1e-3 else np.array([0.0, 1.0])
    axes = np.stack([np.array([down[1], -down[0]]), down])
    upright = points.extent @ axes.T
    low, high = upright.min(0), upright.max(0)
    side = float((high - low).max()) * scale
    centre = (low + high) / 2 @ axes + down * shift * side
    linear = axes * (size_px / side)
    return np.column_stack([linear, size_px / 2 - linear @ centre])


def cut(pixels: Pixels, matrix: npt.NDArray[np.float64], size_px: int = SIZE_PX) -> Pixels:
    """A picture (H, W, 3) under a crop's map: (size, size, 3), black outside the picture.

    Bilinear; where the crop shrinks the picture more than twofold, the picture is first averaged down.
    """
    shrink = 1 / np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    if shrink > 2:
        height, width = pixels.shape[:2]
        small = (max(1, round(width * 2 / shrink)), max(1, round(height * 2 / shrink)))
        back = np.linalg.inv(_square(whole_matrix(width, height, small)))
        pixels = cv2.resize(pixels, small, interpolation=cv2.INTER_AREA)
        matrix = (_square(matrix) @ back)[:2]
    return np.asarray(cv2.warpAffine(pixels, matrix, (size_px, size_px), flags=cv2.INTER_LINEAR), np.uint8)


def _square(matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.vstack([matrix, [0.0, 0.0, 1.0]])


def whole_matrix(width: int, height: int, size_px: tuple[int, int]) -> npt.NDArray[np.float64]:
    """The map (2, 3) that resizes a picture to `size_px`, pixel centres at integers."""
    x, y = size_px[0] / width, size_px[1] / height
    return np.array([[x, 0.0, (x - 1) / 2], [0.0, y, (y - 1) / 2]])


def whole_crop(image: Image) -> Crop:
    """The crop that is the whole picture."""
    return Crop(whole_matrix(*image.size_px, (SIZE_PX, SIZE_PX)), (SIZE_PX, SIZE_PX))


def network_picture(image: Image, crop: Crop, pixels: Pixels) -> Pixels:
    """What the networks see of a crop: (256, 256, 3).

    A picture that is used whole is resized once, from its own pixels; LivePortrait first drops an odd last row or
    column and scales what is wider than 1280 down.
    """
    if not np.array_equal(crop.matrix, whole_crop(image).matrix):
        return np.asarray(cv2.resize(pixels, (NETWORK_PX, NETWORK_PX), interpolation=cv2.INTER_AREA), np.uint8)
    whole = image.pixels
    longest = max(whole.shape[:2])
    if longest > _WIDEST_PX:
        width, height = (int(side * _WIDEST_PX / longest) for side in image.size_px)
        whole = cv2.resize(whole, (max(2, width), max(2, height)), interpolation=cv2.INTER_AREA)
    height, width = (max(2, side // 2 * 2) for side in whole.shape[:2])
    whole = whole[:height, :width]
    smooth = min(height, width) > 2 * NETWORK_PX  # plain bilinear sampling would skip pixels
    flags = cv2.INTER_AREA if smooth else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(whole, (NETWORK_PX, NETWORK_PX), interpolation=flags), np.uint8)
