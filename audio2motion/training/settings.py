"""How to train, and where a run is."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """How to train. `minutes` and `epochs` both end it, whichever comes first; `patience` in epochs without gain.

    `lead`: motion frames (20 ms) by which lips are taught to move before the sound that they shape. `keep`: the share
    that the checkpoint a run started from has in the one that it leaves (`training.tuning.interpolate_weights`).
    """

    epochs: int = 20
    minutes: float | None = None
    batch_size: int = 16
    crop_s: float = 5.0
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.02
    warmup: float = 0.05
    clip: float = 1.0
    average: float = 0.997
    patience: int = 6
    seed: int = 0
    lead: int = 2
    workers: int = 0
    mixed_precision: str = "no"
    keep: float = 0.0


@dataclass
class Progress:
    """Where a run is; travels with its checkpoint."""

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    best: float = math.inf
    best_epoch: int = -1

    def state_dict(self) -> dict[str, Any]:
        """Plain values, for accelerate."""
        return asdict(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take plain values over."""
        self.__dict__.update(state)

    def share(self, config: TrainConfig, steps_per_epoch: int) -> float:
        """How much of the run is over, 0..1: by epochs or by time, whichever is further."""
        total = config.epochs * max(1, steps_per_epoch)
        by_time = self.seconds / (60 * config.minutes) if config.minutes else 0.0
        return min(1.0, max(self.step / total, by_time))


def learning_rate(config: TrainConfig, share: float) -> float:
    """The rate at that share of the run: linear warm-up, then a half cosine to zero."""
    if share < config.warmup:
        return config.learning_rate * max(share / config.warmup, 0.02)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * (share - config.warmup) / (1 - config.warmup)))
