"""A camera drives a portrait in real time: shown in a window, sent to a virtual camera, recorded, or all of these.

    Camera ─ newest picture ─ LiveVideoDriver ─ Session ─ Screen, VirtualCamera, Recorder

One picture is on its way at a time, which keeps the latency below one frame; pictures that come meanwhile are dropped
and counted.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from talkinghead.avatar import Avatar
from talkinghead.core.errors import InputError, MotionError, VideoError
from talkinghead.drivers.live_video import LiveVideoDriver
from talkinghead.live.camera import Camera, Shot
from talkinghead.live.outputs import Output, Recorder, Screen, VirtualCamera
from talkinghead.provenance.making import Making
from talkinghead.session import Session

# More than this is kept for no quantile: five minutes at 30 pictures per second.
_LATENCIES = 9000


@dataclass
class LiveReport:
    """Figures of a run. Latencies run from a picture's arrival to its frame's being handed to all outputs."""

    frames: int = 0
    dropped: int = 0
    faces_lost: int = 0
    seconds: float = 0.0
    latencies_ms: deque[float] = field(default_factory=lambda: deque(maxlen=_LATENCIES))

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


class LiveLoop:
    """A session that is pushed what a camera sees, and the outputs that show its frames; runs once."""

    def __init__(
        self, session: Session, camera: Camera, outputs: Sequence[Output], *, face: int | None = None, note: str = ""
    ) -> None:
        """`session` has the camera's frame rate; `face`: which of several before the camera."""
        if session.fps != camera.fps:
            raise MotionError(f"the session runs at {session.fps} frames per second, the camera at {camera.fps}")
        self.note, self.report = note, LiveReport()
        self._session, self._camera, self._outputs = session, camera, outputs
        self._driver = LiveVideoDriver(camera.fps, face=face)

    def run(self, max_frames: int | None = None) -> LiveReport:
        """Draw until the camera ends, `max_frames` are drawn, or an output says "q"; "n" sets the neutral face.

        Raises:
            VideoError: the camera gives no picture.
        """
        try:
            # The first frame takes a renderer's preparations, which must not count as latency.
            self._session.push_motion(self._driver.rest())
            with self._camera:
                self._loop(max_frames)
        finally:
            self._driver.close()
            self._session.close()
            for output in self._outputs:
                output.close()
        return self.report

    def _loop(self, max_frames: int | None) -> None:
        report, begin, last = self.report, time.monotonic(), -1
        while max_frames is None or report.frames < max_frames:
            shot = self._camera.latest()
            if shot is None:
                if not report.frames:
                    raise VideoError(f"{self._camera.name} gave no picture that can be decoded")
                return
            keys = self._show(shot, shot.number - last)
            now = time.monotonic()
            report.frames += 1
            report.dropped += shot.number - last - 1
            report.faces_lost = self._driver.report.lost if self._driver.report else 0
            report.seconds = now - begin
            report.latencies_ms.append((now - shot.at_s) * 1000)
            last = shot.number
            if "n" in keys:
                self._driver.set_neutral()
            if keys & {"q", "\x1b"}:
                return

    def _show(self, shot: Shot, ticks: int) -> set[str]:
        """Draw a picture's frame and hand it to every output: the keys that were pressed."""
        frames = self._session.push_motion(self._driver.push(shot.pixels))
        return {output.show(frame.pixels, ticks) for frame in frames for output in self._outputs}


def open_live(
    avatar: Avatar,
    *,
    camera: str = "0",
    camera_face: int | None = None,
    window: bool = True,
    virtual_camera: bool = False,
    record: str | None = None,
    force: bool = False,
) -> LiveLoop:
    """A loop that drives `avatar` by `camera`: a webcam's number, a file or a URL.

    Raises:
        InputError: the camera cannot be had.
        DeviceError: there is no screen, or no virtual camera.
        DependencyError: a virtual camera was asked for and pyvirtualcam is not installed.
        OutputError: the recording cannot be written.
    """
    if avatar.settings.is_transparent:
        raise InputError("live frames keep no transparency: give a colour, such as --background green, or a picture")
    eye = Camera(camera)
    session = avatar.motion_session(eye.fps)
    outputs: list[Output] = []
    try:
        if record:
            outputs.append(Recorder(record, eye.fps, force, Making(avatar.settings.marking)))
        if virtual_camera:
            outputs.append(VirtualCamera(session.size_px, eye.fps))
        if window:
            outputs.append(Screen())
    except BaseException:
        # Those that were opened already must not wait for frames for ever.
        for output in outputs:
            output.close()
        raise
    return LiveLoop(session, eye, outputs, face=camera_face, note=avatar.note)
