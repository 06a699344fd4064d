"""From the network's lips to those that are shown: smoothed, gated by voice activity, and closed at p, b and m."""

from __future__ import annotations

import numpy as np

from audio2motion.config import ModelConfig
from audio2motion.network.protocol import Floats, Steps
from audio2motion.phones import VISEMES
from audio2motion.targets import opening_weights

# Channels that part the lips; a closure takes these to zero and leaves the lips' shape alone.
GAP_CHANNELS = ("jawOpen", "mouthUpperUpLeft", "mouthUpperUpRight", "mouthLowerDownLeft", "mouthLowerDownRight")
_BILABIAL, _SILENCE = VISEMES.index("p b m"), VISEMES.index("silence")
# Steps (of 20 ms) by which closures are delayed: the network was taught that opening lips lead their sound, but a
# closure is seen when it is heard.
CLOSURE_DELAY = 2
_CLOSURE_RAMP = 0.05  # below `closure_above` by less than this probability, an opening shrinks
_CLOSURE_HOLD = 1  # steps by which a closure is held before and after, so that smoothing leaves its middle closed
# The voice activity gate: shut below the first probability, open above the second.
_GATE_SHUT, _GATE_OPEN = 0.07, 0.25
_GATE_PER_STEP = 0.25  # attack and release: 80 ms each
# Lips close where so many steps were silence with more than this probability, each of them. Voice activity takes longer
# to fall; but of pauses in which people's lips stay open the network is less sure, or sure for a step only. In low
# latency, where nothing is known of what follows, it takes less, so that lips close as soon after the last sound.
_SILENT_STEPS, _SILENT_ABOVE = 3, 0.993
_LOW_LATENCY_SILENT_STEPS, _LOW_LATENCY_SILENT_ABOVE = 2, 0.98
# Standard deviations of the smoothing in steps. Smoothing delays, so in low latency there is none.
_SMOOTH_LIPS, _SMOOTH_CLOSURES = 1.75, 1.0
REACH = 4  # steps that smoothing sees on either side


def _gaussian(deviation: float, reach: int) -> Floats:
    """(2 reach + 1,) weights with unit sum."""
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1, dtype=np.float32) / np.float32(deviation)) ** 2)
    return np.asarray(bell / bell.sum(), np.float32)


def _sigmoid(logits: Floats) -> Floats:
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * logits), np.float32)


def _softmax(logits: Floats) -> Floats:
    """Logits (T, n) to probabilities."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True), np.float32)


class LipPostprocessor:
    """A stream of the network's steps in, a stream of lip weights out; `REACH` steps later unless `low_latency`.

    Where speech is less probable than `_GATE_OPEN`, the whole mouth comes to rest, and the lips close where the network
    is sure of silence. Openings below the config's `closed_below` become zero and those up to twice that shrink; so do
    openings at sounds that are p, b or m with a probability of `closure_above`. What remains is multiplied by `gain`. A
    model of keypoints ("expression") passes through unchanged.
    """

    def __init__(self, config: ModelConfig, low_latency: bool = False) -> None:
        self._config, self._bypass = config, config.output == "expression"
        self._gap = [i for i, name in enumerate(config.channels) if name in GAP_CHANNELS]
        self._opening = opening_weights(config.channels)
        self._delayed: Floats | None = None  # closures that later steps will show
        self._silent_steps = _LOW_LATENCY_SILENT_STEPS if low_latency else _SILENT_STEPS
        self._silent_above = _LOW_LATENCY_SILENT_ABOVE if low_latency else _SILENT_ABOVE
        self._silent = np.zeros(self._silent_steps - 1, np.float32)  # probabilities of the steps before
        self._gate: float | None = None
        self._low_latency = low_latency
        self._lips = _Smoother(_gaussian(_SMOOTH_LIPS, REACH))
        self._closures = _Smoother(_gaussian(_SMOOTH_CLOSURES, REACH - _CLOSURE_HOLD), _CLOSURE_HOLD)

    def push(self, steps: Steps) -> Floats:
        """New steps to lip weights (T', channels) in 0..1.

        T' is T, less the first `REACH` steps of a stream that is smoothed.
        """
        lips = steps.motion
        if self._bypass or not len(lips):
            return lips
        lips = lips.clip(0, 1) * self._gated(steps.voice_activity)[:, None]
        said = _softmax(steps.visemes)
        lips[:, self._gap] *= self._parted_by_silence(said[:, _SILENCE])[:, None]
        parted = self._delay(self._parted_by_viseme(said[:, _BILABIAL]))
        if not self._low_latency:
            lips, parted = self._lips.push(lips), self._closures.push(parted[:, None])[:, 0]
        out = (lips * np.float32(self._config.gain)).clip(max=1)
        out[:, self._gap] *= np.minimum(self._parted_by_opening(lips), parted)[:, None]
        return np.asarray(out, np.float32)

    def _gated(self, voice_activity: Floats) -> Floats:
        """(T,) in 0..1: the share of the mouth's motion that is let through."""
        wanted = ((_sigmoid(voice_activity) - _GATE_SHUT) / (_GATE_OPEN - _GATE_SHUT)).clip(0, 1).tolist()
        gates, now = [], self._gate
        for value in wanted:
            now = value if now is None else min(max(value, now - _GATE_PER_STEP), now + _GATE_PER_STEP)
            gates.append(now)
        self._gate = now
        return np.array(gates, np.float32)

    def _parted_by_opening(self, lips: Floats) -> Floats:
        """(T,) in 0..1: the share of each opening that is left where it is nearly none."""
        opening = (lips @ self._opening).clip(min=1e-6)
        return np.asarray((2 * (opening - self._config.closed_below) / opening).clip(0, 1), np.float32)

    def _parted_by_viseme(self, closed: Floats) -> Floats:
        """(T,) in 0..1: the share of each opening that p, b and m, of probability `closed` (T,), leave."""
        share = (self._config.closure_above - closed) / _CLOSURE_RAMP
        return np.asarray(share.clip(0, 1), np.float32)

    def _parted_by_silence(self, silent: Floats) -> Floats:
        """(T,) in 0..1: the share of each opening that a silence of probabilities `silent` (T,) leaves."""
        known = np.concatenate([self._silent, silent])
        self._silent = known[len(silent) :].copy()
        surely = np.lib.stride_tricks.sliding_window_view(known, self._silent_steps).min(1)
        return np.asarray((1 - 2 * (surely - self._silent_above) / (1 - self._silent_above)).clip(0, 1), np.float32)

    def _delay(self, parted: Floats) -> Floats:
        """The shares (T,) `CLOSURE_DELAY` steps later; before, the first step's."""
        before = parted[:1].repeat(CLOSURE_DELAY) if self._delayed is None else self._delayed
        known = np.concatenate([before, parted])
        self._delayed = known[len(parted) :].copy()
        return known[: len(parted)]


class _Smoother:
    """Rows (T, C) in; out come the weighted means of windows about them, of minima over 2 `hold` + 1 rows."""

    def __init__(self, weights: Floats, hold: int = 0) -> None:
        self._weights, self._minimum = weights, 2 * hold + 1
        self._reach = len(weights) + self._minimum - 2  # rows that a window has beside its middle
        self._kept: Floats | None = None

    def push(self, rows: Floats) -> Floats:
        before = rows[:1].repeat(self._reach // 2, 0) if self._kept is None else self._kept
        rows = np.concatenate([before, rows])
        ready = max(0, len(rows) - self._reach)
        self._kept = rows[ready:].copy()
        if not ready:
            return rows[:0]
        least = _windows(rows, self._minimum).min(2)
        return np.asarray(_windows(least, len(self._weights)) @ self._weights, np.float32)


def _windows(rows: Floats, length: int) -> Floats:
    """Rows (T, C) as windows (T - length + 1, C, length)."""
    return np.lib.stride_tricks.sliding_window_view(rows, length, axis=0)
