"""Where one shot ends and the next begins."""

from __future__ import annotations

import cv2
import numpy as np

from talkinghead.core.types import Floats, Pixels

# Pictures are compared at this size, in grey levels of 0 to 255 (mean absolute difference).
_SIDE, _READ_PX = 32, 256
# Talking heads differ by 1 to 2 from frame to frame, in quick motion by up to 10; cuts by 20 to 90.
_SURE, _LIKELY = 22.0, 12.0
# A cut stands out from the motion before it by so much.
_STANDS_OUT, _STILL = 4.0, 0.5
_MEMORY = 0.8


class CutDetector:
    """Says of each picture whether it is the first of another shot."""

    def __init__(self) -> None:
        self._last: Floats | None = None
        self._motion: float | None = None

    def is_cut(self, pixels: Pixels) -> bool:
        """Whether between the picture before and this one (H, W, 3) RGB uint8 there is a cut; never at the first."""
        last, self._last = self._last, _small(pixels)
        if last is None or last.shape != self._last.shape:
            return False
        change = float(np.abs(self._last - last).mean())
        before = self._motion
        if before is None:
            cut = change > _SURE
        else:
            cut = change > _LIKELY and change > _STANDS_OUT * max(before, _STILL)
        if cut:
            self._motion = None
        else:
            self._motion = change if before is None else _MEMORY * before + (1 - _MEMORY) * change
        return cut


def _small(pixels: Pixels) -> Floats:
    step = max(1, min(pixels.shape[:2]) // _READ_PX)
    part = np.ascontiguousarray(pixels[::step, ::step])
    return np.asarray(cv2.resize(part, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.float32)
