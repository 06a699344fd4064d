"""An hour in which nobody speaks: does what the face does come again, and how often does it blink?

    python benchmarks/idle.py [--minutes 60] [--seed 0]

Silence goes into the behaviour model. Printed are how much the head moves; for each axis how like the curve is to
itself 20 s and more later (the largest |r| of its autocorrelation: 1 is a loop); how near the nearest other stretch of
4, 8 and 16 s lies, at the nearest place of all and in the median (0 is a repeat); and the times between blinks.
"""

from __future__ import annotations

import argparse

import numpy as np
import numpy.typing as npt

from audio2motion.behaviour import BEHAVIOUR_BLENDSHAPES, Behaviour, BehaviourFrames
from audio2motion.behaviour.curves import FRAME_RATE_HZ
from audio2motion.behaviour.voice import SAMPLE_RATE_HZ

THIN = 5  # frames of which one is kept: a head does nothing within 0.1 s
RATE_HZ = FRAME_RATE_HZ // THIN
APART_S = 20
SHUT = 0.5


def idled(minutes: float, seed: int) -> BehaviourFrames:
    """What the face does in so many minutes of silence."""
    behaviour = Behaviour(seed=seed)
    second = np.zeros(SAMPLE_RATE_HZ, np.float32)
    pieces = [behaviour.push(second) for _ in range(round(60 * minutes))] + [behaviour.finish()]
    return BehaviourFrames.joined([piece for piece in pieces if piece is not None])


def most_like_itself(curve: npt.NDArray[np.float64]) -> float:
    """The largest |r| of (n,) with itself, from `APART_S` to half its length later."""
    curve = curve - curve.mean()
    count = len(curve)
    power = np.abs(np.fft.rfft(curve, 2 * count)) ** 2
    likeness = np.fft.irfft(power)[:count] * count / np.arange(count, 0, -1)
    return float(np.abs(likeness[APART_S * RATE_HZ : count // 2] / likeness[0]).max())


def nearest_deg(rotation: npt.NDArray[np.float64], seconds: int) -> npt.NDArray[np.float64]:
    """For each stretch of `rotation` (n, 3) the RMS distance in degrees to the nearest one that begins elsewhere."""
    length = seconds * RATE_HZ
    begins = np.arange(0, len(rotation) - length, 2)
    stretches = np.stack([rotation[at : at + length].ravel() for at in begins])
    powers = (stretches**2).sum(1)
    nearest = []
    for at in range(0, len(begins), 500):
        some = slice(at, at + 500)
        squares = powers[some, None] + powers[None] - 2 * stretches[some] @ stretches.T
        elsewhere = np.abs(begins[some, None] - begins[None]) > APART_S * RATE_HZ
        nearest.append(np.where(elsewhere, np.maximum(squares, 0), np.inf).min(1))
    return np.asarray(np.sqrt(np.concatenate(nearest) / (3 * length)), np.float64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    frames = idled(asked.minutes, asked.seed)
    rotation = frames.rotation[::THIN].astype(np.float64)
    for axis, curve in zip(("pitch", "yaw", "roll"), rotation.T, strict=True):
        print(f"{axis:6} spread {curve.std():.2f} degrees, later |r| at most {most_like_itself(curve):.2f}")
    for seconds in (4, 8, 16):
        apart = nearest_deg(rotation, seconds)
        print(
            f"{seconds:2} s: nearest other stretch {apart.min():.2f} degrees away, in the median {np.median(apart):.2f}"
        )
    lid = frames.blendshapes[:, BEHAVIOUR_BLENDSHAPES.index("eyeBlinkLeft")]
    begins_s = np.flatnonzero((lid[1:] > SHUT) & (lid[:-1] <= SHUT)) / FRAME_RATE_HZ
    between_s = np.diff(begins_s)
    print(f"{len(begins_s)} blinks, {between_s.mean():.1f} s apart, spread {between_s.std():.1f} s")


if __name__ == "__main__":
    main()
