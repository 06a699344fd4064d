"""Clips of people who speak: the sound, and what their mouths measured.

A clip is an .npz with `fps`, `audio16k` (mono float32 at 16 kHz) and, per frame, `aperture` (inner lips, mesh points 13
to 14) and `width` (mouth corners, 78 to 308), both in 3-D over the outer eye corners' distance (33 to 263); NaN
where no face was found; anything else in the file is left alone. A `clips.json` beside them may say more: per clip
`tier`, `lang`, `av_offset_ms` (negative: the mouth leads the sound). `measure_videos` makes such files from videos.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from audio2motion.corpus.video import (
    CORNER_A,
    CORNER_B,
    EYE_A,
    EYE_B,
    INNER_LOWER,
    INNER_UPPER,
    SAMPLE_RATE_HZ,
    VIDEO_SUFFIXES,
    Doubles,
    distance,
    measure_frames,
    read_sound,
)
from audio2motion.errors import Audio2MotionError
from audio2motion.evaluation.metrics import Trace

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip: `samples` mono at 16 kHz; `aperture`, `width` in outer-eye distances; `tier` groups clips."""

    name: str
    samples: Floats
    aperture: Trace
    width: Trace
    tier: str = "all"
    lang: str = "?"
    av_offset_ms: float = 0.0


def _read_clip(path: Path, facts: dict[str, Any]) -> Clip:
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            fps, samples = float(file["fps"]), np.asarray(file["audio16k"], np.float32)
            aperture, width = (np.asarray(file[key], np.float64) for key in ("aperture", "width"))
    except (OSError, ValueError, KeyError) as error:
        raise Audio2MotionError(
            f"{path.name} is no clip: it needs fps, audio16k, aperture and width ({error})"
        ) from None
    if not fps > 0 or samples.ndim != 1 or aperture.ndim != 1 or aperture.shape != width.shape or not len(aperture):
        raise Audio2MotionError(
            f"{path.name} is no clip: audio16k (n,), aperture (T,) and width (T,) and fps above 0 are needed"
        )
    return Clip(path.stem, np.nan_to_num(samples), Trace(aperture, fps), Trace(width, fps),
                str(facts.get("tier", "all")), str(facts.get("lang", "?")),
                float(facts.get("av_offset_ms", 0.0)))  # fmt: skip


def read_clips(folder: Path) -> list[Clip]:
    """All clips of a folder in the order of their names; Audio2MotionError where there are none."""
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise Audio2MotionError(f"{folder} holds neither clips (.npz) nor videos")
    facts_path = folder / "clips.json"
    facts: dict[str, Any] = {}
    if facts_path.exists():
        try:
            facts = json.loads(facts_path.read_text())
        except ValueError as error:
            raise Audio2MotionError(f"{facts_path} is not JSON: {error}") from None
    return [_read_clip(path, facts.get(path.stem, {})) for path in paths]


def open_clips(folder: Path, measured: Path, note: Callable[[str], None] | None = None) -> list[Clip]:
    """The clips of a folder; one that holds videos instead is measured first, into the folder `measured`."""
    if not folder.is_dir():
        raise Audio2MotionError(f"there is no folder {folder}")
    if any(folder.glob("*.npz")) or not any(p.suffix.lower() in VIDEO_SUFFIXES for p in folder.iterdir()):
        return read_clips(folder)
    measure_videos(folder, measured, note)
    return read_clips(measured)


def _mouth(points: Doubles) -> tuple[float, float]:
    """(aperture, width) of face mesh points (478, 3)."""
    unit = distance(points, EYE_A, EYE_B)
    if unit <= 0:
        return float("nan"), float("nan")
    return distance(points, INNER_UPPER, INNER_LOWER) / unit, distance(points, CORNER_A, CORNER_B) / unit


def measure_mouth(path: Path) -> tuple[Trace, Trace]:
    """(aperture, width) of the face in a video, by the face mesh."""
    measured, fps = measure_frames(path, _mouth, 2)
    return Trace(measured[:, 0], fps), Trace(measured[:, 1], fps)


def measure_video(path: Path) -> Clip:
    """A clip from a video file with a face and a voice."""
    samples = read_sound(path)
    return Clip(path.stem, samples, *measure_mouth(path))


def measure_videos(videos: Path, clips: Path, note: Callable[[str], None] | None = None) -> list[Path]:
    """Measure every video of a folder into an .npz in `clips`; those already there are kept.

    `note` hears of videos that were left out and why. Audio2MotionError where nothing at all came of it.
    """
    clips.mkdir(parents=True, exist_ok=True)
    made: list[Path] = []
    for path in sorted(p for p in videos.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES):
        target = clips / f"{path.stem}.npz"
        if not target.exists():
            try:
                clip = measure_video(path)
            except Audio2MotionError as error:
                if note is not None:
                    note(str(error))
                continue
            partial = target.with_suffix(".part.npz")
            np.savez_compressed(partial, fps=clip.aperture.rate_hz, audio16k=clip.samples,
                                aperture=clip.aperture.values.astype(np.float32),
                                width=clip.width.values.astype(np.float32))  # fmt: skip
            partial.replace(target)
        made.append(target)
    if not made:
        raise Audio2MotionError(
            f"{videos} holds no video with a face and a voice ({', '.join(sorted(VIDEO_SUFFIXES))})"
        )
    return made


def loudness(samples: Floats, sigma_ms: float, kind: str = "loudness") -> Trace:
    """A baseline that knows nothing of speech: the sound's envelope at 100 Hz under a Gaussian.

    `kind` "loudness" grows with the intensity's power of 0.3 (Stevens), "level" with its logarithm.
    """
    from scipy.ndimage import gaussian_filter1d

    hop = SAMPLE_RATE_HZ // 100
    padded = np.pad(samples.astype(np.float64), (hop // 2, hop))
    count = max(1, -(-len(samples) // hop) + 1)
    padded = np.pad(padded, (0, max(0, count * hop - len(padded))))
    power = np.square(padded[: count * hop]).reshape(count, hop).mean(1)
    envelope = power**0.3 if kind == "loudness" else 10 * np.log10(power + 1e-6)
    return Trace(gaussian_filter1d(envelope, sigma_ms / 10), 100.0)
