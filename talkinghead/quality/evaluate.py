"""A video's figures, by itself and against a reference: what `talkinghead evaluate` prints.

As JSON, `"schema": 1`:

    schema, program     1; "talkinghead 0.2.0"
    video, reference    file, fps, size [width, height] of each; reference null where there is none
    compared            fps, frames, size, seconds: what was looked at, and notes: how the videos were brought together
    against_reference   see `AgainstReference`; null where there is no reference
    alone               "video" and, with a reference, "reference": see `talkinghead.quality.face_series.Alone`
    lip_sync            see `talkinghead.quality.lip_sync.LipSync`; null where no SyncNet file was given

A figure that could not be had is null, and `reasons` beside it says why; PSNR of equal pictures, which is infinite, is
null with `identical` true. NaN is never written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from talkinghead.core.errors import FaceError, VideoError
from talkinghead.core.types import Pixels
from talkinghead.faces import FaceTracker
from talkinghead.media.audio import SPEECH_RATE_HZ
from talkinghead.media.kinds import read_as
from talkinghead.media.sound import FileSound
from talkinghead.media.video import VideoReader
from talkinghead.quality.distances import LandmarkDistance, PictureDistance, closures, face_window
from talkinghead.quality.face_series import MAX_LAG_S, Alone, FaceSeries, frame_levels
from talkinghead.quality.lip_sync import LipSync, SyncNetFile, lip_sync
from talkinghead.quality.report import rounded, silent_frames
from talkinghead.quality.selfcheck import best_lag, pearson

SCHEMA = 1


@dataclass(frozen=True)
class VideoFacts:
    """What one of the files is; `size` is (width, height)."""

    file: str
    fps: str
    size: tuple[int, int]


@dataclass(frozen=True)
class Compared:
    """What was looked at: `frames` at `fps`, pictures of `size`; `notes`: how two videos were brought together."""

    fps: str
    frames: int
    size: tuple[int, int]
    seconds: float
    notes: tuple[str, ...]


@dataclass(frozen=True)
class AgainstReference:
    """A video against its reference, frame against frame of the same time; None where it could not be had.

    - `lmd`, `m_lmd`, `f_lmd`: see `talkinghead.quality.distances.LandmarkDistance`; `frames_with_both_faces`;
    - `ssim`, `psnr_db`: of whole frames; `face_ssim`, `face_psnr_db`: of the face's crop; `identical`: all pictures
      are equal, and PSNR is infinite;
    - `opening_correlation`: Pearson's, of the two mouths' openings, at `opening_lag_ms`, the lag at which it is
      greatest (positive: the video is behind its reference); `opening_correlation_unshifted`: at no lag;
    - `closures_kept`, `closures_right`: see `talkinghead.quality.distances.closures`.
    """

    lmd: float | None
    m_lmd: float | None
    f_lmd: float | None
    frames_with_both_faces: int
    ssim: float | None
    psnr_db: float | None
    face_ssim: float | None
    face_psnr_db: float | None
    identical: bool
    opening_correlation: float | None
    opening_lag_ms: float | None
    opening_correlation_unshifted: float | None
    closures_kept: float | None
    closures_right: float | None
    reasons: dict[str, str]


@dataclass(frozen=True)
class Evaluation:
    """Everything that was measured; see the module's docstring."""

    video: VideoFacts
    reference: VideoFacts | None
    compared: Compared
    against_reference: AgainstReference | None
    alone: dict[str, Alone]
    lip_sync: LipSync | None

    def as_json(self) -> str:
        """All of it as JSON text."""
        from talkinghead import __version__

        record = {"schema": SCHEMA, "program": f"talkinghead {__version__}", **asdict(self)}
        return json.dumps(rounded(record), indent=2, allow_nan=False) + "\n"


def evaluate(
    video: str | Path,
    reference: str | Path | None = None,
    *,
    syncnet: SyncNetFile | None = None,
    progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """Measure the face in `video`, alone and against `reference`, of which it is to be the copy.

    Two videos begin together. They are read at one rate, the lower of theirs, up to the end of the shorter one; where
    their sizes differ, the video's frames are scaled to the reference's for SSIM and PSNR. `compared.notes` says what
    of that was done. The largest face of each is followed.

    Raises:
        VideoError: a file is no video, or is a picture.
        FaceError: one of them shows no face.
        AudioError: SyncNet was asked for, and the video has no sound.
        CheckpointError: the SyncNet file is another one than the published.
    """
    if syncnet is not None:
        syncnet.check()
    own = _open(Path(video))
    other = None if reference is None else _open(Path(reference))
    fps = own.fps if other is None else min(own.fps, other.fps)
    readers = [_at(reader, fps) for reader in (own, other) if reader is not None]
    pair = _Pair(fps, readers[-1].size_px)
    for done, pixels in enumerate(_together(readers), start=1):
        pair.add(*pixels)
        if progress:
            progress(done)
    alone = {}
    for name, reader, series in zip(("video", "reference"), (own, other), pair.series):
        if reader is None:
            continue
        if not series.seen:
            raise FaceError(f"{reader.path} shows no face that could be measured: give a video of a talking face")
        alone[name] = _alone(series, reader, fps)
    frames = len(pair.series[0])
    notes = tuple(_notes(own, other, fps, frames))
    compared = Compared(str(fps), frames, readers[-1].size_px, float(frames / fps), notes)
    found = None if syncnet is None else lip_sync(own.path, syncnet)
    against = None if other is None else pair.summary()
    return Evaluation(_facts(own), None if other is None else _facts(other), compared, against, alone, found)


class _Pair:
    """One or two videos, measured frame by frame."""

    def __init__(self, fps: Fraction, size_px: tuple[int, int]) -> None:
        self._fps, self._size_px = float(fps), size_px
        self.series = (FaceSeries(self._fps), FaceSeries(self._fps))
        self._trackers = (FaceTracker(), FaceTracker())
        self._landmarks, self._both = LandmarkDistance(), 0
        self._whole, self._face = PictureDistance(), PictureDistance()

    def add(self, pixels: Pixels, reference: Pixels | None = None) -> None:
        """The next frame of each."""
        given = (pixels,) if reference is None else (pixels, reference)
        faces = []
        for shown, tracker, series in zip(given, self._trackers, self.series):
            face = tracker.track(shown)
            series.add(face, tracker.cut)
            faces.append(face)
        if reference is None:
            return
        scaled = _scaled(pixels, self._size_px)
        if min(self._size_px) >= 11:
            self._whole.add(scaled, reference)
        face, wanted = faces
        window = None if wanted is None else face_window(wanted, self._size_px)
        if window is not None:
            self._face.add(scaled[window], reference[window])
        if face is not None and wanted is not None:
            self._both += 1
            self._landmarks.add(face, wanted)

    def summary(self) -> AgainstReference:
        reasons: dict[str, str] = {}
        here, there = self.series[0].opening, self.series[1].opening
        best, lag = best_lag(here, there, round(MAX_LAG_S * self._fps))
        if best is None or lag is None:
            reasons["opening"] = "one of the mouths does not move, or too few frames show both faces"
        lmd, mouth, whole = self._landmarks.means or (None, None, None)
        if lmd is None:
            reasons["landmarks"] = "no frame shows both faces"
        kept, right = closures(here, there, self._fps)
        if kept is None or right is None:
            reasons["closures"] = "one of the mouths never closes"
        psnr, face_psnr = self._whole.psnr_db, self._face.psnr_db
        return AgainstReference(
            lmd, mouth, whole, self._both, self._whole.ssim, psnr, self._face.ssim, face_psnr, psnr == float("inf"),
            best, None if lag is None else 1000 * lag / self._fps, pearson(here, there), kept, right, reasons,
        )  # fmt: skip


def _scaled(pixels: Pixels, size_px: tuple[int, int]) -> Pixels:
    if pixels.shape[1::-1] == size_px:
        return pixels
    smaller = pixels.shape[1] * pixels.shape[0] > size_px[0] * size_px[1]
    scaled: Pixels = cv2.resize(pixels, size_px, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
    return scaled


def _open(path: Path) -> VideoReader:
    if path.is_file() and read_as(path) == "picture":
        raise VideoError(f"{path} is a picture: evaluate measures videos")
    return VideoReader(path)


def _at(reader: VideoReader, fps: Fraction) -> VideoReader:
    return reader if reader.fps == fps else VideoReader(reader.path, fps)


def _together(readers: list[VideoReader]) -> Iterator[tuple[Pixels, ...]]:
    """Frames of the same time, until the shorter video ends; decoders are stopped then."""
    try:
        yield from zip(*readers, strict=False)
    finally:
        for reader in readers:
            reader.close()


def _alone(series: FaceSeries, reader: VideoReader, fps: Fraction) -> Alone:
    if not reader.has_audio:
        return series.summary(None, None)
    sound = FileSound(reader.path)
    levels = frame_levels(sound.blocks(SPEECH_RATE_HZ), SPEECH_RATE_HZ, float(fps), len(series))
    return series.summary(levels, silent_frames(sound.blocks(SPEECH_RATE_HZ), SPEECH_RATE_HZ, fps))


def _facts(reader: VideoReader) -> VideoFacts:
    return VideoFacts(str(reader.path), str(reader.fps), reader.size_px)


def _notes(own: VideoReader, other: VideoReader | None, fps: Fraction, frames: int) -> Iterator[str]:
    if other is None:
        return
    if own.fps != other.fps:
        yield f"read at {_rate(fps)} frames per second, the lower rate of {_rate(own.fps)} and {_rate(other.fps)}"
    if own.size_px != other.size_px:
        yield "the video's frames were scaled from {}x{} to {}x{}".format(*own.size_px, *other.size_px)
    lengths = [reader.frames / reader.fps for reader in (own, other) if reader.frames is not None]
    if len(lengths) == 2 and abs(lengths[0] - lengths[1]) > 1 / fps:
        shown = f"{float(lengths[0]):.2f} s and {float(lengths[1]):.2f} s"
        yield f"they last {shown}: compared up to {float(frames / fps):.2f} s"


def _rate(fps: Fraction) -> str:
    return f"{float(np.round(float(fps), 3)):g}"
