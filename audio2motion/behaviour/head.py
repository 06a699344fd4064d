"""Head motion: postures that change with phrases, sway with the voice, nods on accents, and breath in silence."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from audio2motion.behaviour.curves import FRAME_S, Bump, Bumps, LowPass, Wander, minimum_jerk, saturate
from audio2motion.behaviour.voice import Voice

# Pitch, yaw, roll in degrees.
LIMITS_DEG = (5.0, 6.0, 3.0)
_POSTURE_DEG = (1.3, 2.4, 0.9)
_SWAY_DEG = (1.1, 1.4, 0.85)
_DRIFT_DEG = (0.10, 0.12, 0.08)
_SILENCE_S = 0.6  # from here on the head comes to rest


class Head(NamedTuple):
    """`rotation`: pitch, yaw, roll in degrees; `translation`: x, y, z, where 1 is half the side of the face crop."""

    rotation: tuple[float, float, float]
    translation: tuple[float, float, float]


class Breath:
    """Lungs, 0 (out) to 1 (in): cycles of uneven length, quick breaths between phrases."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._smooth = LowPass(9.0, 2)
        self._from, self._to, self._start_s = 0.0, rng.uniform(0.6, 1.0), 0.0
        self._duration_s = rng.uniform(1.2, 1.9)

    def step(self, time_s: float, voice: Voice) -> float:
        rng = self._rng
        now = self._from + (self._to - self._from) * minimum_jerk((time_s - self._start_s) / self._duration_s)
        if voice.phrase_end and now < 0.7:
            self._turn(time_s, now, rng.uniform(0.8, 1.1), rng.uniform(0.35, 0.6))
        elif time_s >= self._start_s + self._duration_s:
            if self._to > self._from:
                self._turn(time_s, now, rng.uniform(0.0, 0.2), rng.uniform(1.8, 3.2))
            elif not voice.speaking:
                self._turn(time_s, now, rng.uniform(0.6, 1.0), rng.uniform(1.2, 1.9))
        return self._smooth.step(now)

    def _turn(self, time_s: float, now: float, target: float, duration_s: float) -> None:
        self._from, self._to, self._start_s, self._duration_s = now, target, time_s, duration_s


class Neck:
    """Voice in, head out."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._breath = Breath(rng)
        self._posture = [0.0, 0.0, 0.0]
        self._moves = [LowPass(6.0, 3) for _ in range(3)]
        self._next_move_s = rng.uniform(0.5, 1.5)
        self._sway = [Wander(0.45, LowPass(12.0, 2)) for _ in range(3)]
        self._drift = [Wander(1.6, LowPass(5.0, 2)) for _ in range(3)]
        self._beats = [Bumps() for _ in range(3)]
        self._tone = LowPass(8.0, 3)
        self._settle = [LowPass(30.0, 2) for _ in range(3)]

    def step(self, time_s: float, voice: Voice) -> Head:
        """The head at the next frame."""
        self._pose(time_s, voice)
        self._beat(time_s, voice)
        lungs = self._breath.step(time_s, voice)
        draws = self._rng.standard_normal(6)
        rotation = []
        for i in range(3):
            angle = self._moves[i].step(self._posture[i]) + self._beats[i].at(time_s)
            angle += _SWAY_DEG[i] * voice.stress * self._sway[i].step(float(draws[i]))
            angle += _DRIFT_DEG[i] * self._drift[i].step(float(draws[3 + i]))
            if i == 0:
                # The head rises a little with the voice and with the chest.
                angle -= self._tone.step(0.3 * voice.pitch_st) + 0.3 * (lungs - 0.4)
            rotation.append(saturate(self._settle[i].step(angle), LIMITS_DEG[i]))
        pitch, yaw, roll = rotation
        # The neck is the pivot: turning and leaning carry the face along.
        x = -0.0025 * yaw + 0.006 * roll
        return Head((pitch, yaw, roll), (x, 0.003 * pitch - 0.005 * (lungs - 0.4), 0.0))

    def _pose(self, time_s: float, voice: Voice) -> None:
        """A new posture every now and then while speaking; home in silence."""
        rng = self._rng
        if voice.phrase_start and rng.random() < 0.6:
            self._next_move_s = min(self._next_move_s, time_s)
        if time_s < self._next_move_s:
            return
        if voice.speaking or voice.quiet_s < _SILENCE_S:
            keep, reach = 0.35, 1.0
            self._next_move_s = time_s + 0.6 + 1.3 * float(np.exp(0.5 * rng.standard_normal()))
        elif any(abs(angle) > 0.5 for angle in self._posture):
            keep, reach = 0.25, 0.1
            self._next_move_s = time_s + rng.uniform(1.5, 3.0)
        else:
            keep, reach = 0.3, 0.15
            self._next_move_s = time_s + rng.uniform(4.0, 9.0)
        drawn = [size * min(max(rng.standard_normal(), -2.0), 2.0) for size in _POSTURE_DEG]
        speed = rng.uniform(4.5, 9.0) * (1.0 if reach == 1.0 else 0.6)
        for i in range(3):
            self._posture[i] = keep * self._posture[i] + reach * drawn[i]
            self._moves[i].cutoff_rad_s = speed
        self._posture[2] += 0.15 * reach * drawn[1]

    def _beat(self, time_s: float, voice: Voice) -> None:
        rng = self._rng
        if voice.accent and rng.random() < 0.35 + 0.55 * voice.accent:
            down = 1.0 if rng.random() < 0.85 else -0.6
            size = down * (1.1 + 2.6 * voice.accent) * rng.uniform(0.7, 1.3)
            rise_s, fall_s = rng.uniform(0.15, 0.23), rng.uniform(0.25, 0.45)
            for beats, part in zip(self._beats, (size, 0.35 * rng.standard_normal(), 0.3 * rng.standard_normal())):
                beats.add(Bump(time_s, rise_s, FRAME_S, fall_s, part))
        elif voice.phrase_end and rng.random() < 0.3:
            self._beats[0].add(Bump(time_s, 0.28, 0.06, 0.5, rng.uniform(0.8, 2.0)))
