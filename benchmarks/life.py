"""Do head, brows and blinks follow the voice as people's do? Measured on people, and on what is drawn for them.

    python benchmarks/life.py FOLDER [FOLDER ...] [--seeds N]

A folder holds videos with a face and a voice, or clips of `audio2motion evaluate` (.npz) that also have `pitch`, `yaw`,
`roll` (degrees) and `eye_open` per frame. The behaviour model hears each clip's sound, with N seeds (default 8). A line
for each clip gives, of the person and of the model:

- `speed~loud`, `speed~melody`: how far the head's speed (its logarithm) follows loudness and the voice's pitch, r at
  zero lag and 120 ms after the sound, and with the sound shifted elsewhere in the clip (chance);
- `nod~melody`: r of the head's own pitch with the voice's, slow drift taken out; below 0 the head rises with the voice;
- `brow~loud`, `brow~melody`: r of the brows' height, of videos alone;
- `speed`: degrees per second; blinks, and how many begin from 0.3 s before to 0.3 s after the end of a phrase, with the
  number that would if blinks knew nothing of phrases.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d as smooth

from audio2motion.behaviour import BEHAVIOUR_BLENDSHAPES, Behaviour, BehaviourFrames
from audio2motion.behaviour.curves import FRAME_RATE_HZ
from audio2motion.behaviour.voice import HALF_WINDOW, HOP, SAMPLE_RATE_HZ, Listener, Voice
from audio2motion.evaluation.metrics import correlation
from talkinghead.core.errors import TalkingHeadError
from talkinghead.drivers.video import tracked_video
from talkinghead.media.audio import read_audio_blocks
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX
from talkinghead.motion.motion import Motion

Doubles = npt.NDArray[np.float64]

LAG = round(0.12 * FRAME_RATE_HZ)
BEFORE, AFTER = round(0.3 * FRAME_RATE_HZ), round(0.3 * FRAME_RATE_HZ)
# A phrase's end is told when it has been quiet for so long.
TOLD_LATE = round(0.12 * FRAME_RATE_HZ)
SHUT = 0.5
QUIETEST_DB = -50.0
# Frames by which curves are smoothed (80 to 160 ms) and over which drift is taken out (2 s).
POSE, SPEED, LOUD, MELODY, DRIFT = 3, 6, 6, 6, 100


@dataclass(frozen=True)
class Life:
    """What a face does, at 50 Hz: `rotation` (T, 3) degrees, `lids` (T,) 1 shut, `brow` (T,) or None where unknown."""

    rotation: Doubles
    lids: Doubles
    brow: Doubles | None


@dataclass(frozen=True)
class Heard:
    """A clip's voice at 50 Hz: (T,) loudness in dB, semitones over the usual pitch, frames where phrases end."""

    loud: Doubles
    melody: Doubles
    ends: npt.NDArray[np.int64]


def hear(samples: npt.NDArray[np.float32], frames: int) -> Heard:
    """What the behaviour model's own ear makes of the sound."""
    padded = np.pad(samples, (HALF_WINDOW, (frames + 1) * HOP))
    windows = [padded[at * HOP : at * HOP + 2 * HALF_WINDOW] for at in range(frames)]
    listener = Listener()
    voices: list[Voice] = [listener.hear(window) for window in windows]
    level = [10 * np.log10(float(np.square(window, dtype=np.float64).mean()) + 1e-9) for window in windows]
    ends = np.flatnonzero([voice.phrase_end for voice in voices]) - TOLD_LATE
    melody = np.array([voice.pitch_st for voice in voices])
    return Heard(smooth(np.maximum(level, QUIETEST_DB), LOUD), smooth(melody, MELODY), ends)


def at_50_hz(values: npt.ArrayLike, fps: float, frames: int) -> Doubles:
    known = np.asarray(values, np.float64)
    there = np.flatnonzero(np.isfinite(known))
    return np.interp(np.arange(frames) / FRAME_RATE_HZ, there / fps, known[there])


def people(folder: Path) -> Iterator[tuple[str, npt.NDArray[np.float32], Life]]:
    """(name, sound at 16 kHz, what the person does) of each clip that has a voice."""
    for path in sorted(folder.iterdir()):
        if path.suffix == ".npz":
            yield from _measured(path)
        elif path.suffix in (".mp4", ".mov", ".mkv", ".webm", ".mpg"):
            yield from _tracked(path)


def _measured(path: Path) -> Iterator[tuple[str, npt.NDArray[np.float32], Life]]:
    with np.load(path) as clip:
        samples, fps = np.asarray(clip["audio16k"], np.float32), float(clip["fps"])
        frames = len(samples) // HOP
        pose = np.column_stack([at_50_hz(clip[name], fps, frames) for name in ("pitch", "yaw", "roll")])
        lids = at_50_hz(clip["eye_open"], fps, frames)
    yield path.stem, samples, Life(pose, 1 - lids / np.quantile(lids, 0.8), None)


def _tracked(path: Path) -> Iterator[tuple[str, npt.NDArray[np.float32], Life]]:
    try:
        samples = np.concatenate(list(read_audio_blocks(path, SAMPLE_RATE_HZ)))
    except TalkingHeadError:
        return
    if not samples.any():
        return
    motion = Motion.concatenate(list(tracked_video(path)))
    fps, frames = float(motion.fps), len(samples) // HOP
    pose = np.column_stack([at_50_hz(column, fps, frames) for column in motion.rotation.T])

    def shape(name: str) -> Doubles:
        return at_50_hz(motion.blendshapes[:, BLENDSHAPE_INDEX[name]], fps, frames)

    brow = shape("browInnerUp") + shape("browOuterUpLeft") - shape("browDownLeft")
    yield path.stem, samples, Life(pose, shape("eyeBlinkLeft"), brow)


def model(samples: npt.NDArray[np.float32], frames: int, seed: int) -> Life:
    """What is drawn for a sound."""
    behaviour = Behaviour(seed)
    parts = [part for part in (behaviour.push(samples), behaviour.finish()) if part is not None]
    life = BehaviourFrames.joined(parts)

    def shape(name: str) -> Doubles:
        return life.blendshapes[:frames, BEHAVIOUR_BLENDSHAPES.index(name)].astype(np.float64)

    brow = shape("browInnerUp") + shape("browOuterUpLeft") - shape("browDownLeft")
    return Life(life.rotation[:frames].astype(np.float64), shape("eyeBlinkLeft"), brow)


def figures(life: Life, heard: Heard) -> dict[str, float]:
    """The correlations of a face with its voice, and its blinks."""
    velocity = np.gradient(smooth(life.rotation, POSE, axis=0), 1 / FRAME_RATE_HZ, axis=0)
    norm = np.linalg.norm(velocity, axis=1)
    speed = np.log(smooth(norm, SPEED) + 0.5)
    found = {"speed deg/s": float(norm.mean())}
    for name, sound in (("loud", heard.loud), ("melody", heard.melody)):
        elsewhere = [np.roll(sound, by) for by in range(FRAME_RATE_HZ, len(sound) - FRAME_RATE_HZ, FRAME_RATE_HZ // 2)]
        found[f"speed~{name}"] = correlation(speed, sound)
        found[f"speed~{name} +120 ms"] = correlation(speed[LAG:], sound[:-LAG])
        found[f"speed~{name} chance"] = average([correlation(speed, other) for other in elsewhere])
    found["nod~melody"] = correlation(_steady(life.rotation[:, 0]), _steady(heard.melody))
    if life.brow is not None:
        found["brow~loud"] = correlation(_steady(life.brow), _steady(heard.loud))
        found["brow~melody"] = correlation(_steady(life.brow), _steady(heard.melody))
    near = np.zeros(len(norm), bool)
    for end in heard.ends:
        near[max(0, end - BEFORE) : end + AFTER] = True
    blinks = np.flatnonzero((life.lids[1:] > SHUT) & (life.lids[:-1] <= SHUT))
    return found | {"blinks": len(blinks), "at ends": float(near[blinks].sum()), "by chance": near.mean() * len(blinks)}


def _steady(values: Doubles) -> Doubles:
    steady: Doubles = values - smooth(values, DRIFT)
    return steady


def average(values: list[float]) -> float:
    """The mean of those that are known; NaN where none is."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def mean(rows: list[dict[str, float]]) -> dict[str, float]:
    """The rows' mean, name by name, of those that have it."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: average([row[name] for row in rows if name in row]) for name in names}


def told(who: str, row: dict[str, float]) -> str:
    return f"{who:<24} " + "  ".join(f"{name} {value:.2f}" for name, value in row.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--seeds", type=int, default=8)
    options = parser.parse_args()
    seen: list[dict[str, float]] = []
    drawn: list[dict[str, float]] = []
    for folder in options.folders:
        for name, samples, life in people(folder):
            frames = len(life.lids)
            if frames < 2 * FRAME_RATE_HZ:
                continue  # too short for any correlation
            heard = hear(samples, frames)
            seen.append(figures(life, heard))
            drawn.append(mean([figures(model(samples, frames, seed), heard) for seed in range(options.seeds)]))
            print(told(name, seen[-1]))
            print(told("  the model", drawn[-1]), flush=True)
    print(told(f"all {len(seen)} people", mean(seen)))
    print(told("  the model", mean(drawn)))


if __name__ == "__main__":
    main()
