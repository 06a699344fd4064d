"""What becomes of the model's lips: at rest where nobody speaks, and where they nearly touch they do touch."""

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


class Seals:
    """Steps of lips, in and out, as they come.

    Where the presence of speech is less likely than `_THERE`, all of the mouth comes to rest. Openings below the
    config's `closed_below` become none, and those up to twice that shrink; so do those of sounds that are p, b or m
    with a probability of `sealed_above`, or nearly. What is left is multiplied by `gain`.
    """

    def __init__(self, config: ModelConfig) -> None:
        self._config, self._asleep = config, config.output == "expression"
        self._gap = [i for i, name in enumerate(config.channels) if name in _GAP_CHANNELS]
        self._opening = torch.from_numpy(opening_weights(config.channels))
        self._late: torch.Tensor | None = None  # what later steps take of seals
        self._present: float | None = None

    def push(self, lips: torch.Tensor, visemes: torch.Tensor, presence: torch.Tensor) -> torch.Tensor:
        """New `lips` (T, channels), logits of `visemes` (T, 20), log-odds of `presence` (T,) to lips (T, channels)."""
        if self._asleep or not len(lips):
            return lips
        lips = lips.clamp(0, 1) * self._there(presence)[:, None]
        share = torch.minimum(self._parted(lips), self._later(self._unsealed(visemes)))
        out = (lips * self._config.gain).clamp(max=1)
        out[:, self._gap] *= share[:, None]
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
