"""A camera drives a portrait in real time: shown in a window, sent to a virtual camera, recorded, or all of these.

    Camera ─ newest picture ─ FaceTracker ─ LiveDriver ─ Renderer ─ paste-back ─ Screen, VirtualCamera, Recorder

One picture is on its way at a time, which keeps the latency below one frame; pictures that come meanwhile are dropped
and counted.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np

from talkinghead.errors import DependencyError, DeviceError, OutputError
from talkinghead.faces import FaceTracker, canonical_mesh
from talkinghead.sources.camera import Camera, Shot
from talkinghead.sources.tracking.live import LiveDriver
from talkinghead.types import Frame, Motion, Pixels, Portrait, Renderer


@dataclass
class LiveReport:
    """Figures of a session. Latencies run from a picture's arrival to its frame's being handed to all outputs."""

    frames: int = 0
    dropped: int = 0
    faces_lost: int = 0
    seconds: float = 0.0
    latencies_ms: deque[float] = field(default_factory=lambda: deque(maxlen=9000))

    @property
    def fps(self) -> float:
        return self.frames / self.seconds if self.seconds else 0.0

    def latency_ms(self, quantile: float) -> float:
        """0.5 for the median, 0.95 for the slowest twentieth."""
        return float(np.quantile(self.latencies_ms, quantile)) if self.latencies_ms else 0.0

    def summary(self) -> str:
        """One line."""
        return (
            f"{self.frames} frames in {self.seconds:.1f} s ({self.fps:.1f} per second), {self.dropped} dropped, "
            f"{self.faces_lost} without a face, latency {self.latency_ms(0.5):.0f} ms "
            f"(95 %: {self.latency_ms(0.95):.0f} ms)"
        )


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

    def __init__(self, path: str | Path, fps: Fraction, force: bool = False) -> None:
        from talkinghead.media.video import check_target, write_video

        check_target(path, force)
        self._frames: queue.Queue[tuple[Pixels, int] | None] = queue.Queue(maxsize=64)
        self._error: BaseException | None = None

        def work() -> None:
            try:
                write_video(path, self._taken(), fps, None, force=force)
            except BaseException as error:
                self._error = error
                while self._frames.get() is not None:
                    pass

        self._thread = threading.Thread(target=work, name="talkinghead-recorder", daemon=True)
        self._thread.start()

    def _taken(self) -> Iterator[Pixels]:
        while (item := self._frames.get()) is not None:
            pixels, times = item
            for _ in range(times):
                yield pixels

    def show(self, pixels: Pixels, times: int) -> str:
        if self._error:
            raise self._error
        self._frames.put((pixels, times))
        return ""

    def close(self) -> None:
        self._frames.put(None)
        self._thread.join()
        if self._error and not isinstance(self._error, OutputError):
            raise self._error


def run(
    portrait: Portrait,
    renderer: Renderer,
    camera: Camera,
    outputs: list[Output],
    *,
    finish: Callable[[Frame], Pixels],
    change: Callable[[Motion], Motion] = lambda motion: motion,
    face: int | None = None,
    max_frames: int | None = None,
) -> LiveReport:
    """Drive `portrait` by `camera` until it ends, `max_frames` are drawn, or an output says "q"; "n" sets the neutral.

    `finish` makes a picture of a drawn frame (paste-back or the crop); `change` alters the motion (gains).
    """
    report = LiveReport()
    tracker, driver = FaceTracker(index=face), LiveDriver(camera.fps, canonical_mesh())
    waiting: deque[Motion] = deque()

    def motions() -> Iterator[Motion]:
        while True:
            yield waiting.popleft()

    drawn = renderer.render(portrait, motions())
    begin, last = time.monotonic(), -1
    while max_frames is None or report.frames < max_frames:
        shot = camera.latest()
        if shot is None:
            break
        motion = _driven(driver, tracker, shot, report) or Motion.from_blendshapes(np.zeros((1, 52)), camera.fps)
        waiting.append(change(motion))
        pixels = finish(next(drawn))
        ticks = shot.number - last
        report.dropped += ticks - 1
        last = shot.number
        keys = {output.show(pixels, ticks) for output in outputs}
        now = time.monotonic()
        report.frames += 1
        report.seconds = now - begin
        report.latencies_ms.append((now - shot.at_s) * 1000)
        if "n" in keys:
            driver.set_neutral()
        if "q" in keys or "\x1b" in keys:
            break
    return report


def _driven(driver: LiveDriver, tracker: FaceTracker, shot: Shot, report: LiveReport) -> Motion | None:
    found = tracker.track(shot.pixels)
    report.faces_lost += found is None
    return driver.push(None if found is None else found.landmarks)
