"""A camera: a webcam's number, or any video file or stream, read in a thread that keeps the newest picture alone."""

from __future__ import annotations

import threading
import time
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import numpy as np

from talkinghead.core.errors import VideoError
from talkinghead.core.types import Pixels

_MOST_FPS = 120


class Shot(NamedTuple):
    """A picture (H, W, 3) RGB, its number since the start, and the monotonic time in seconds at which it was there."""

    pixels: Pixels
    number: int
    at_s: float


class Camera:
    """Context manager around OpenCV's capture.

    `source`: the number of a webcam, or a path or URL. A file plays at its own rate, as a camera would. `latest` hands
    out each picture at most once; those that came and went unseen are the gaps between the numbers.

    Raises:
        VideoError: there is no such camera, file or stream.
    """

    def __init__(self, source: str | int) -> None:
        self._is_file = not str(source).isdigit() and "://" not in str(source)
        self.name = f"camera {source}" if str(source).isdigit() else str(source)
        if self._is_file and not Path(str(source)).is_file():
            raise VideoError(f"there is no file {source}: give a webcam's number, a video file or a stream's URL")
        import cv2

        self._capture = cv2.VideoCapture(int(source) if str(source).isdigit() else str(source))
        if not self._capture.isOpened():
            raise VideoError(f"{self.name} cannot be opened: is it plugged in, allowed and free?")
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = Fraction(rate).limit_denominator(1001) if 1 <= rate <= _MOST_FPS else Fraction(30)
        self._fresh = threading.Condition()
        self._shot: Shot | None = None
        self._ended = False
        self._thread = threading.Thread(target=self._read, name="talkinghead-camera", daemon=True)

    def __enter__(self) -> Camera:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._fresh:
            self._ended = True
        self._thread.join(timeout=5.0)
        self._capture.release()

    def latest(self, timeout_s: float = 5.0) -> Shot | None:
        """The newest picture that was not handed out yet, waited for; None when there will be no more."""
        with self._fresh:
            if not self._fresh.wait_for(lambda: self._shot is not None or self._ended, timeout_s):
                raise VideoError(f"{self.name} has sent no picture for {timeout_s:g} s")
            shot, self._shot = self._shot, None
            return shot

    def _read(self) -> None:
        begin, number = time.monotonic(), 0
        while not self._ended:
            there, picture = self._capture.read()
            if not there:
                break
            if self._is_file:
                # A file is always ready: hand out each picture when a camera would have taken it.
                time.sleep(max(0.0, begin + float(number / self.fps) - time.monotonic()))
            with self._fresh:
                self._shot = Shot(np.ascontiguousarray(picture[:, :, ::-1]), number, time.monotonic())
                self._fresh.notify()
            number += 1
        with self._fresh:
            self._ended = True
            self._fresh.notify()
