"""The One Euro filter (Casiez, Roussel and Vogel, CHI 2012): steady when still, quick when quick.

A low-pass filter whose cutoff rises with the signal's speed. `OneEuro` is the causal filter of the paper, for live
use. `ZeroPhaseOneEuro` runs it in both directions and takes the mean, which cancels the lag; the backward pass
starts a short margin ahead, so that a stream is filtered in constant memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from talkinghead.core.types import Doubles


class FilterSettings(NamedTuple):
    """Per channel (C,) or one for all: `min_cutoff_hz` at rest, `beta` its rise per unit of speed (1/s)."""

    min_cutoff_hz: Doubles | float
    beta: Doubles | float
    speed_cutoff_hz: float = 2.0


def _smoothing(cutoff_hz: Doubles | float, rate_hz: float) -> Doubles:
    """Exponential smoothing factor of a first-order low-pass filter."""
    r = 2 * np.pi * np.asarray(cutoff_hz) / rate_hz
    return np.asarray(r / (r + 1))


@dataclass
class OneEuro:
    """The causal filter: `step` one row (C,) at a time."""

    rate_hz: float
    settings: FilterSettings
    _value: Doubles | None = None
    _speed: Doubles | None = None

    def step(self, row: Doubles) -> Doubles:
        """One row of raw values to one row of filtered values."""
        if self._value is None or self._speed is None:
            self._value, self._speed = row.copy(), np.zeros_like(row)
            first: Doubles = row.copy()
            return first
        speed = (row - self._value) * self.rate_hz
        self._speed = self._speed + _smoothing(self.settings.speed_cutoff_hz, self.rate_hz) * (speed - self._speed)
        cutoff = self.settings.min_cutoff_hz + self.settings.beta * np.abs(self._speed)
        self._value = self._value + _smoothing(cutoff, self.rate_hz) * (row - self._value)
        value: Doubles = self._value.copy()
        return value

    def run(self, rows: Doubles) -> Doubles:
        """Rows (T, C), one after the other."""
        return np.stack([self.step(row) for row in rows]) if len(rows) else rows


class ZeroPhaseOneEuro:
    """Both directions, without lag: `push` rows as they come, `finish` for the rest; as many rows out as in."""

    def __init__(self, rate_hz: float, settings: FilterSettings, margin_s: float = 0.5) -> None:
        self.rate_hz, self.settings = rate_hz, settings
        self._margin = max(1, round(margin_s * rate_hz))
        self._forward = OneEuro(rate_hz, settings)
        self._raw: Doubles | None = None
        self._passed: Doubles | None = None

    def push(self, rows: Doubles) -> Doubles:
        """Rows (T, C) in; those rows out (maybe none) that have the margin behind them."""
        passed = self._forward.run(rows)
        self._raw = rows if self._raw is None else np.concatenate([self._raw, rows])
        self._passed = passed if self._passed is None else np.concatenate([self._passed, passed])
        return self._emit(len(self._raw) - self._margin)

    def finish(self) -> Doubles:
        """The rows that are still waiting."""
        if self._raw is None:
            return np.zeros((0, 0))
        return self._emit(len(self._raw))

    def _emit(self, count: int) -> Doubles:
        assert self._raw is not None
        assert self._passed is not None
        if count <= 0:
            return self._raw[:0]
        backward = OneEuro(self.rate_hz, self.settings).run(self._raw[::-1])[::-1]
        out = (self._passed[:count] + backward[:count]) / 2
        self._raw, self._passed = self._raw[count:], self._passed[count:]
        return out
