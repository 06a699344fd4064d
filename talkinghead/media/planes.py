"""RGB to the planes that video codecs take: 8 bits, 4:2:0, BT.709 in the limited range; transparency in full range.

ffmpeg's own conversion gives the same within a level and takes four times as long, beside twice the bytes that go
through the pipe to it.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from talkinghead.core.types import Pixels

_RED, _BLUE = 0.2126, 0.0722
_WEIGHTS = np.array([_RED, 1 - _RED - _BLUE, _BLUE])
# The mean of four pixels is rounded up by an eighth of a level on the average, and nothing where they are alike: half
# of that is taken off before.
_ROUNDED_UP = 1 / 16


def _matrix() -> npt.NDArray[np.float32]:
    """(3, 4): RGB in 0..255 and 1 to Y in 16..235, Cb and Cr in 16..240."""
    blue, red = np.array([0, 0, 1]) - _WEIGHTS, np.array([1, 0, 0]) - _WEIGHTS
    rows = [219 * _WEIGHTS, 112 * blue / (1 - _BLUE), 112 * red / (1 - _RED)]
    return np.column_stack([np.stack(rows) / 255, [16, 128 - _ROUNDED_UP, 128 - _ROUNDED_UP]]).astype(np.float32)


class Planes:
    """Where frames of one size, even in both directions, become planes; for one thread at a time."""

    def __init__(self, size_px: tuple[int, int], alpha: bool = False) -> None:
        """`size_px`: (width, height); `alpha`: frames are RGBA."""
        width, height = size_px
        self._matrix, self._half = _matrix(), (width // 2, height // 2)
        self._mixed = np.empty((height, width, 3), np.uint8)
        self._whole = np.empty((height, width), np.uint8)
        own = height * width * 3 // 2
        self._all = np.empty(own + height * width * alpha, np.uint8)
        self._alpha = self._all[own:].reshape(height, width) if alpha else None
        self._rgb = np.empty((height, width, 3), np.uint8) if alpha else None
        self._y = self._all[: height * width].reshape(height, width)
        self._chroma = self._all[height * width : own].reshape(2, height // 2, width // 2)

    def of(self, frame: Pixels) -> Pixels:
        """The planes Y, Cb, Cr of `frame` (H, W, 3) RGB, one after the other, (H * W * 3 / 2,); valid until next time.

        Chroma is the mean of four pixels, as ffmpeg takes it from RGB. Of (H, W, 4) RGBA, alpha comes last, (H * W,).
        """
        if self._alpha is not None and self._rgb is not None:
            cv2.extractChannel(frame, 3, self._alpha)
            frame = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGBA2RGB, self._rgb), np.uint8)
        cv2.transform(frame, self._matrix, self._mixed)
        cv2.extractChannel(self._mixed, 0, self._y)
        for channel, plane in enumerate(self._chroma, start=1):
            cv2.extractChannel(self._mixed, channel, self._whole)
            cv2.resize(self._whole, self._half, plane, interpolation=cv2.INTER_AREA)
        return self._all
