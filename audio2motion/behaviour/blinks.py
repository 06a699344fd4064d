"""Blinks: when (log-normal intervals, drawn to the ends of phrases) and how (the lids' own timing)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from audio2motion.behaviour.curves import FRAME_S, minimum_jerk
from audio2motion.behaviour.voice import Voice

# Spontaneous blinks while talking to a camera: median interval, and spread of its logarithm.
_INTERVAL_MEDIAN_S, _INTERVAL_SPREAD = 3.9, 0.55
_SHORTEST_INTERVAL_S = 0.7
_DOUBLE, _INCOMPLETE = 0.05, 0.12


@dataclass(frozen=True, slots=True)
class Blink:
    """One eye's lid: fast down, a short stay, slower up with a soft landing; `depth` 1 closes it."""

    start_s: float
    close_s: float
    hold_s: float
    open_s: float
    depth: float

    @property
    def end_s(self) -> float:
        return self.start_s + self.close_s + self.hold_s + self.open_s

    def at(self, time_s: float) -> float:
        since_s = time_s - self.start_s
        if since_s <= 0 or time_s >= self.end_s:
            return 0.0
        if since_s < self.close_s:
            return self.depth * minimum_jerk(since_s / self.close_s)
        opening = (since_s - self.close_s - self.hold_s) / self.open_s
        # Lids start up quickly and settle slowly.
        return self.depth * (1.0 - minimum_jerk(max(opening, 0.0) ** 0.8))


class Blinker:
    """Decides and draws blinks for both eyes; `gaze_shifted` asks for one with a large saccade."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._blinks: tuple[list[Blink], list[Blink]] = ([], [])
        self._elapsed = rng.uniform(0.0, 0.6)  # share of the interval that has gone
        self._interval_s = self._new_interval()
        self._last_end_s = -9.0

    def _new_interval(self) -> float:
        return max(_SHORTEST_INTERVAL_S, _INTERVAL_MEDIAN_S * math.exp(_INTERVAL_SPREAD * self._rng.standard_normal()))

    def step(self, time_s: float, voice: Voice, gaze_shifted: bool) -> tuple[float, float]:
        """Lid closure 0..1 of (left, right) at the next frame."""
        # Eyes stay open through a phrase, and a pause is when they close.
        self._elapsed += FRAME_S / self._interval_s * (0.85 if voice.speaking else 1.1)
        rested = time_s - self._last_end_s > _SHORTEST_INTERVAL_S
        chance = 0.0
        if voice.phrase_end and self._elapsed > 0.3:
            chance = 0.65
        elif (gaze_shifted or voice.phrase_start) and self._elapsed > 0.5:
            chance = 0.3
        if rested and (self._elapsed >= 1.0 or (chance and self._rng.random() < chance)):
            self._blink(time_s)
        return self._lid(0, time_s), self._lid(1, time_s)

    def _blink(self, time_s: float) -> None:
        rng = self._rng
        whole = rng.random() >= _INCOMPLETE
        start_s = time_s + rng.uniform(0.0, FRAME_S)
        end_s = self._add(start_s, rng.uniform(0.97, 1.0) if whole else rng.uniform(0.4, 0.8))
        if whole and rng.random() < _DOUBLE:
            end_s = self._add(end_s + rng.uniform(0.02, 0.12), rng.uniform(0.85, 1.0))
        self._last_end_s = end_s
        self._elapsed, self._interval_s = 0.0, self._new_interval()

    def _add(self, start_s: float, depth: float) -> float:
        """One blink of both eyes, less than a frame apart; when the later one ends."""
        rng = self._rng
        close_s, hold_s = rng.normal(0.08, 0.009), rng.uniform(0.02, 0.04)
        open_s = rng.normal(0.155, 0.02)
        skew_s = min(max(rng.normal(0.0, 0.004), -0.01), 0.01)
        for side, sign in enumerate((-0.5, 0.5)):
            own = min(1.0, depth * (1.0 + 0.02 * rng.standard_normal()))
            times = (max(close_s, 0.055), hold_s, max(open_s, 0.1) * (1.0 + 0.03 * rng.standard_normal()))
            self._blinks[side].append(Blink(start_s + 0.005 + sign * skew_s, *times, own))
        return max(blinks[-1].end_s for blinks in self._blinks)

    def _lid(self, side: int, time_s: float) -> float:
        blinks = self._blinks[side]
        blinks[:] = [blink for blink in blinks if blink.end_s > time_s]
        return max((blink.at(time_s) for blink in blinks), default=0.0)
