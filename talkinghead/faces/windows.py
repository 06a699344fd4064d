"""The squares of a picture in which faces are looked for, and the picture at a smaller size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from talkinghead.core.types import Pixels
from talkinghead.models.face_mesh import Region


def shrunk(pixels: Pixels, scale: float) -> Pixels:
    """(H, W, 3) at `scale` of its size, to within half a pixel."""
    if scale == 1:
        return pixels
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def windows(size_px: tuple[int, int], parts: int, turn: int) -> Iterator[Region]:
    """The square around the picture, or overlapping ones of 1/`parts` of its longer side, turned by `turn` quarters."""
    width, height = size_px
    side, angle = max(width, height) / parts, turn * math.pi / 2
    if parts == 1:
        yield Region(width / 2, height / 2, side, angle)
        return
    for y in _starts(height, side):
        for x in _starts(width, side):
            yield Region(x + min(side, width) / 2, y + min(side, height) / 2, side, angle)


def _starts(length: float, side: float) -> Sequence[float]:
    """Where windows of `side` begin along `length`, overlapping by half."""
    if length <= side:
        return [0.0]
    return list(np.linspace(0, length - side, int(np.ceil((length - side) / (side / 2))) + 1))
