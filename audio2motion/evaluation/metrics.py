"""How well a predicted mouth follows a measured one: correlations, lags, significance, smoothness."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audio2motion.amplitudes import MOUTH_AMPLITUDES as MOUTH

Doubles = npt.NDArray[np.float64]

# An opening (1 = open a) below this is closed lips: a gap of a fiftieth of the pupil distance.
CLOSED_BELOW = 0.08
LAGS_MS: tuple[int, ...] = tuple(range(-240, 241, 20))
# In distances of the outer eye corners, which is what clips are measured in.
PUPIL_IN_OUTER_EYE = 1 / MOUTH.outer_eyes
APERTURE_OF_OPEN_A = MOUTH.open_a * PUPIL_IN_OUTER_EYE
_FEWEST = 8


@dataclass(frozen=True, slots=True)
class Trace:
    """A curve over time: `values` (T,), sample k at time k / `rate_hz`; NaN where unknown."""

    values: Doubles
    rate_hz: float

    def at(self, times_s: Doubles) -> Doubles:
        """Linear interpolation; NaN outside the curve."""
        own = np.arange(len(self.values)) / self.rate_hz
        return np.interp(times_s, own, self.values, left=np.nan, right=np.nan)

    @property
    def times_s(self) -> Doubles:
        return np.arange(len(self.values)) / self.rate_hz


def _both(a: Doubles, b: Doubles) -> tuple[Doubles, Doubles]:
    known = np.isfinite(a) & np.isfinite(b)
    return a[known], b[known]


def correlation(a: Doubles, b: Doubles) -> float:
    """Pearson's r where both are known; NaN for fewer than eight samples or where either does not vary."""
    a, b = _both(np.asarray(a, np.float64), np.asarray(b, np.float64))
    if len(a) < _FEWEST or a.std() < 1e-9 or b.std() < 1e-9:
        return math.nan
    return float(np.corrcoef(a, b)[0, 1])


def lag_curve(predicted: Trace, measured: Trace, lags_ms: Sequence[int] = LAGS_MS) -> Doubles:
    """r of the measured curve with the predicted one moved later by each lag.

    A best lag below zero: the mouth moves before the prediction says so (the sign of an av_offset_ms).
    """
    times_s = measured.times_s
    return np.array([correlation(predicted.at(times_s - lag / 1000), measured.values) for lag in lags_ms])


def best_lag_ms(curve: Doubles, lags_ms: Sequence[int] = LAGS_MS) -> tuple[float, float]:
    """(lag, r) at the curve's height, between the sampled lags by a parabola; NaN for an unknown curve."""
    if not np.isfinite(curve).any():
        return math.nan, math.nan
    i = int(np.nanargmax(curve))
    lag, height = float(lags_ms[i]), float(curve[i])
    if 0 < i < len(curve) - 1 and np.isfinite(curve[i - 1 : i + 2]).all():
        left, middle, right = curve[i - 1 : i + 2]
        bend = left - 2 * middle + right
        if bend < -1e-12:
            shift = 0.5 * (left - right) / bend
            lag += float(shift) * (lags_ms[i + 1] - lags_ms[i])
            height = float(middle - 0.25 * (left - right) * shift)
    return lag, height


def fisher_mean(values: Sequence[float]) -> float:
    """Mean correlation by way of Fisher's z."""
    known = np.clip([v for v in values if math.isfinite(v)], -0.999, 0.999)
    return float(np.tanh(np.arctanh(known).mean())) if len(known) else math.nan


def _centred(predicted: Doubles, measured: Doubles) -> tuple[Doubles, Doubles] | None:
    a, b = _both(predicted, measured)
    if len(a) < _FEWEST or b.std() < 1e-9:
        return None
    return (a - a.mean()) / max(float(a.std()), 1e-9), (b - b.mean()) / b.std()


def pooled_correlation(pairs: Sequence[tuple[Doubles, Doubles]]) -> float:
    """r over all frames of all clips, each clip's curves freed of their own mean and spread."""
    parts = [part for part in (_centred(*pair) for pair in pairs) if part is not None]
    if not parts:
        return math.nan
    return correlation(np.concatenate([a for a, _ in parts]), np.concatenate([b for _, b in parts]))


def circular_p(pairs: Sequence[tuple[Doubles, Doubles]], rounds: int = 4000, seed: int = 0) -> float:
    """One-sided p of the pooled r: how often curves shifted round within their clips do as well.

    Shifting keeps each curve's own smoothness, which a shuffle of frames or Fisher's z over frames would not.
    """
    rng = np.random.default_rng(seed)
    found, total, drawn = 0.0, 0, np.zeros(rounds)
    for a, b in (part for part in (_centred(*pair) for pair in pairs) if part is not None):
        shifted = np.fft.irfft(np.conj(np.fft.rfft(a)) * np.fft.rfft(b), len(a))
        found += float(a @ b)
        drawn += shifted[rng.integers(0, len(a), rounds)]
        total += len(a)
    return float((1 + np.sum(drawn >= found - 1e-9)) / (rounds + 1)) if total else math.nan


def paired_p(better: Sequence[float], worse: Sequence[float], rounds: int = 4000, seed: int = 0) -> float:
    """One-sided p that clips' correlations are higher than another method's: sign flips of the differences in z."""
    a, b = _both(np.asarray(better, np.float64), np.asarray(worse, np.float64))
    if not len(a):
        return math.nan
    difference = np.arctanh(np.clip(a, -0.999, 0.999)) - np.arctanh(np.clip(b, -0.999, 0.999))
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], (rounds, len(difference)))
    return float((1 + np.sum(signs @ difference >= difference.sum() - 1e-9)) / (rounds + 1))


def regression_slope(predicted: Doubles, measured: Doubles) -> float:
    """Measured movement per unit of predicted movement (least squares); both in the same unit, 1 is calibrated."""
    a, b = _both(predicted, measured)
    if len(a) < _FEWEST or a.std() < 1e-9:
        return math.nan
    return float(np.cov(a, b)[0, 1] / a.var(ddof=1))


def jitter(values: Doubles) -> float:
    """Mean absolute second difference over the spread: 0 for a line, about 2 for white noise."""
    known = np.asarray(values, np.float64)
    bends = np.abs(np.diff(known, 2))
    bends = bends[np.isfinite(bends)]
    spread = float(np.nanstd(known)) if np.isfinite(known).any() else 0.0
    return float(bends.mean() / spread) if len(bends) and spread > 1e-9 else math.nan
