"""Pictures at the size that somebody asks for."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np

from talkinghead.core.types import Pixels


def fitted(size_px: tuple[int, int], longest_px: int) -> tuple[int, int]:
    """(width, height), even, of pictures whose longer side is at most so long."""
    share = min(Fraction(1), Fraction(longest_px, max(size_px)))
    width, height = (max(2, round(side * share) // 2 * 2) for side in size_px)
    return width, height


def scaled(pixels: Pixels, size_px: tuple[int, int]) -> Pixels:
    """A picture at this size."""
    if (pixels.shape[1], pixels.shape[0]) == size_px:
        return pixels
    return np.asarray(cv2.resize(pixels, size_px, interpolation=cv2.INTER_AREA), np.uint8)
