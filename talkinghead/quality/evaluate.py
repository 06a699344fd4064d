"""A video's figures, by itself and against a reference: what `talkinghead evaluate` prints.

As JSON, `"schema": 1`:

    schema, program     1; "talkinghead 0.2.0"
    video, reference    file, fps, size [width, height] of each; reference null where there is none
    compared            fps, frames, size, seconds: what was looked at, and notes: how the videos were brought together
    against_reference   see `talkinghead.quality.against.AgainstReference`; null where there is no reference
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

import numpy as np

from talkinghead.core.errors import FaceError, VideoError
from talkinghead.core.places import is_file
from talkinghead.core.types import Pixels
from talkinghead.media.audio import SPEECH_RATE_HZ
from talkinghead.media.kinds import read_as
from talkinghead.media.sound import FileSound
from talkinghead.media.video import VideoReader
from talkinghead.quality.against import AgainstReference, Pair
from talkinghead.quality.face_series import Alone, FaceSeries, frame_levels
from talkinghead.quality.lip_sync import LipSync, SyncNetFile, lip_sync
from talkinghead.quality.report import rounded, silent_frames

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
    # First, since a video without sound is told at once.
    found = None if syncnet is None else lip_sync(own.path, syncnet)
    opened = {"video": own} if other is None else {"video": own, "reference": other}
    fps = min(reader.fps for reader in opened.values())
    readers = [reader if reader.fps == fps else VideoReader(reader.path, fps) for reader in opened.values()]
    pair = Pair(fps, readers[-1].size_px)
    for done, pixels in enumerate(_together(readers), start=1):
        pair.add(*pixels)
        if progress:
            progress(done)
    alone = {name: _alone(series, reader, fps) for (name, reader), series in zip(opened.items(), pair.series)}
    frames = len(pair.series[0])
    notes = tuple(_notes(own, other, fps, frames))
    compared = Compared(str(fps), frames, readers[-1].size_px, float(frames / fps), notes)
    against = None if other is None else pair.summary()
    return Evaluation(_facts(own), None if other is None else _facts(other), compared, against, alone, found)


def _open(path: Path) -> VideoReader:
    if is_file(path) and read_as(path) == "picture":
        raise VideoError(f"{path} is a picture: evaluate measures videos")
    return VideoReader(path)


def _together(readers: list[VideoReader]) -> Iterator[tuple[Pixels, ...]]:
    """Frames of the same time, until the shorter video ends; decoders are stopped then."""
    try:
        yield from zip(*readers, strict=False)
    finally:
        for reader in readers:
            reader.close()


def _alone(series: FaceSeries, reader: VideoReader, fps: Fraction) -> Alone:
    if not series.seen:
        raise FaceError(f"{reader.path} shows no face that could be measured: give a video of a talking face")
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
