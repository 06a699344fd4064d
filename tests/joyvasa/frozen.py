"""A frozen case: what a tiny generator with fixed weights makes of a fixed sound, kept in `frozen.npz`.

The file was made by the first implementation that matched the published one's figures. To make it anew, after a change
that is meant:

    python -m tests.joyvasa.frozen
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from talkinghead.core.types import Floats
from talkinghead.models.joyvasa.config import N_NUMBERS, Positions
from talkinghead.models.joyvasa.generator import Stream
from tests.joyvasa.tiny import TINY, by_rule, speech

PATH = Path(__file__).with_name("frozen.npz")
# Two whole windows and a part of a third.
SAMPLES = 14_000
# Every how many of a frame's 70 numbers are kept.
STEP = 3


class GivenNoise:
    """Noise whose numbers do not depend on PyTorch's generator: every window starts from `initial`."""

    def __init__(self) -> None:
        self._rows = self._drawn()
        self.initial = next(self._rows)

    @staticmethod
    def _drawn() -> Iterator[torch.Tensor]:
        draw = np.random.RandomState(9)
        while True:
            yield torch.from_numpy(draw.standard_normal((1, TINY.frames, N_NUMBERS)).astype(np.float32))

    def next(self) -> torch.Tensor:
        return next(self._rows)


def motion(positions: Positions, guidance: float) -> Floats:
    """Normalised motion (T, 24) of the sound's windows."""
    stream = Stream(by_rule(replace(TINY, positions=positions)), guidance=guidance, noise=GivenNoise())
    rows: Floats = np.concatenate([*stream.push(speech(4, SAMPLES)), *stream.finish()])[:, ::STEP]
    return rows


def answers() -> dict[str, Floats]:
    """Everything that is frozen, by name."""
    generator = by_rule(TINY)
    with torch.inference_mode():
        features = generator.hear(torch.from_numpy(speech(5, TINY.window_samples))[None])
        before = (generator.start_motion_feat, generator.start_audio_feat)
        denoised = generator.denoise(GivenNoise().initial, features, before, 2)
    return {
        "features": features[0].numpy(),
        "denoised": denoised[0, :, ::STEP].numpy(),
        "constant": motion("constant", 2.0),
        "fixed": motion("fixed", 2.0),
        "unguided": motion("constant", 1.0),
    }


if __name__ == "__main__":
    np.savez_compressed(PATH, **answers())
    print(PATH, PATH.stat().st_size, "bytes")
