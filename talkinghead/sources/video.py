"""A driving video: every frame's face mesh as blendshapes and head pose."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from talkinghead.errors import FaceError
from talkinghead.faces import FaceTracker, canonical_mesh
from talkinghead.media.video import VideoReader
from talkinghead.sources.tracking.recovery import TrackReport
from talkinghead.sources.tracking.stream import Calibration, Mesh, MotionStream
from talkinghead.types import Face, Motion

# The neutral face is looked for in this much of the beginning; nothing is drawn before it has been tracked.
CALIBRATION_S = 20.0
_CHUNK = 16


class VideoMotionSource:
    """A MotionSource over a video file, in constant memory.

    `portrait` is the face that will be driven, in its picture: where that picture is a frame of this very video, motion
    is relative to that frame. `face` picks one of several faces, counted from 1 by size in the first frame that shows
    one, and stays with it. After a run, `report` says how tracking went and `calibration` what was learnt.

    Raises (when iterated):
        VideoError: the file is no video that can be decoded.
        FaceError: no frame shows a face.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        portrait: Face | None = None,
        face: int | None = None,
        calibration_s: float = CALIBRATION_S,
    ) -> None:
        self._path, self._portrait, self._face, self._calibration_s = Path(path), portrait, face, calibration_s
        with VideoReader(self._path) as video:
            self._fps, self._frames = video.fps, video.frames
        self.report = TrackReport()
        self.calibration: Calibration | None = None

    @property
    def fps(self) -> Fraction:
        return self._fps

    @property
    def frames(self) -> int | None:
        return self._frames

    def __iter__(self) -> Iterator[Motion]:
        stream = MotionStream(self._fps, canonical_mesh(), calibration_s=self._calibration_s, portrait=self._portrait)
        try:
            for meshes in self._meshes():
                motion = stream.push(meshes)
                self.report, self.calibration = stream.report, stream.calibration
                if motion is not None:
                    yield motion
            motion = stream.finish()
        except FaceError as error:
            raise FaceError(f"{self._path.name}: {error}") from None
        self.report, self.calibration = stream.report, stream.calibration
        if motion is not None:
            yield motion

    def _meshes(self) -> Iterator[list[Mesh | None]]:
        """Meshes of the frames, a few at a time."""
        batch: list[Mesh | None] = []
        with VideoReader(self._path) as video:
            tracker = FaceTracker(index=self._face)
            for pixels in video:
                found = tracker.track(pixels)
                batch.append(None if found is None else found.landmarks)
                if len(batch) == _CHUNK:
                    yield batch
                    batch = []
        if batch:
            yield batch
