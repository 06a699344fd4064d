"""LSE-D and LSE-C: how far lips and sound are apart for SyncNet, whose weights the user brings.

K R Prajwal et al., "A Lip Sync Expert Is All You Need for Speech to Lip Generation In The Wild", ACM Multimedia 2020
(LSE-D, LSE-C), with the network of J. S. Chung and A. Zisserman, "Out of time", ACCV workshops 2016. What is
done is what the authors' published program does:

- pictures at 25 frames per second, sound at 16 kHz, cepstra as in `talkinghead.models.syncnet.mfcc`;
- a box around the face, its half side s the larger of half its width and half its height, its middle and s smoothed by
  a median over 13 frames; the crop reaches from s above the middle to 1.8 s below it and 1.4 s to both sides; outside
  of the picture it is grey (110); it is scaled to 224 x 224;
- every five frames against the 0.2 s of sound that begin with them, and with up to 15 frames before and after;
- the Euclidean distances' mean over the video, for each of the 31 shifts: LSE-D is the least of them, LSE-C their
  median less the least.

What differs: the face's box is the one around our mesh, not that of the detector S3FD, which is not here; pictures do
not go through JPEG. Scores were never compared with the published program's: the published weights were not at hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from talkinghead.core.errors import AudioError, FaceError
from talkinghead.core.types import Doubles, Floats, Pixels
from talkinghead.faces import FaceTracker
from talkinghead.media.sound import FileSound
from talkinghead.media.video import VideoReader

if TYPE_CHECKING:
    from talkinghead.models.syncnet.network import SyncNet

FPS = Fraction(25)
SHIFTS = 15
_BATCH = 20
_MEDIAN_FRAMES = 13
_AROUND, _GREY = 0.4, 110
# A face that is not seen for longer than this is lost; its box is interpolated over shorter gaps.
_LONGEST_GAP = 25
_COLUMNS_PER_FRAME = 4
_SAMPLES_PER_FRAME = 640
# Fewer windows of five frames than this say nothing.
_FEWEST_WINDOWS = 5


@dataclass(frozen=True)
class SyncNetFile:
    """A file of SyncNet's weights; `trusted`: take it though it is not the published one."""

    path: Path
    trusted: bool = False

    def check(self) -> str:
        """Its sha256.

        Raises:
            CheckpointError: it is not the published file, and not trusted.
        """
        from talkinghead.models.syncnet.network import check_file

        return check_file(self.path, self.trusted)


@dataclass(frozen=True)
class LipSync:
    """What SyncNet says of a video.

    `lse_d` (less is better), `lse_c` (more is better), and `offset_frames` at 25 per second (positive: the picture
    is behind its sound), from `windows` of five frames of the longest stretch with a face; `weights`: the file's
    sha256, `published`: whether that is the published one's.
    """

    lse_d: float
    lse_c: float
    offset_frames: int
    windows: int
    weights: str
    published: bool


def lip_sync(video: Path, syncnet: SyncNetFile) -> LipSync:
    """LSE-D and LSE-C of the largest face in `video`; the longest stretch in which it is seen counts.

    Raises:
        AudioError: there is no sound.
        FaceError: no face is seen for long enough.
        CheckpointError: the file is not SyncNet's.
    """
    from talkinghead.models.syncnet.mfcc import RATE_HZ, mfcc
    from talkinghead.models.syncnet.network import SHA256, load_syncnet

    found = syncnet.check()
    network = load_syncnet(syncnet.path)
    reader = VideoReader(video, FPS)
    if not reader.has_audio:
        raise AudioError(f"{video} has no sound track: LSE-C and LSE-D compare lips with sound")
    first, boxes = _longest(_boxes(reader))
    samples = np.concatenate(list(FileSound(video).blocks(RATE_HZ)))[first * _SAMPLES_PER_FRAME :]
    windows = min(len(boxes), len(samples) // _SAMPLES_PER_FRAME) - 5
    if windows < _FEWEST_WINDOWS:
        raise FaceError(f"{video} shows a face with sound for less than half a second: LSE needs a longer stretch")
    samples = samples[: (windows + 5) * _SAMPLES_PER_FRAME]
    faces, sounds = _vectors(network, _crops(reader, first, boxes), mfcc(samples), windows)
    least, confidence, offset = scores(distances(faces, sounds))
    return LipSync(least, confidence, offset, windows, found, found == SHA256)


def distances(faces: Floats, sounds: Floats, shifts: int = SHIFTS) -> Doubles:
    """(n, 2 `shifts` + 1) distances of each face's vector (n, d) from the sound's, `shifts` frames earlier to later.

    Beyond the ends there is a vector of zeros. 1e-6 is added to each difference, as PyTorch's pairwise distance does.
    """
    padded = np.pad(sounds.astype(np.float64), ((shifts, shifts), (0, 0)))
    columns = [np.linalg.norm(faces - padded[at : at + len(faces)] + 1e-6, axis=1) for at in range(2 * shifts + 1)]
    return np.stack(columns, axis=1)


def scores(apart: Doubles) -> tuple[float, float, int]:
    """(LSE-D, LSE-C, offset in frames, positive where the picture is behind) of `distances`."""
    means = apart.mean(0)
    best = int(means.argmin())
    return float(means[best]), float(np.median(means) - means[best]), len(means) // 2 - best


def _boxes(reader: VideoReader) -> list[tuple[int, Doubles]]:
    """Stretches with a face: (first frame, (T, 3) x and y of its middle and half its side in pixels)."""
    found: list[tuple[int, Doubles]] = []
    at: list[int] = []
    rows: list[tuple[float, float, float]] = []

    def end() -> None:
        if rows:
            every, seen = np.arange(at[0], at[-1] + 1), np.array(rows)
            found.append((at[0], np.stack([np.interp(every, at, column) for column in seen.T], axis=1)))
        at.clear()
        rows.clear()

    with FaceTracker() as tracker:
        for number, pixels in enumerate(reader):
            face = tracker.track(pixels)
            if tracker.cut or (at and number - at[-1] > _LONGEST_GAP):
                end()
            if face is not None:
                x, y, width, height = face.box
                at.append(number)
                rows.append((x + width / 2, y + height / 2, max(width, height) / 2))
    end()
    return found


def _longest(stretches: list[tuple[int, Doubles]]) -> tuple[int, Doubles]:
    if not stretches:
        raise FaceError("no frame shows a face that could be scored: give a video of a talking face")
    first, boxes = max(stretches, key=lambda item: len(item[1]))
    return first, np.stack([_median(column) for column in boxes.T], axis=1)


def _median(values: Doubles) -> Doubles:
    """The median of 13 around each; beyond the ends there are zeros, as the authors' program has it."""
    edge = _MEDIAN_FRAMES // 2
    around = np.lib.stride_tricks.sliding_window_view(np.pad(values, edge), _MEDIAN_FRAMES)
    return np.asarray(np.median(around, axis=1), np.float64)


def _crops(reader: VideoReader, first: int, boxes: Doubles) -> Iterator[Pixels]:
    """(224, 224, 3) crops in blue, green, red."""
    frames = reader.starting_at(first)
    try:
        for (x, y, half), pixels in zip(boxes, frames):
            yield face_crop(pixels, x, y, half)
    finally:
        reader.close()


def face_crop(pixels: Pixels, x: float, y: float, half: float) -> Pixels:
    """The face around (`x`, `y`) in `pixels` (H, W, 3) RGB as SyncNet sees it: (224, 224, 3) BGR uint8."""
    from talkinghead.models.syncnet.network import SIDE_PX

    wide = half * (1 + _AROUND)
    margin = int(half * (1 + 2 * _AROUND))
    x, y = x + margin, y + margin
    framed = cv2.copyMakeBorder(pixels, *(margin,) * 4, cv2.BORDER_CONSTANT, value=(_GREY,) * 3)
    cut = framed[max(0, int(y - half)) : int(y + half * (1 + 2 * _AROUND)), max(0, int(x - wide)) : int(x + wide)]
    if not cut.size:
        cut = np.full((1, 1, 3), _GREY, np.uint8)
    crop: Pixels = cv2.resize(cut, (SIDE_PX, SIDE_PX))[..., ::-1]
    return crop


def _vectors(network: SyncNet, crops: Iterator[Pixels], cepstra: Floats, windows: int) -> tuple[Floats, Floats]:
    """(windows, 1024) of the faces and of the sound, a batch at a time."""
    import torch

    from talkinghead.models.syncnet.network import FRAMES, SOUND_COLUMNS

    faces: list[Floats] = []
    sounds: list[Floats] = []
    held: list[npt.NDArray[np.uint8]] = []
    with torch.inference_mode():
        for begin in range(0, windows, _BATCH):
            count = min(_BATCH, windows - begin)
            while len(held) < count + FRAMES - 1:
                held.append(next(crops))
            seen = np.stack([np.stack(held[at : at + FRAMES]) for at in range(count)]).transpose(0, 4, 1, 2, 3)
            columns = range(begin * _COLUMNS_PER_FRAME, (begin + count) * _COLUMNS_PER_FRAME, _COLUMNS_PER_FRAME)
            heard = np.stack([cepstra[:, at : at + SOUND_COLUMNS] for at in columns])
            faces.append(network.of_face(torch.from_numpy(seen.astype(np.float32))).numpy())
            sounds.append(network.of_sound(torch.from_numpy(heard[:, None])).numpy())
            held = held[count:]
    return np.concatenate(faces), np.concatenate(sounds)
