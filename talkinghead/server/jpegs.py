"""A stream's frames as JPEG, each behind its time; sound that the server made, as events."""

from __future__ import annotations

import base64
from collections.abc import Callable

import cv2
import numpy as np

from talkinghead.core.types import Frame
from talkinghead.media.fitting import scaled
from talkinghead.provenance.containers import xmp_segment
from talkinghead.provenance.making import Making
from talkinghead.realtime.sounds import Sound

_QUALITY = 85


class JpegStream:
    """Frames of `size_px` (width, height), and sound of `rate_hz`, to `send`."""

    def __init__(
        self, size_px: tuple[int, int], rate_hz: int, send: Callable[[bytes | dict[str, object]], None], making: Making
    ) -> None:
        self._size_px, self._rate_hz, self._send = size_px, rate_hz, send
        self._xmp = xmp_segment(making.packet) if making.packet else b""
        self._samples = 0

    def show(self, frames: list[Frame], sound: list[Sound]) -> None:
        """Send them."""
        for one in sound:
            if one.is_own:
                pcm = np.rint(np.clip(one.samples, -1, 1) * 32_767).astype("<i2").tobytes()
                self._send({"type": "sound", "time": round(self._samples / self._rate_hz, 5), "rate": self._rate_hz,
                            "format": "s16le", "data": base64.b64encode(pcm).decode("ascii")})  # fmt: skip
            self._samples += len(one.samples)
        for frame in frames:
            pixels = cv2.cvtColor(scaled(frame.pixels, self._size_px), cv2.COLOR_RGB2BGR)
            _, jpeg = cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, _QUALITY))
            data = jpeg.tobytes()  # XMP comes right behind the two bytes that begin every JPEG
            self._send(np.asarray(frame.time_s, "<f8").tobytes() + data[:2] + self._xmp + data[2:])

    def finish(self) -> None:
        """Nothing is held here."""

    def close(self) -> None:
        """Nothing is held here."""
