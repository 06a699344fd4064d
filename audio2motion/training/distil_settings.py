"""How to distil the embedded speech encoder: which takes, which student, how long. Imports no PyTorch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TakesConfig:
    """Which takes. `take_s`: how long each is; `human`: share of takes cut from `recordings`, a folder of sound files
    (with the folders in it); `texts`: a folder of `<language>*.txt`, which espeak-ng reads."""

    take_s: float = 12.0
    recordings: Path | None = None
    human: float = 0.35
    texts: Path | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class StudentConfig:
    """The student's size: seven convolutions of `conv_dim` channels to 50 frames a second, then `layers`."""

    conv_dim: tuple[int, ...] = (64, 96, 128, 128, 192, 256, 256)
    hidden_size: int = 256
    layers: int = 5
    heads: int = 4
    feed_forward: int = 1024
    positions: int = 64


@dataclass(frozen=True, slots=True)
class DistilConfig:
    """How to distil. `minutes`: of the whole run, with what is made and saved in them; `hours` of takes are kept.

    A step is taken on windows of one length of `windows_s`, `batch_s` seconds of sound together. `first` takes are
    waited for; `held_out` of each kind are compared. The student is saved every `save_s`, too.
    """

    minutes: float = 60.0
    hours: float = 40.0
    batch_s: float = 400.0
    windows_s: tuple[float, ...] = (0.8, 1.6, 3.2, 3.2)
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup: float = 0.04
    clip: float = 1.0
    first: int = 40
    held_out: int = 16
    save_s: float = 30.0
    takes: TakesConfig = field(default_factory=TakesConfig)
    student: StudentConfig = field(default_factory=StudentConfig)
