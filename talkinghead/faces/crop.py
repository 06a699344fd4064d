"""Crop algebra: affine maps (2, 3) float64 from picture pixels to crop pixels, and pictures taken through them.

Pixel centres are at integers, so the picture of `w` pixels covers -0.5 to w - 0.5.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from talkinghead.core.types import Crop, Floats, Image, Pixels
from talkinghead.faces import mesh

Matrix = npt.NDArray[np.float64]


def eye_lip_axes(landmarks: Floats) -> tuple[Matrix, Matrix]:
    """The face's own axes (ux, uy), unit vectors: uy from the middle of the eyes to that of the lips.

    `landmarks` (478, 2 or 3) in pixels; an upright face has ux = (1, 0) and uy = (0, 1). LivePortrait's crop rule.
    """
    points = np.asarray(landmarks, np.float64)[:, :2]
    eyes = [mesh.LEFT_LID_UPPER + mesh.LEFT_LID_LOWER, mesh.RIGHT_LID_UPPER + mesh.RIGHT_LID_LOWER]
    eye = sum((points[list(lids)].mean(0) for lids in eyes), np.zeros(2)) / 2
    lip = points[[mesh.LIP_LEFT, mesh.LIP_RIGHT]].mean(0)
    return axes_between(eye, lip)


def axes_between(eye: npt.NDArray[np.floating[Any]], lip: npt.NDArray[np.floating[Any]]) -> tuple[Matrix, Matrix]:
    """(ux, uy) from the eyes' centre (2,) and the lips' centre (2,); upright where the two coincide."""
    down = np.asarray(lip, np.float64) - np.asarray(eye, np.float64)
    length = float(np.hypot(*down))
    uy = down / length if length > 1e-6 else np.array([0.0, 1.0])
    return np.array([uy[1], -uy[0]]), uy


def square_around(
    points: npt.NDArray[np.floating[Any]],
    ux: Matrix,
    uy: Matrix,
    *,
    scale: float = 1.0,
    shift_x: float = 0.0,
    shift_y: float = 0.0,
) -> tuple[Matrix, float]:
    """(centre (2,), side) of the square along `ux` and `uy` around the bounding box of `points` (n, 2) in that frame.

    The longer side of the box times `scale`; the centre moves by `shift_x`, `shift_y` times the side so made.
    """
    along = np.asarray(points, np.float64)[:, :2] @ np.stack([ux, uy], 1)
    low, high = along.min(0), along.max(0)
    side = float((high - low).max()) * scale
    middle = (low + high) / 2 + side * np.array([shift_x, shift_y])
    return middle @ np.stack([ux, uy]), side


def matrix_from_square(centre: Matrix, ux: Matrix, uy: Matrix, side: float, size_px: int) -> Matrix:
    """The similarity (2, 3) that takes the square at `centre` (2,), `side` picture pixels wide, to `size_px` pixels.

    Continuous coordinates: the square's corner goes to (0, 0), its opposite to (size_px, size_px).
    """
    linear = np.stack([ux, uy]) * (size_px / max(side, 1e-6))
    return np.column_stack([linear, size_px / 2 - linear @ centre])


def inverse(matrix: npt.NDArray[np.floating[Any]]) -> Matrix:
    """The affine map (2, 3) that undoes `matrix`."""
    linear = np.linalg.inv(np.asarray(matrix, np.float64)[:, :2])
    return np.column_stack([linear, -linear @ np.asarray(matrix, np.float64)[:, 2]])


def compose(outer: npt.NDArray[np.floating[Any]], inner: npt.NDArray[np.floating[Any]]) -> Matrix:
    """The affine map (2, 3) that does `inner` first, then `outer`."""
    a, b = np.asarray(outer, np.float64), np.asarray(inner, np.float64)
    return np.column_stack([a[:, :2] @ b[:, :2], a[:, :2] @ b[:, 2] + a[:, 2]])


def whole_picture(image: Image, size_px: tuple[int, int] | None = None) -> Crop:
    """The crop that is all of `image`, resized to `size_px` (width, height) where given."""
    width, height = image.size_px
    out_w, out_h = size_px or (width, height)
    sx, sy = out_w / width, out_h / height
    return Crop(np.array([[sx, 0, (sx - 1) / 2], [0, sy, (sy - 1) / 2]]), (out_w, out_h))


@lru_cache(maxsize=8)
def integer_offset(crop: Crop) -> tuple[int, int] | None:
    """(x, y) of the crop's first pixel in the picture, where crop pixels are picture pixels; None for other crops."""
    linear, offset = crop.matrix[:, :2], crop.matrix[:, 2]
    if not np.allclose(linear, np.eye(2), atol=1e-9) or not np.allclose(offset, np.round(offset), atol=1e-6):
        return None
    return round(-offset[0]), round(-offset[1])


def resample(pixels: Pixels, matrix: npt.NDArray[np.floating[Any]], size_px: tuple[int, int]) -> Pixels:
    """`pixels` through the affine map `matrix`, `size_px` (width, height); beyond the border its edge is repeated.

    Bilinear; where the map shrinks, an area average first, so that fine detail does not alias.
    """
    shrink = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if shrink < 0.5:
        height, width = pixels.shape[:2]
        small = (max(1, round(width * shrink * 1.4)), max(1, round(height * shrink * 1.4)))
        pixels_small = cv2.resize(pixels, small, interpolation=cv2.INTER_AREA)
        sx, sy = width / small[0], height / small[1]
        matrix = compose(matrix, np.array([[sx, 0, (sx - 1) / 2], [0, sy, (sy - 1) / 2]]))
        pixels = pixels_small.reshape(*pixels_small.shape[:2], *pixels.shape[2:])
    return np.asarray(
        cv2.warpAffine(pixels, matrix, size_px, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )
