"""From the network's lips to those that are shown: smoothed, gated by voice activity, and closed at p, b and m."""

from __future__ import annotations

import torch

from audio2motion.config import ModelConfig
from audio2motion.phones import VISEMES
from audio2motion.targets import opening_weights

# Channels that part the lips; a closure takes these to zero and leaves the lips' shape alone.
_GAP_CHANNELS = ("jawOpen", "mouthUpperUpLeft", "mouthUpperUpRight", "mouthLowerDownLeft", "mouthLowerDownRight")
_BILABIAL = VISEMES.index("p b m")
# Steps (of 20 ms) by which closures are delayed: the network was taught that opening lips lead their sound, but a
# closure is seen when it is heard.
CLOSURE_DELAY = 2
_CLOSURE_RAMP = 0.05  # below `closure_above` by less than this probability, an opening shrinks
_CLOSURE_HOLD = 1  # steps by which a closure is held before and after, so that smoothing leaves its middle closed
# The voice activity gate: shut below the first probability, open above the second.
_GATE_SHUT, _GATE_OPEN = 0.15, 0.45
_GATE_PER_STEP = 0.125  # attack and release: 160 ms each
# Standard deviations of the smoothing in steps. Smoothing delays, so in low latency there is none.
_SMOOTH_LIPS, _SMOOTH_CLOSURES = 1.75, 1.0
REACH = 4  # steps that smoothing sees on either side


def _gaussian(deviation: float, reach: int) -> torch.Tensor:
    """(2 reach + 1,) weights with unit sum."""
    steps = torch.arange(-reach, reach + 1, dtype=torch.float32)
    bell = torch.exp(-0.5 * (steps / deviation) ** 2)
    return bell / bell.sum()


class LipPostprocessor:
    """A stream of the network's steps in, a stream of lip weights out; `REACH` steps later unless `low_latency`.

    Where speech is less probable than `_GATE_OPEN`, the whole mouth comes to rest. Openings below the config's
    `closed_below` become zero and those up to twice that shrink; so do openings at sounds that are p, b or m with a
    probability of `closure_above`. What remains is multiplied by `gain`. A model of keypoints ("expression") passes
    through unchanged.
    """

    def __init__(self, config: ModelConfig, low_latency: bool = False) -> None:
        self._config, self._bypass = config, config.output == "expression"
        self._gap = [i for i, name in enumerate(config.channels) if name in _GAP_CHANNELS]
        self._opening = torch.from_numpy(opening_weights(config.channels))
        self._delayed: torch.Tensor | None = None  # closures that later steps will show
        self._gate: float | None = None
        self._low_latency = low_latency
        self._lips = _Smoother(_gaussian(_SMOOTH_LIPS, REACH))
        self._closures = _Smoother(_gaussian(_SMOOTH_CLOSURES, REACH - _CLOSURE_HOLD), _CLOSURE_HOLD)

    def push(self, lips: torch.Tensor, visemes: torch.Tensor, voice_activity: torch.Tensor) -> torch.Tensor:
        """New steps to lip weights (T', channels) in 0..1.

        `lips` (T, channels); `visemes` (T, 20) logits; `voice_activity` (T,) log-odds. T' is T, less the first `REACH`
        steps of a stream that is smoothed.
        """
        if self._bypass or not len(lips):
            return lips
        lips = lips.clamp(0, 1) * self._gated(voice_activity)[:, None]
        parted = self._delay(self._parted_by_viseme(visemes))
        if not self._low_latency:
            lips, parted = self._lips.push(lips), self._closures.push(parted[:, None])[:, 0]
        out = (lips * self._config.gain).clamp(max=1)
        out[:, self._gap] *= torch.minimum(self._parted_by_opening(lips), parted)[:, None]
        return out

    def _gated(self, voice_activity: torch.Tensor) -> torch.Tensor:
        """(T,) in 0..1: the share of the mouth's motion that is let through."""
        wanted = ((voice_activity.sigmoid() - _GATE_SHUT) / (_GATE_OPEN - _GATE_SHUT)).clamp(0, 1).tolist()
        gates, now = [], self._gate
        for value in wanted:
            now = value if now is None else min(max(value, now - _GATE_PER_STEP), now + _GATE_PER_STEP)
            gates.append(now)
        self._gate = now
        return torch.tensor(gates)

    def _parted_by_opening(self, lips: torch.Tensor) -> torch.Tensor:
        """(T,) in 0..1: the share of each opening that is left where it is nearly none."""
        opening = (lips @ self._opening).clamp(min=1e-6)
        return (2 * (opening - self._config.closed_below) / opening).clamp(0, 1)

    def _parted_by_viseme(self, visemes: torch.Tensor) -> torch.Tensor:
        """(T,) in 0..1: the share of each opening that p, b and m leave."""
        return ((self._config.closure_above - visemes.softmax(1)[:, _BILABIAL]) / _CLOSURE_RAMP).clamp(0, 1)

    def _delay(self, parted: torch.Tensor) -> torch.Tensor:
        """The shares (T,) `CLOSURE_DELAY` steps later; before, the first step's."""
        before = parted[:1].expand(CLOSURE_DELAY) if self._delayed is None else self._delayed
        known = torch.cat([before, parted])
        self._delayed = known[len(parted) :]
        return known[: len(parted)]


class _Smoother:
    """Rows (T, C) in; out come the weighted means of windows about them, of minima over 2 `hold` + 1 rows."""

    def __init__(self, weights: torch.Tensor, hold: int = 0) -> None:
        self._weights, self._minimum = weights, 2 * hold + 1
        self._reach = len(weights) + self._minimum - 2  # rows that a window has beside its middle
        self._kept: torch.Tensor | None = None

    def push(self, rows: torch.Tensor) -> torch.Tensor:
        before = rows[:1].expand(self._reach // 2, -1) if self._kept is None else self._kept
        rows = torch.cat([before, rows])
        ready = max(0, len(rows) - self._reach)
        self._kept = rows[ready:]
        if not ready:
            return rows[:0]
        return rows.unfold(0, self._minimum, 1).amin(2).unfold(0, len(self._weights), 1) @ self._weights
