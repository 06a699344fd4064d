"""Fragmented MP4 while it is drawn: H.264 and AAC, every frame a fragment of its own, as MediaSource plays it."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import cv2
import numpy as np

from talkinghead.core.types import Frame
from talkinghead.media.ffmpeg import FFmpeg, tag_arguments
from talkinghead.media.video import SYNTHETIC_VIDEO
from talkinghead.provenance.making import Making

_READ_BYTES = 1 << 16
_FRAMES_WAITING = 12  # more than a session gives at a time
# A fragment lasts less than a frame, in microseconds. ffmpeg's frag_every_frame gives two frames one time now and then,
# and without delay_moov the picture comes late by what the sound's encoder holds back.
_ARGUMENTS = ("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-crf", "23",
              "-profile:v", "baseline", "-level:v", "4.0", "-fps_mode", "passthrough", "-c:a", "aac",
              "-b:a", "96k", "-ar", "48000", "-flush_packets", "1", "-movflags", "+delay_moov+default_base_moof",
              "-frag_duration", "20000", "-f", "mp4", "pipe:1")  # fmt: skip
_COLOURS = ("scale=out_color_matrix=bt709:out_range=tv,format=yuv420p,"
            "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv")  # fmt: skip


class Mp4Stream:
    """One run of ffmpeg; what it writes goes to `send`, from a thread."""

    mime = 'video/mp4; codecs="avc1.42c028, mp4a.40.2"'

    def __init__(
        self, size_px: tuple[int, int], fps: Fraction, rate_hz: int, send: Callable[[bytes | dict[str, object]], None],
        making: Making | None = None,
    ) -> None:  # fmt: skip
        comment = (making or Making()).comment(SYNTHETIC_VIDEO)
        tags = tag_arguments({"comment": comment} if comment else {})
        self._size_px, self._send = size_px, send
        read, self._sound = os.pipe()
        picture = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", f"{size_px[0]}x{size_px[1]}", "-framerate",
                   f"{fps.numerator}/{fps.denominator}", "-probesize", "32", "-i", "pipe:0"]  # fmt: skip
        sound = ["-f", "s16le", "-ar", str(rate_hz), "-ac", "1", "-probesize", "32", "-i", f"pipe:{read}"]
        self._ffmpeg = FFmpeg(["-loglevel", "error", "-fflags", "nobuffer", *picture, *sound, "-vf", _COLOURS, "-g",
                               str(round(fps)), *tags, *_ARGUMENTS], feed=True, read=True, inherit=(read,))  # fmt: skip
        os.close(read)
        self._open = True
        self._reader = threading.Thread(target=self._read, name="talkinghead-fmp4", daemon=True)
        self._reader.start()
        self._frames: queue.Queue[bytes | None] = queue.Queue(_FRAMES_WAITING)
        self._feeder = threading.Thread(target=self._feed, name="talkinghead-fmp4", daemon=True)
        self._feeder.start()

    def show(self, frames: list[Frame], sound: list[Any]) -> None:
        """Encode them.

        Raises:
            ConnectionError: ffmpeg has ended, or whoever it is for has gone.
        """
        # ffmpeg takes no more pictures than it has sound for, which its encoder holds back a little.
        for one in sound:
            data = np.rint(np.clip(one.samples, -1, 1) * 32_767).astype("<i2").tobytes()
            while data:
                data = data[os.write(self._sound, data) :]
        for frame in frames:
            pixels = cv2.resize(frame.pixels, self._size_px, interpolation=cv2.INTER_AREA)
            self._put(np.ascontiguousarray(pixels).tobytes())

    def finish(self) -> None:
        """Let everything out.

        Raises:
            ConnectionError: as `show`.
        """
        self._put(None)
        self._close_sound()
        self._reader.join(timeout=10)

    def close(self) -> None:
        """Stop at once; harmless after `finish`."""
        self._close_sound()
        if self._ffmpeg.process.poll() is None:
            self._ffmpeg.process.kill()
        while self._feeder.is_alive():  # it may wait for a picture
            with contextlib.suppress(queue.Full):
                self._frames.put(None, timeout=0.05)
            self._feeder.join(0.05)
        self._reader.join(timeout=5)
        self._ffmpeg.close()

    def _close_sound(self) -> None:
        if self._open:
            self._open = False
            os.close(self._sound)

    def _put(self, data: bytes | None) -> None:
        while self._feeder.is_alive():
            with contextlib.suppress(queue.Full):
                self._frames.put(data, timeout=0.1)
                return
        raise ConnectionError("ffmpeg has ended")

    def _feed(self) -> None:
        pipe = self._ffmpeg.process.stdin
        assert pipe is not None
        with contextlib.suppress(OSError):
            while (data := self._frames.get()) is not None:
                pipe.write(data)
                pipe.flush()
            pipe.close()

    def _read(self) -> None:
        pipe: Any = self._ffmpeg.process.stdout
        there = True
        with contextlib.suppress(ValueError):  # closed under it, at the end
            while data := pipe.read1(_READ_BYTES):
                try:
                    if there:
                        self._send(data)
                except ConnectionError:
                    there = False  # read on all the same: ffmpeg must not stand still
