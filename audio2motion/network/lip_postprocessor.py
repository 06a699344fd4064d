"""What becomes of the model's lips: as smooth as people's, at rest where nobody speaks, closed where nearly so."""

from __future__ import annotations

import torch

from audio2motion.config import ModelConfig
from audio2motion.phones import VISEMES
from audio2motion.targets import opening_weights

_GAP_CHANNELS = ("jawOpen", "mouthUpperUpLeft", "mouthUpperUpRight", "mouthLowerDownLeft", "mouthLowerDownRight")
# Opening lips lead their sound, and so the model was taught; a closure is seen when it is heard (steps of 20 ms).
SEAL_LATE = 2
_SEAL = VISEMES.index("p b m")
_NOBODY, _THERE = 0.15, 0.45
_PER_STEP = 0.125  # presence comes and goes within 160 ms
_UNSURE = 0.05  # below `sealed_above` by less than this, an opening shrinks
# Heard too late for smoothing, lips would be late: in low latency they stay as they are. Standard deviations in steps.
_SMOOTH, _SMOOTH_SEALS = 1.75, 1.0
_HOLD = 1  # steps by which a seal begins earlier and ends later, so that its middle stays closed when smoothed
REACH = 4  # steps that smoothing sees on either side


def _bell(deviation: float, reach: int) -> torch.Tensor:
    steps = torch.arange(-reach, reach + 1, dtype=torch.float32)
    bell = torch.exp(-0.5 * (steps / deviation) ** 2)
    return bell / bell.sum()


class Seals:
    """Steps of lips, in and out, as they come; unless `quick`, smoothed, and so `REACH` steps later.

    Where the presence of speech is less likely than `_THERE`, all of the mouth comes to rest. Openings below the
    config's `closed_below` become none, and those up to twice that shrink; so do those of sounds that are p, b or m
    with a probability of `sealed_above`, or nearly. What is left is multiplied by `gain`.
    """

    def __init__(self, config: ModelConfig, quick: bool = False) -> None:
        self._config, self._asleep = config, config.output == "expression"
        self._gap = [i for i, name in enumerate(config.channels) if name in _GAP_CHANNELS]
        self._opening = torch.from_numpy(opening_weights(config.channels))
        self._late: torch.Tensor | None = None  # what later steps take of seals
        self._present: float | None = None
        self._quick = quick
        self._lips = _Window(_bell(_SMOOTH, REACH))
        self._share = _Window(_bell(_SMOOTH_SEALS, REACH - _HOLD), _HOLD)

    def push(self, lips: torch.Tensor, visemes: torch.Tensor, presence: torch.Tensor) -> torch.Tensor:
        """New `lips` (T, channels), logits of `visemes` (T, 20), log-odds of `presence` (T,) to lips (T', channels).

        T' is T but for the first `REACH` steps of a stream that is not quick.
        """
        if self._asleep or not len(lips):
            return lips
        lips = lips.clamp(0, 1) * self._there(presence)[:, None]
        unsealed = self._later(self._unsealed(visemes))
        if not self._quick:
            lips, unsealed = self._lips.push(lips), self._share.push(unsealed[:, None])[:, 0]
        out = (lips * self._config.gain).clamp(max=1)
        out[:, self._gap] *= torch.minimum(self._parted(lips), unsealed)[:, None]
        return out

    def _there(self, presence: torch.Tensor) -> torch.Tensor:
        """(T,) 0..1: how much of the mouth's motion is let through."""
        wanted = ((presence.sigmoid() - _NOBODY) / (_THERE - _NOBODY)).clamp(0, 1).tolist()
        there, now = [], self._present
        for value in wanted:
            now = value if now is None else min(max(value, now - _PER_STEP), now + _PER_STEP)
            there.append(now)
        self._present = now
        return torch.tensor(there)

    def _parted(self, lips: torch.Tensor) -> torch.Tensor:
        """(T,) what is left of each opening that is nearly none."""
        opening = (lips @ self._opening).clamp(min=1e-6)
        return (2 * (opening - self._config.closed_below) / opening).clamp(0, 1)

    def _unsealed(self, visemes: torch.Tensor) -> torch.Tensor:
        """(T,) what p, b and m leave of each opening."""
        return ((self._config.sealed_above - visemes.softmax(1)[:, _SEAL]) / _UNSURE).clamp(0, 1)

    def _later(self, share: torch.Tensor) -> torch.Tensor:
        """What seals leave (T,), moved `SEAL_LATE` steps back; the first step's holds until then."""
        before = share[:1].expand(SEAL_LATE) if self._late is None else self._late
        known = torch.cat([before, share])
        self._late = known[len(share) :]
        return known[: len(share)]


class _Window:
    """Rows (T, C) in, the weighted means of windows about them out; before that, the least of `2 least + 1` rows."""

    def __init__(self, weights: torch.Tensor, least: int = 0) -> None:
        self._weights, self._least = weights, 2 * least + 1
        self._reach = len(weights) + self._least - 2  # rows that a window has beside its middle
        self._held: torch.Tensor | None = None

    def push(self, rows: torch.Tensor) -> torch.Tensor:
        before = rows[:1].expand(self._reach // 2, -1) if self._held is None else self._held
        rows = torch.cat([before, rows])
        ready = max(0, len(rows) - self._reach)
        self._held = rows[ready:]
        if not ready:
            return rows[:0]
        return rows.unfold(0, self._least, 1).amin(2).unfold(0, len(self._weights), 1) @ self._weights
