"""The guided filter, from box filters alone: what a picture's own edges make of a mask or a map.

K. He, J. Sun, X. Tang: Guided Image Filtering, ECCV 2010. Its residual p - guided(p) is the matting Laplacian of Levin
et al. (A Closed-Form Solution to Natural Image Matting, 2008) times p, for windows of any size:
`talkinghead.faces.matting` solves with it.
"""

from __future__ import annotations

import cv2
import numpy as np

from talkinghead.core.types import Floats


class GuidedFilter:
    """One guide (h, w, 3) float32 in 0..1, worked out once for filtering many maps."""

    def __init__(self, guide: Floats, radius_px: int, epsilon: float) -> None:
        """`epsilon`: variance below which the guide counts as flat."""
        self._size = (2 * radius_px + 1,) * 2
        self._guide = np.ascontiguousarray(guide, np.float32)
        self._mean = self._box(self._guide)
        products = self._box(np.dstack([self._guide[..., i] * self._guide[..., j] for i, j in _PAIRS]))
        xx, xy, xz, yy, yz, zz = (
            products[..., n] - self._mean[..., i] * self._mean[..., j] + (epsilon if i == j else 0.0)
            for n, (i, j) in enumerate(_PAIRS)
        )
        # The inverse of a symmetric 3 x 3 matrix at every pixel, by its cofactors.
        cofactors = (yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy, xx * zz - xz * xz, xy * xz - xx * yz,
                     xx * yy - xy * xy)  # fmt: skip
        determinant = xx * cofactors[0] + xy * cofactors[1] + xz * cofactors[2]
        self._inverse = [cofactor / np.maximum(determinant, 1e-15) for cofactor in cofactors]

    def __call__(self, values: Floats) -> Floats:
        """`values` (h, w) smoothed within the guide's regions and not across their edges."""
        mean = self._box(values)
        together = self._box(self._guide * values[..., None]) - self._mean * mean[..., None]
        x, y, z = cv2.split(together)
        xx, xy, xz, yy, yz, zz = self._inverse
        slope = cv2.merge([xx * x + xy * y + xz * z, xy * x + yy * y + yz * z, xz * x + yz * y + zz * z])
        offset = mean - (slope * self._mean).sum(axis=2)
        out: Floats = (self._box(slope) * self._guide).sum(axis=2) + self._box(offset)
        return out

    def _box(self, values: Floats) -> Floats:
        mean: Floats = cv2.boxFilter(values, cv2.CV_32F, self._size, borderType=cv2.BORDER_REFLECT)
        return mean


_PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
