"""The sizes of the generator: the published ones by default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from talkinghead.core.errors import InputError

# "constant": one positional row for every frame; "fixed": a row for each.
Positions = Literal["constant", "fixed"]

SAMPLE_RATE_HZ = 16_000
FPS = 25
SAMPLES_PER_FRAME = SAMPLE_RATE_HZ // FPS
# HuBERT makes a unit of this many samples; two of them are a frame.
SAMPLES_PER_UNIT = 320
# Silence around the recording.
LEAD_SAMPLES, TAIL_SAMPLES = 1280, 640
LEAD_FRAMES = LEAD_SAMPLES // SAMPLES_PER_FRAME
assert SAMPLES_PER_FRAME == 2 * SAMPLES_PER_UNIT
assert LEAD_FRAMES * SAMPLES_PER_FRAME == LEAD_SAMPLES

# A frame of motion: 21 keypoints x 3, scale, translation, pitch, yaw, roll.
N_EXPRESSION, N_POSE = 63, 7
N_NUMBERS = N_EXPRESSION + N_POSE


@dataclass(frozen=True)
class Config:
    """Sizes; `hubert` overrides HuBERT base's own configuration.

    `positions`: the published weights were, by the dates, trained with a constant row, hence the default.
    """

    frames: int = 100
    previous: int = 10
    width: int = 256
    heads: int = 8
    layers: int = 8
    feedforward: int = 1024
    head_width: int = 128
    steps: int = 50
    positions: Positions = "constant"
    hubert: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.positions not in get_args(Positions):
            raise InputError(f"positions are {' or '.join(get_args(Positions))}, not {self.positions!r}")

    @property
    def context(self) -> int:
        """Frames that the denoiser sees at once."""
        return self.previous + self.frames

    @property
    def window_samples(self) -> int:
        """Samples of sound in a window."""
        return self.frames * SAMPLES_PER_FRAME
