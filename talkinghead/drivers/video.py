"""A driving video: every frame's face mesh as blendshapes and head pose."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np

from talkinghead.core.errors import FaceError
from talkinghead.core.types import Face, Pixels, TrackReport
from talkinghead.drivers.driving import Driving
from talkinghead.drivers.tracking.stream import Calibration, Mesh, MotionStream, calibrate
from talkinghead.faces import FaceTracker, Sight, StreamTracker, canonical_mesh
from talkinghead.media.sound import FileSound
from talkinghead.media.video import VideoReader
from talkinghead.motion.motion import Motion

# The neutral face is looked for in this much of the beginning, so many times a second: drawing need not wait until
# all of it has been tracked. A clip of a few seconds is tracked once, and calibrated on all its frames.
CALIBRATION_S = 20.0
_LOOKS_HZ = 5
_SHORT_S = 4.0
_FEWEST_LOOKS = 12
_CHUNK = 16


class VideoDriver:
    """Pictures (H, W, 3) RGB of one face, pushed one by one, to motion; a few at a time come back.

    A picture that was pushed must not change before the next one has been.

    `portrait` is the face that will be driven, in its picture: where that picture is one of these very frames, motion
    is relative to that frame. `face` picks one of several faces, counted from 1 by size in the first frame that shows
    one, and stays with it. Without a `calibration` the first `calibration_s` are collected for one. `name` is for
    messages.

    Raises (from `finish`):
        FaceError: no frame showed a face.
    """

    single = False

    def __init__(
        self,
        fps: Fraction,
        *,
        name: str = "the driver",
        portrait: Face | None = None,
        face: int | None = None,
        calibration: Calibration | None = None,
        calibration_s: float = CALIBRATION_S,
    ) -> None:
        self.fps, self._name, self._face = Fraction(fps), name, face
        self._stream = MotionStream(
            self.fps, canonical_mesh(), calibration_s=calibration_s, portrait=portrait, calibration=calibration
        )
        self._tracker = StreamTracker(index=face)
        self._meshes: list[Mesh | None] = []
        self._cuts: list[bool] = []

    @property
    def report(self) -> TrackReport | None:
        return self._stream.report

    @property
    def calibration(self) -> Calibration | None:
        """What was learnt about the driving face, once it is."""
        return self._stream.calibration

    def push(self, chunk: Pixels) -> Motion | None:
        self._note(self._tracker.push(chunk))
        return self._read(_CHUNK) if len(self._meshes) >= _CHUNK else None

    def finish(self) -> Motion | None:
        self._note(self._tracker.finish())
        try:
            parts = [self._read(len(self._meshes)) if self._meshes else None, self._stream.finish()]
        except FaceError as error:
            if self._face is not None and self._face > 1:
                raise FaceError(f"{self._name} shows no face number {self._face}: 1 is the largest") from None
            raise FaceError(f"{self._name}: {error}") from None
        motions = [part for part in parts if part is not None]
        return Motion.concatenate(motions) if motions else None

    def close(self) -> None:
        self._tracker.close()

    def _note(self, sights: Iterable[Sight]) -> None:
        for sight in sights:
            self._meshes.append(None if sight.face is None else sight.face.landmarks)
            self._cuts.append(sight.cut)

    def _read(self, frames: int) -> Motion | None:
        meshes, self._meshes = self._meshes[:frames], self._meshes[frames:]
        cuts, self._cuts = self._cuts[:frames], self._cuts[frames:]
        return self._stream.push(meshes, cuts)


def tracked(
    pictures: Iterable[Pixels],
    fps: Fraction,
    *,
    name: str = "the driver",
    frames: int | None = None,
    portrait: Face | None = None,
    face: int | None = None,
    calibration_s: float = CALIBRATION_S,
    sound: FileSound | None = None,
) -> Driving[Pixels]:
    """The motion of `pictures` (H, W, 3) RGB at `fps`, which can be iterated as often as needed; see `VideoDriver`."""

    def start() -> tuple[VideoDriver, Iterable[Pixels]]:
        calibration = _looked_ahead(pictures, fps, frames, portrait, face, calibration_s)
        driver = VideoDriver(fps, name=name, portrait=portrait, face=face, calibration=calibration,
                             calibration_s=calibration_s)  # fmt: skip
        return driver, pictures

    return Driving(start, fps, frames=frames, sound=sound)


def tracked_video(
    path: str | Path, *, fps: Fraction | None = None, portrait: Face | None = None, face: int | None = None
) -> Driving[Pixels]:
    """The motion of a video file's face; `fps` resamples it, None keeps its own rate.

    Raises:
        VideoError: the file is no video that can be decoded.
    """
    reader, path = VideoReader(Path(path), fps), Path(path)
    sound = FileSound(path) if reader.has_audio else None
    return tracked(
        reader, reader.fps, name=path.name, frames=reader.frames, portrait=portrait, face=face, sound=sound
    )  # fmt: skip


def _looked_ahead(
    pictures: Iterable[Pixels],
    fps: Fraction,
    frames: int | None,
    portrait: Face | None,
    face: int | None,
    calibration_s: float,
) -> Calibration | None:
    """A calibration from a quick look at the beginning; None where the clip is short or shows too few faces."""
    if iter(pictures) is pictures or (frames or np.inf) <= _SHORT_S * fps:
        return None
    meshes: list[Mesh] = []
    every = max(1, round(fps / _LOOKS_HZ))
    with FaceTracker(index=face) as tracker:
        for pixels in islice(pictures, 0, round(calibration_s * fps), every):
            found = tracker.track(pixels)
            if tracker.cut and meshes:
                break  # another shot, in which places count from elsewhere
            if found is not None:
                meshes.append(found.landmarks)
    return calibrate(meshes, canonical_mesh(), portrait) if len(meshes) >= _FEWEST_LOOKS else None
