"""People's own talking-head clips as a corpus: their sound, and the motion of their lips measured frame by frame.

By default MediaPipe's face mesh measures the lips, relative to the same person's mouth at rest, and `mouth_channels`
says what that is in ARKit's blendshapes. Another extractor (LivePortrait's motion extractor, say) is an entry point of
the group `audio2motion.extractors`, or any object with `channels` and `extract`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from audio2motion.amplitudes import MOUTH_AMPLITUDES as MOUTH
from audio2motion.amplitudes import WIDTH_AMPLITUDES
from audio2motion.corpus.build import MOTION_RATE_HZ, CorpusInfo, save_shard
from audio2motion.corpus.sounds import RATE_HZ
from audio2motion.corpus.video import (
    CHIN,
    CORNER_A,
    CORNER_B,
    EYE_A,
    EYE_B,
    INNER_LOWER,
    INNER_UPPER,
    NOSE,
    VIDEO_SUFFIXES,
    distance,
    measure_frames,
    read_sound,
)
from audio2motion.errors import Audio2MotionError
from audio2motion.targets import LIP_BLENDSHAPES

Floats = npt.NDArray[np.float64]

EXTRACTORS = "audio2motion.extractors"
_LONGEST_GAP_S = 0.3  # frames without a face that may be bridged
_SHORTEST_TAKE_S = 1.0


class Measured(NamedTuple):
    """Motion of one video: `values` (T, C), NaN where no face was found, at `fps` frames per second."""

    values: Floats
    fps: float


class Extractor(Protocol):
    """What turns a video into motion: `channels` names its C values."""

    channels: tuple[str, ...]

    def extract(self, video: Path) -> Measured: ...


class MouthMeasures(NamedTuple):
    """Per frame, each (T,), in pupil distances: the gap between the lips, the mouth's width, the chin's and the upper
    lip's distance from the nose."""

    gap: Floats
    width: Floats
    chin: Floats
    upper: Floats


def mouth_channels(measures: MouthMeasures) -> Floats:
    """Measures to weights (T, 15) in the order of `LIP_BLENDSHAPES`, relative to the person's own rest.

    Rest is where the mouth is nearly shut (the lowest tenth of gaps), at the width and chin distance of those frames.
    """
    gap = measures.gap
    shut = gap <= np.nanpercentile(gap, 10)
    rest = MouthMeasures(*(np.full_like(gap, np.nanmedian(m[shut])) for m in measures))
    opening = np.maximum(gap - rest.gap, 0) / MOUTH.open_a
    # What the chin did not do, the lips did.
    upper = np.clip((rest.upper - measures.upper) / MOUTH.upper_lip_up, 0, 1) * np.minimum(1, 4 * opening)
    jaw = np.clip((measures.chin - rest.chin) / MOUTH.jaw_open, 0, MOUTH.open_a * opening / MOUTH.jaw_open)
    lips = MOUTH.open_a * opening - MOUTH.jaw_open * jaw - MOUTH.upper_lip_up * upper
    lower = np.clip(lips / MOUTH.lower_lip_down, 0, 1)
    chin = MOUTH.open_a * opening - MOUTH.upper_lip_up * upper - MOUTH.lower_lip_down * lower
    jaw = np.clip(chin / MOUTH.jaw_open, 0, 1)
    wider = (measures.width - rest.width) / WIDTH_AMPLITUDES["mouthStretch"]
    values = {
        "jawOpen": jaw,
        "mouthUpperUp": upper,
        "mouthLowerDown": lower,
        "mouthStretch": np.clip(wider, 0, 1),
        "mouthPucker": np.clip(-wider, 0, 1),
        "mouthFunnel": np.clip(-wider, 0, 1) * np.minimum(1, opening),
    }
    stems = (name.removesuffix("Left").removesuffix("Right") for name in LIP_BLENDSHAPES)
    columns = [values.get(stem, np.zeros_like(gap)) for stem in stems]
    return np.where(np.isfinite(gap)[:, None], np.column_stack(columns), np.nan)


class MeshExtractor:
    """MediaPipe's face mesh."""

    channels = LIP_BLENDSHAPES

    def extract(self, video: Path) -> Measured:
        """The largest face's lips; Audio2MotionError where there is no video or no face in it."""
        measured, fps = measure_frames(video, _measures, 4)
        return Measured(mouth_channels(MouthMeasures(*measured.T)), fps)


def _measures(points: Floats) -> tuple[float, float, float, float]:
    """What `MouthMeasures` has, of mesh points (478, 3)."""
    pupils = max(distance(points, EYE_A, EYE_B) * (1 / MOUTH.outer_eyes), 1e-6)
    pairs = ((INNER_UPPER, INNER_LOWER), (CORNER_A, CORNER_B), (NOSE, CHIN), (NOSE, INNER_UPPER))
    gap, width, chin, upper = (distance(points, a, b) / pupils for a, b in pairs)
    return gap, width, chin, upper


def find_extractor(name: str) -> Extractor:
    """The extractor of that name: "mesh", or an installed entry point."""
    if name == "mesh":
        return MeshExtractor()
    known = {point.name: point for point in entry_points(group=EXTRACTORS)}
    if name not in known:
        choices = ", ".join(["mesh", *sorted(known)])
        raise Audio2MotionError(f"there is no extractor {name!r}: choose one of {choices}")
    extractor: Extractor = known[name].load()()
    return extractor


def takes_of(measured: Measured, samples: npt.NDArray[np.float32]) -> list[tuple[npt.NDArray[np.float32], Floats]]:
    """(sound, motion at 50 Hz) of each run of frames with a face; runs under a second are dropped."""
    known = np.asarray(np.isfinite(measured.values).all(1))
    takes = []
    for start, stop in _runs(known, round(_LONGEST_GAP_S * measured.fps)):
        first_s, last_s = start / measured.fps, min((stop - 1) / measured.fps, len(samples) / RATE_HZ)
        if last_s - first_s < _SHORTEST_TAKE_S:
            continue
        steps = int((last_s - first_s) * MOTION_RATE_HZ)
        at = (first_s + np.arange(steps) / MOTION_RATE_HZ) * measured.fps
        frames = np.flatnonzero(known)
        motion = np.column_stack([np.interp(at, frames, column[frames]) for column in measured.values.T])
        low = round(first_s * RATE_HZ)
        takes.append((samples[low : low + steps * RATE_HZ // MOTION_RATE_HZ], motion))
    return takes


def _runs(known: npt.NDArray[np.bool_], gap: int) -> list[tuple[int, int]]:
    """(start, stop) of runs of known frames, bridging up to `gap` unknown ones."""
    frames = np.flatnonzero(known)
    if not len(frames):
        return []
    cuts = np.flatnonzero(np.diff(frames) > gap + 1)
    starts = [int(frames[0]), *(int(frames[i + 1]) for i in cuts)]
    return list(zip(starts, [*(int(frames[i]) + 1 for i in cuts), int(frames[-1]) + 1]))


def make_video_corpus(
    videos: Path,
    out: Path,
    *,
    extractor: str | Extractor = "mesh",
    progress: Callable[[int, int], None] | None = None,
) -> tuple[CorpusInfo, Sequence[tuple[str, str]]]:
    """A corpus in `out` from every video in `videos`, one shard each; finished shards are kept.

    Returns its description, of the videos that were used, and (video, reason) for those that were left out.
    `progress(done, total)` counts videos.
    """
    paths = sorted(p for p in videos.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES)
    if not paths:
        raise Audio2MotionError(f"{videos} holds no video ({', '.join(sorted(VIDEO_SUFFIXES))})")
    source = find_extractor(extractor) if isinstance(extractor, str) else extractor
    info = CorpusInfo(tuple(source.channels), None, (), tuple(p.name for p in paths), len(paths), 0.0)
    info.write(out)
    failures: list[tuple[str, str]] = []
    for done, path in enumerate(paths, 1):
        shard = out / f"shard-{path.stem}.npz"
        if not shard.exists():
            try:
                samples = read_sound(path)  # first: to measure a face takes minutes
                takes = takes_of(source.extract(path), samples)
                if not takes:
                    raise Audio2MotionError(f"{path.name} shows no face for a whole second")
                unknown = [np.full(len(motion), -1) for _, motion in takes]
                save_shard(shard, [s for s, _ in takes], [m for _, m in takes], unknown)
            except Audio2MotionError as error:
                failures.append((path.name, str(error)))
        if progress:
            progress(done, len(paths))
    if len(failures) == len(paths):
        raise Audio2MotionError(f"no video in {videos} could be used; the first: {failures[0][1]}")
    left_out = {name for name, _ in failures}
    used = tuple(path.name for path in paths if path.name not in left_out)
    info = replace(info, voices=used, shards=len(used))
    info.write(out)
    return info, failures
