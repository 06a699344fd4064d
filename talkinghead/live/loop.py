"""A camera drives a portrait in real time: shown in a window, sent to a virtual camera, recorded, or all of these.

    Camera ─ newest picture ─ FaceTracker ─ LiveDriver ─ Renderer ─ paste-back ─ Screen, VirtualCamera, Recorder

One picture is on its way at a time, which keeps the latency below one frame; pictures that come meanwhile are dropped
and counted.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from talkinghead.core.errors import VideoError
from talkinghead.core.settings import Settings
from talkinghead.core.types import DrawnCrop, Pixels, Portrait
from talkinghead.drivers.tracking.live import LiveDriver
from talkinghead.faces import FaceTracker, canonical_mesh
from talkinghead.faces.paste import paste_back
from talkinghead.live.camera import Camera, Shot
from talkinghead.live.outputs import Output, Recorder, Screen, VirtualCamera
from talkinghead.motion.blendshapes import N_BLENDSHAPES
from talkinghead.motion.gains import apply_gains
from talkinghead.motion.motion import Motion
from talkinghead.motion.protocols import Renderer


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


class Session:
    """A portrait, a renderer, a camera and the outputs, ready to run once."""

    def __init__(
        self,
        portrait: Portrait,
        renderer: Renderer,
        camera: Camera,
        outputs: Sequence[Output],
        *,
        finish: Callable[[DrawnCrop], Pixels],
        change: Callable[[Motion], Motion] = lambda motion: motion,
        face: int | None = None,
        note: str = "",
    ) -> None:
        """`finish` makes a picture of a drawn frame (paste-back or the crop); `change` alters the motion (gains)."""
        self.note, self.report = note, LiveReport()
        self._portrait, self._renderer, self._camera, self._outputs = portrait, renderer, camera, outputs
        self._finish, self._change = finish, change
        self._tracker, self._driver = FaceTracker(index=face), LiveDriver(camera.fps, canonical_mesh())

    def run(self, max_frames: int | None = None) -> LiveReport:
        """Draw until the camera ends, `max_frames` are drawn, or an output says "q"; "n" sets the neutral face."""
        waiting: deque[Motion] = deque()

        def motions() -> Iterator[Motion]:
            while True:
                yield waiting.popleft()

        # The first frame takes a renderer's preparations, which must not count as latency.
        drawn = self._renderer.render(self._portrait, motions())
        waiting.append(self._at_rest())
        self._finish(next(drawn))
        try:
            with self._camera:
                self._loop(drawn, waiting, max_frames)
        finally:
            self._tracker.close()
            for output in self._outputs:
                output.close()
        return self.report

    def _loop(self, drawn: Iterator[DrawnCrop], waiting: deque[Motion], max_frames: int | None) -> None:
        report, begin, last = self.report, time.monotonic(), -1
        while max_frames is None or report.frames < max_frames:
            shot = self._camera.latest()
            if shot is None:
                if not report.frames:
                    raise VideoError(f"{self._camera.name} gave no picture that can be decoded")
                return
            waiting.append(self._change(self._motion(shot)))
            pixels = self._finish(next(drawn))
            ticks, last = shot.number - last, shot.number
            keys = {output.show(pixels, ticks) for output in self._outputs}
            now = time.monotonic()
            report.frames += 1
            report.dropped += ticks - 1
            report.seconds = now - begin
            report.latencies_ms.append((now - shot.at_s) * 1000)
            if "n" in keys:
                self._driver.set_neutral()
            if keys & {"q", "\x1b"}:
                return

    def _motion(self, shot: Shot) -> Motion:
        found = self._tracker.track(shot.pixels)
        self.report.faces_lost += found is None
        return self._driver.push(None if found is None else found.landmarks) or self._at_rest()

    def _at_rest(self) -> Motion:
        return Motion.from_blendshapes(np.zeros((1, N_BLENDSHAPES)), self._camera.fps)


def open_session(
    picture: str | Path,
    settings: Settings,
    *,
    camera: str = "0",
    camera_face: int | None = None,
    window: bool = True,
    virtual_camera: bool = False,
    record: str | None = None,
    force: bool = False,
    max_side_px: int = 720,
) -> Session:
    """A session that drives `picture` by `camera` (a webcam's number, a file or a URL) as `settings` ask.

    Raises:
        InputError: the picture, its face or the camera cannot be had.
        DeviceError: there is no screen, or no virtual camera.
        DependencyError: a virtual camera was asked for and pyvirtualcam is not installed.
        OutputError: the recording cannot be written.
    """
    from talkinghead.clip import open_still
    from talkinghead.media.images import read_image
    from talkinghead.renderers.select import select

    eye = Camera(camera)
    renderer, note = select(settings)
    image = read_image(Path(picture), max_side_px=max_side_px)
    portrait = open_still(image, renderer, settings).portrait
    framed = settings.framing != "picture"
    size_px = portrait.crop.size_px if framed else image.size_px
    outputs: list[Output] = []
    if record:
        outputs.append(Recorder(record, eye.fps, force))
    if virtual_camera:
        outputs.append(VirtualCamera(size_px, eye.fps))
    if window:
        outputs.append(Screen())

    def finish(frame: DrawnCrop) -> Pixels:
        return frame.pixels if framed else paste_back(image.pixels, frame)

    def change(motion: Motion) -> Motion:
        return apply_gains(motion, settings.gains, settings.still)

    return Session(portrait, renderer, eye, outputs, finish=finish, change=change, face=camera_face, note=note)
