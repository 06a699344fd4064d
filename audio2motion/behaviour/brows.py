"""Brows: raised with high accents and questions, drawn together with loud ones, never quite still."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from audio2motion.behaviour.curves import Bump, Bumps, LowPass, Wander
from audio2motion.behaviour.voice import Voice


class Brow(NamedTuple):
    """0..1 each: `inner` for both, the rest (left, right)."""

    inner: float
    outer: tuple[float, float]
    down: tuple[float, float]
    squint: float


class Brows:
    """Accents in, brows out."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._up, self._down = Bumps(), Bumps()
        self._idle = Wander(2.5, LowPass(4.0, 2))
        self._tone = LowPass(7.0, 3)
        self._lean = 0.0  # which brow rises more, anew with every accent
        self._leaning = LowPass(8.0, 2)
        self._liveliness = LowPass(1.5, 1)

    def step(self, time_s: float, voice: Voice) -> Brow:
        """The brows at the next frame."""
        self._listen(time_s, voice)
        lively = self._liveliness.step(1.0 if voice.speaking else 0.0)
        lift = self._up.at(time_s) + self._tone.step(0.02 * max(voice.pitch_st, 0.0))
        lift += max(0.0, 0.015 + (0.01 + 0.03 * lively) * self._idle.step(self._rng.standard_normal()))
        frown = self._down.at(time_s)
        lift, frown = min(lift, 0.65), min(frown, 0.45)
        lean = self._leaning.step(self._lean)
        outer = (0.75 * lift * (1.0 + lean), 0.75 * lift * (1.0 - lean))
        down = (frown * (1.0 + 0.5 * lean), frown * (1.0 - 0.5 * lean))
        return Brow(lift * 0.85, outer, down, 0.35 * frown + 0.03 * lively)

    def _listen(self, time_s: float, voice: Voice) -> None:
        rng = self._rng
        if voice.accent and rng.random() < 0.2 + 0.6 * voice.accent:
            self._lean = min(max(0.12 * rng.standard_normal(), -0.3), 0.3)
            size = (0.10 + 0.28 * voice.accent) * rng.uniform(0.6, 1.3)
            times = (rng.uniform(0.14, 0.22), rng.uniform(0.04, 0.25), rng.uniform(0.25, 0.5))
            if voice.high_accent or rng.random() < 0.6:
                self._up.add(Bump(time_s, *times, size))
            else:
                self._down.add(Bump(time_s, *times, 0.7 * size))
        if voice.rising:
            self._up.add(Bump(time_s, 0.2, rng.uniform(0.3, 0.6), 0.5, rng.uniform(0.2, 0.35)))
