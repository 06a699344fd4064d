"""Where a live session's frames go: a window, a virtual camera, a video file."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np

from talkinghead.core.errors import DependencyError, DeviceError, OutputError
from talkinghead.core.types import Pixels
from talkinghead.provenance.making import Making


class Output(Protocol):
    """Where frames go. `show` takes one (H, W, 3) RGB and how often it counts; it returns a key, or ""."""

    def show(self, pixels: Pixels, times: int) -> str: ...

    def close(self) -> None: ...


class Screen:
    """A window."""

    def __init__(self, title: str = "talkinghead") -> None:
        import cv2

        self._title = title
        try:
            if not _has_screen():
                raise cv2.error
            cv2.namedWindow(title, cv2.WINDOW_AUTOSIZE)
        except cv2.error:
            raise DeviceError(
                "no window can be opened here: choose --no-window with --record or --virtual-camera"
            ) from None

    def show(self, pixels: Pixels, times: int) -> str:
        import cv2

        cv2.imshow(self._title, pixels[:, :, ::-1])
        key = cv2.waitKey(1) & 0xFF
        if cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1:
            return "q"
        return chr(key) if key < 128 else ""

    def close(self) -> None:
        import cv2

        cv2.destroyWindow(self._title)


def _has_screen() -> bool:
    """Whether a window can be opened; on Linux tried in a process of its own, for Qt aborts where it cannot."""
    if not sys.platform.startswith("linux"):
        return True
    if not os.environ.get("DISPLAY"):
        return False
    trial = [sys.executable, "-c", "import cv2; cv2.namedWindow('talkinghead'); cv2.destroyAllWindows()"]
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0


class VirtualCamera:
    """A camera that other programs see (OBS on Windows and macOS, v4l2loopback on Linux)."""

    def __init__(self, size_px: tuple[int, int], fps: Fraction) -> None:
        try:
            import pyvirtualcam
        except ImportError:
            raise DependencyError("a virtual camera needs pyvirtualcam: pip install 'talkinghead[live]'") from None
        try:
            self._camera = pyvirtualcam.Camera(*size_px, fps=float(fps))
        except (RuntimeError, OSError) as error:
            raise DeviceError(f"no virtual camera could be opened ({error}): install OBS or v4l2loopback") from None

    def show(self, pixels: Pixels, times: int) -> str:
        self._camera.send(np.ascontiguousarray(pixels))
        return ""

    def close(self) -> None:
        self._camera.close()


class Recorder:
    """A video file, encoded in a thread; a frame counts as often as the camera ticked, so that time stays true."""

    def __init__(self, path: str | Path, fps: Fraction, force: bool = False, making: Making | None = None) -> None:
        from talkinghead.media.video import check_target, write_video

        making = making or Making()
        check_target(path, force, marking=making.marking)
        self._frames: queue.Queue[tuple[Pixels, int] | None] = queue.Queue(maxsize=64)
        self._error: BaseException | None = None
        self._empty, self._ended = True, False

        def work() -> None:
            try:
                write_video(path, self._taken(), fps, None, force=force, making=making)
            except BaseException as error:
                self._error = error
                # Whoever shows frames must not wait on a full queue; after the end there are no more to take.
                while not self._ended and self._frames.get() is not None:
                    pass

        self._thread = threading.Thread(target=work, name="talkinghead-recorder", daemon=True)
        self._thread.start()

    def _taken(self) -> Iterator[Pixels]:
        while (item := self._frames.get()) is not None:
            pixels, times = item
            for _ in range(times):
                yield pixels
        self._ended = True

    def show(self, pixels: Pixels, times: int) -> str:
        if self._error:
            raise self._error
        self._empty = False
        self._frames.put((pixels, times))
        return ""

    def close(self) -> None:
        self._frames.put(None)
        self._thread.join()
        # Without a single frame there is no video: why there was none is told elsewhere.
        if self._error and not (self._empty and isinstance(self._error, OutputError)):
            raise self._error
