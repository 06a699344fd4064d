"""Smoothing of head pose, as it streams.

The generator samples each frame's pose with some jitter. The published remedy, an exponential mean with weight 0.01,
has a time constant of four seconds: it takes the jitter away and the head's motion with it. A short Gaussian keeps
nods and turns, and delays nothing, since it looks as far ahead as back.
"""

from __future__ import annotations

from typing import Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt

from talkinghead.core.errors import InputError

Smoothing = Literal["gaussian", "published", "none"]
Rows = npt.NDArray[np.float32]

# Half the amplitude is left at sqrt(2 ln 2) / (2 pi 0.08 s) = 2.3 Hz: nods pass, jitter between frames does not.
SIGMA_S = 0.08
PUBLISHED_WEIGHT = 0.01


class Smoother(Protocol):
    """`push` rows (T, C) as they come, `finish` for the rest; as many rows out as in."""

    def push(self, rows: Rows) -> Rows: ...

    def finish(self) -> Rows: ...


class Unsmoothed:
    """Rows as they are."""

    _none: Rows | None = None

    def push(self, rows: Rows) -> Rows:
        self._none = rows[:0]
        return rows

    def finish(self) -> Rows:
        return np.zeros((0, 0), np.float32) if self._none is None else self._none


class Exponential(Unsmoothed):
    """y <- y + weight (x - y), begun at the first row."""

    def __init__(self, weight: float = PUBLISHED_WEIGHT) -> None:
        self._weight = weight
        self._value: npt.NDArray[np.float64] | None = None

    def push(self, rows: Rows) -> Rows:
        out = np.empty_like(rows)
        for i, row in enumerate(super().push(rows)):
            value = row if self._value is None else self._value + self._weight * (row - self._value)
            self._value = value.astype(np.float64)
            out[i] = self._value
        return out


class Gaussian:
    """Weights of a normal distribution over the neighbours; beyond the ends, the first and last rows are repeated."""

    def __init__(self, rate_hz: float, sigma_s: float = SIGMA_S) -> None:
        sigma = sigma_s * rate_hz
        self._reach = max(1, int(np.ceil(3 * sigma)))
        weights = np.exp(-0.5 * (np.arange(-self._reach, self._reach + 1) / sigma) ** 2)
        self._weights = weights / weights.sum()
        self._rows: Rows | None = None

    def push(self, rows: Rows) -> Rows:
        if self._rows is None:
            if not len(rows):
                return rows
            rows = np.concatenate([np.repeat(rows[:1], self._reach, 0), rows])
            self._rows = rows[:0]
        self._rows = np.concatenate([self._rows, rows])
        return self._settled()

    def finish(self) -> Rows:
        if self._rows is None:
            return np.zeros((0, 0), np.float32)
        self._rows = np.concatenate([self._rows, np.repeat(self._rows[-1:], self._reach, 0)])
        return self._settled()

    def _settled(self) -> Rows:
        """Rows that have all their neighbours; what later rows need is kept."""
        assert self._rows is not None
        count = max(0, len(self._rows) - 2 * self._reach)
        if not count:
            return self._rows[:0]
        seen = np.lib.stride_tricks.sliding_window_view(self._rows, len(self._weights), axis=0)
        out: Rows = (seen @ self._weights).astype(np.float32)
        self._rows = self._rows[count:]
        return out


def smoother(kind: Smoothing, rate_hz: float) -> Smoother:
    """A smoother of this kind.

    Raises:
        InputError: there is no such kind.
    """
    if kind not in get_args(Smoothing):
        raise InputError(f"there is no smoothing {kind!r}: choose one of {', '.join(get_args(Smoothing))}")
    if kind == "gaussian":
        return Gaussian(rate_hz)
    return Exponential() if kind == "published" else Unsmoothed()
