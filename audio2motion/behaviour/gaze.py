"""Where the eyes look: at the viewer, with small saccades, glances away, and the head's turns taken back."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from audio2motion.behaviour.curves import minimum_jerk
from audio2motion.behaviour.voice import Voice

EYE_RANGE_DEG = 30.0  # an eyeLook blendshape of 1
_STEADYING = 0.85  # share of the head's rotation that the eyes take back (vestibulo-ocular reflex)


class Gaze(NamedTuple):
    """Eye directions in the head, degrees: x to the picture's right, y down; `shifted`: a large saccade starts."""

    x_deg: float
    y_deg: float
    shifted: bool


class Eyes:
    """Fixations joined by saccades whose duration grows with their size (Bahill et al. 1975)."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._from, self._to = (0.0, 0.0), (0.0, 0.0)
        self._start_s, self._duration_s = -1.0, 0.03
        self._next_s = self._fixation_s()
        self._away = False

    def _fixation_s(self) -> float:
        return min(max(0.9 * math.exp(0.6 * self._rng.standard_normal()), 0.25), 4.0)

    def step(self, time_s: float, voice: Voice, yaw_deg: float, pitch_deg: float) -> Gaze:
        """The eyes at the next frame, given the head's rotation there."""
        shifted = False
        if time_s >= self._next_s:
            shifted = self._saccade(time_s, self._choose(voice))
        elif voice.phrase_start and not self._away and self._rng.random() < 0.22:
            # People look away as they begin to speak, and back as they give the word away.
            shifted = self._saccade(time_s, self._glance())
        done = minimum_jerk((time_s - self._start_s) / self._duration_s)
        x, y = (a + done * (b - a) for a, b in zip(self._from, self._to))
        return Gaze(x + _STEADYING * yaw_deg, y - _STEADYING * pitch_deg, shifted)

    def _choose(self, voice: Voice) -> tuple[float, float]:
        if self._away or self._rng.random() > (0.08 if voice.speaking else 0.03):
            self._away = False
            # Around the viewer's eyes and mouth.
            return 0.55 * self._rng.standard_normal(), 0.4 * self._rng.standard_normal()
        return self._glance()

    def _glance(self) -> tuple[float, float]:
        self._away = True
        side = 1.0 if self._rng.random() < 0.5 else -1.0
        return side * self._rng.uniform(2.0, 6.0), self._rng.uniform(-2.5, 3.0)

    def _saccade(self, time_s: float, target: tuple[float, float]) -> bool:
        done = minimum_jerk((time_s - self._start_s) / self._duration_s)
        here = tuple(a + done * (b - a) for a, b in zip(self._from, self._to))
        size_deg = math.hypot(target[0] - here[0], target[1] - here[1])
        self._from, self._to = (here[0], here[1]), target
        self._start_s, self._duration_s = time_s, 0.021 + 0.0022 * size_deg + 0.01
        stay_s = self._fixation_s()
        self._next_s = time_s + self._duration_s + (min(stay_s, 1.2) if self._away else stay_s)
        return size_deg > 3.0
