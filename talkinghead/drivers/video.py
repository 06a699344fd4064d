"""A driving video: every frame's face mesh as blendshapes and head pose."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np

from talkinghead.core.errors import FaceError
from talkinghead.core.types import Face, Pixels, TrackReport
from talkinghead.drivers.tracking.stream import Calibration, Mesh, MotionStream, calibrate
from talkinghead.faces import FaceTracker, canonical_mesh
from talkinghead.media.video import VideoReader
from talkinghead.motion.motion import Motion

# The neutral face is looked for in this much of the beginning, so many times a second: drawing need not wait until
# all of it has been tracked. A clip of a few seconds is tracked once, and calibrated on all its frames.
CALIBRATION_S = 20.0
_LOOKS_HZ = 5
_SHORT_S = 4.0
_FEWEST_LOOKS = 12
_CHUNK = 16


class TrackedMotionSource:
    """A MotionSource over pictures of one face, in constant memory.

    `pictures`: frames (H, W, 3) RGB at `fps`, iterable as often as motion is asked for; `name` for messages. `portrait`
    is the face that will be driven, in its picture: where that picture is one of these very frames, motion is relative
    to that frame. `face` picks one of several faces, counted from 1 by size in the first frame that shows one, and
    stays with it. After a run, `report` says how tracking went and `calibration` what was learnt.

    Raises (when iterated):
        FaceError: no frame shows a face.
    """

    def __init__(
        self,
        pictures: Iterable[Pixels],
        fps: Fraction,
        *,
        name: str = "the driver",
        frames: int | None = None,
        portrait: Face | None = None,
        face: int | None = None,
        calibration_s: float = CALIBRATION_S,
    ) -> None:
        self._pictures, self._fps, self._frames, self._name = pictures, Fraction(fps), frames, name
        self._portrait, self._face, self._calibration_s = portrait, face, calibration_s
        self.report = TrackReport()
        self.calibration: Calibration | None = None

    @property
    def fps(self) -> Fraction:
        return self._fps

    @property
    def frames(self) -> int | None:
        return self._frames

    def __iter__(self) -> Iterator[Motion]:
        stream = MotionStream(
            self._fps,
            canonical_mesh(),
            calibration_s=self._calibration_s,
            portrait=self._portrait,
            calibration=self._looked_ahead(),
        )
        try:
            for meshes in self._meshes():
                motion = stream.push(meshes)
                self.report, self.calibration = stream.report, stream.calibration
                if motion is not None:
                    yield motion
            motion = stream.finish()
        except FaceError as error:
            if self._face is not None and self._face > 1:
                raise FaceError(f"{self._name} shows no face number {self._face}: 1 is the largest") from None
            raise FaceError(f"{self._name}: {error}") from None
        self.report, self.calibration = stream.report, stream.calibration
        if motion is not None:
            yield motion

    def _looked_ahead(self) -> Calibration | None:
        """A calibration from a quick look at the beginning; None where the clip is short or shows too few faces."""
        if iter(self._pictures) is self._pictures or (self._frames or np.inf) <= _SHORT_S * self._fps:
            return None
        every, meshes = max(1, round(self._fps / _LOOKS_HZ)), []
        with FaceTracker(index=self._face) as tracker:
            for pixels in islice(self._pictures, 0, round(self._calibration_s * self._fps), every):
                found = tracker.track(pixels)
                if found is not None:
                    meshes.append(found.landmarks)
        return calibrate(meshes, canonical_mesh(), self._portrait) if len(meshes) >= _FEWEST_LOOKS else None

    def _meshes(self) -> Iterator[list[Mesh | None]]:
        """Meshes of the frames, a few at a time."""
        batch: list[Mesh | None] = []
        with FaceTracker(index=self._face) as tracker:
            for pixels in self._pictures:
                found = tracker.track(pixels)
                batch.append(None if found is None else found.landmarks)
                if len(batch) == _CHUNK:
                    yield batch
                    batch = []
        if batch:
            yield batch


class VideoMotionSource(TrackedMotionSource):
    """A MotionSource over a video file; `fps` resamples it, None keeps its own rate.

    Raises:
        VideoError: the file is no video that can be decoded.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        fps: Fraction | None = None,
        portrait: Face | None = None,
        face: int | None = None,
        calibration_s: float = CALIBRATION_S,
    ) -> None:
        reader = VideoReader(Path(path), fps)
        super().__init__(
            reader,
            reader.fps,
            name=Path(path).name,
            frames=reader.frames,
            portrait=portrait,
            face=face,
            calibration_s=calibration_s,
        )
        self.has_audio = reader.has_audio
