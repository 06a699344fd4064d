"""Where the networks look: turned squares in a picture, taken as MediaPipe takes them.

Coordinates here are continuous: a picture of `w` pixels runs from 0 to w. MediaPipe reads the pixel at index i where
its coordinates say i, half a pixel beside that pixel's middle; so do these crops, or the networks would be shown
something else than they are there.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from talkinghead.core.types import Floats, Pixels

# MediaPipe's margins: a crop is this many times as wide as the detector's box or the mesh's.
MARGIN = 1.5
# Steps a pixel in which `cv2.remap` interpolates, and the places it can name.
_STEP_BITS, _LOW, _HIGH = 5, -32768, 32767
_STEPS = 1 << _STEP_BITS
# Columns of a block in whose sums MediaPipe's OpenCV works; the networks' pictures are whole blocks wide.
_BLOCK = 64
# The eyes' outer corners, whose line lies level in a crop.
_EYE_LEFT, _EYE_RIGHT = 33, 263


Array = npt.NDArray[np.float64]


class Region(NamedTuple):
    """A square: its middle, its side, and how far it is turned clockwise, in pixels and radians."""

    x: float
    y: float
    side: float
    angle: float = 0.0

    def cut(self, pixels: Pixels, size_px: int, *, black_border: bool = False) -> Pixels:
        """The square of `pixels` (H, W, 3) at `size_px` pixels, (size_px, size_px, 3).

        Beyond the picture its edge is repeated, or all is black.
        """
        import cv2

        thinned = -(-max(pixels.shape[:2]) // _HIGH)
        if thinned > 1:  # more pixels than `cv2.remap` can count
            region = Region(self.x / thinned, self.y / thinned, self.side / thinned, self.angle)
            return region.cut(pixels[::thinned, ::thinned], size_px, black_border=black_border)
        border = cv2.BORDER_CONSTANT if black_border else cv2.BORDER_REPLICATE
        whole_px, parts = self._sampled_at(size_px)
        return np.asarray(cv2.remap(pixels, whole_px, parts, cv2.INTER_LINEAR, borderMode=border), np.uint8)

    def back(self, points: Floats, size_px: int) -> Floats:
        """Points (n, 2 or 3) of the square at `size_px` pixels, in the picture; z has the same unit as x and y."""
        scale = self.side / size_px
        cos, sin = scale * math.cos(self.angle), scale * math.sin(self.angle)
        x, y = points[:, 0] - size_px / 2, points[:, 1] - size_px / 2
        columns = [cos * x - sin * y + self.x, sin * x + cos * y + self.y, *(scale * points[:, 2:]).T]
        return np.asarray(np.stack(columns, 1), np.float32)

    def _sampled_at(self, size_px: int) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.uint16]]:
        """Where the crop's pixels lie: whole pixels (n, n, 2) of the picture, and 32nds of them packed for `cv2.remap`.

        The networks answer to a rounding that falls the other way by up to a hundredth of the pupil distance, and
        OpenCV's warps round differently from release to release. These sums are MediaPipe's, in its order: the
        square's corners in single precision, the map through them, positions from blocks of 64 columns.
        """
        import cv2

        angle = math.degrees(np.float32(self.angle))
        corners = cv2.boxPoints(((self.x, self.y), (self.side, self.side), angle))
        goals = np.array([[0, size_px], [0, 0], [size_px, 0], [size_px, size_px]], np.float32)
        (a, b, c), (d, e, f), (g, h, i) = cv2.invert(cv2.getPerspectiveTransform(corners, goals))[1]
        block = np.arange(0.0, size_px, _BLOCK)
        within, y = np.arange(float(_BLOCK)), np.arange(float(size_px))[:, None]

        def over(across: float, down: float, shift: float) -> Array:
            """across * x + down * y + shift, for rows, blocks and columns within a block."""
            return np.asarray((across * block + down * y + shift)[..., None] + across * within)

        scale = _STEPS / over(g, h, i)
        places = np.empty((2, size_px, size_px), np.int32)
        places[0] = np.rint(over(a, b, c) * scale).reshape(size_px, size_px)
        places[1] = np.rint(over(d, e, f) * scale).reshape(size_px, size_px)
        whole_px = np.moveaxis(places >> _STEP_BITS, 0, -1).clip(_LOW, _HIGH).astype(np.int16)
        columns, rows = places & (_STEPS - 1)
        return whole_px, (rows << _STEP_BITS | columns).astype(np.uint16)


def whole(pixels: Pixels) -> Region:
    """The square around all of a picture (H, W, 3)."""
    height, width = pixels.shape[:2]
    return Region(width / 2, height / 2, float(max(width, height)))


def region_of_points(points: Floats) -> Region:
    """Where the mesh (478, 2 or 3) is looked for in the next frame."""
    low, high = points[:, :2].min(0).astype(float), points[:, :2].max(0).astype(float)
    (x, y), across = (low + high) / 2, (points[_EYE_RIGHT] - points[_EYE_LEFT]).astype(float)
    return Region(float(x), float(y), MARGIN * float((high - low).max()), math.atan2(across[1], across[0]))
