"""How to train and to solve, and where a run is."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from audio2motion.errors import Audio2MotionError


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


@dataclass(frozen=True, slots=True)
class FitConfig:
    """How to solve. `penalty`: rows' worth of ridge, over features of unit spread, for the lips' gap, and
    `shape_penalty` times as much for all else; `hours` of each corpus at most.

    `speeds`: each take of synthesised speech is heard once more, played so many times as fast, at one of them in turn,
    and the penalty grows with the rows; in low latency it is not, where shapes are told worse by it. `movements`: lips
    move together in so many ways, those that go furthest, where all speech is synthesised. `second_share`: how much of
    the lips' gap the second of the encoder's layers tells where the third tells the rest; of all else each tells half.

    `lead`: steps by which lips part and close before their sound; `shape_lead`: by which they spread and round before
    it. `spread`: how far lips spread for each unit of a corpus's targets, as people spread them less. `loudness`: for
    every 10 dB by which a sound is louder than those about it, lips part by exp(-loudness) of what the targets say,
    which tie the two together more than people do. In a corpus of clips, where lips are measured, the leads and
    `loudness` are 0 and `spread` is 1.
    """

    penalty: float = 3e4
    hours: float = 1.0
    speeds: tuple[float, ...] = ()
    movements: int = 4
    second_share: float = 0.7
    shape_penalty: float = 9.0
    lead: int = 2
    shape_lead: int = 4
    spread: float = 0.3
    loudness: float = 0.2

    def __post_init__(self) -> None:
        for speed in self.speeds:
            if not 0.5 <= speed <= 2:
                raise Audio2MotionError(f"speech is played at 0.5 to 2 times its speed, not at {speed}")
        if self.movements < 1:
            raise Audio2MotionError(f"lips have at least one movement, not {self.movements}")
        if not 0 < self.second_share < 1:
            raise Audio2MotionError(f"the second layer's share must be between 0 and 1, not {self.second_share}")


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
