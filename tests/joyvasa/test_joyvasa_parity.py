"""What the published implementation answers with stand-in weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from talkinghead.core.types import Floats
from talkinghead.models.joyvasa.config import Config, Positions
from talkinghead.models.joyvasa.generator import Generator, Stream
from talkinghead.models.joyvasa.weights import fill
from tests.joyvasa.tiny import speech

pytestmark = pytest.mark.material
SEED = 11


class GivenNoise:
    """Noise from an array: its first row is where every window begins."""

    def __init__(self, rows: Floats) -> None:
        self._rows: Iterator[torch.Tensor] = iter(torch.from_numpy(rows))
        self.initial = next(self._rows)

    def next(self) -> torch.Tensor:
        return next(self._rows)


@pytest.fixture(scope="module")
def expected(material: Path) -> dict[str, Floats]:
    with np.load(material / "joyvasa/parity.npz") as stored:
        return {name: stored[name] for name in stored.files}


@pytest.fixture(scope="module")
def generator(standin_state: dict[str, torch.Tensor]) -> Generator:
    return fill(Config(), standin_state, "stand-in")


def positioned(generator: Generator, positions: Positions) -> Generator:
    generator.denoising_net.config = replace(generator.config, positions=positions)
    return generator


def error(got: Floats, wanted: Floats) -> float:
    assert got.shape == wanted.shape
    return float(np.abs(got - wanted).max() / np.abs(wanted).max())


@pytest.fixture(scope="module")
def features(generator: Generator) -> torch.Tensor:
    with torch.inference_mode():
        return generator.hear(torch.from_numpy(speech(SEED + 100, 64_000))[None])


def test_audio_features(features: torch.Tensor, expected: Mapping[str, Floats]) -> None:
    assert error(features[:, ::5, ::4].numpy(), expected["audio_feature"]) < 1e-4


@pytest.mark.parametrize("positions", ["constant", "fixed"])
def test_one_denoising_step(
    generator: Generator, features: torch.Tensor, expected: Mapping[str, Floats], positions: Positions
) -> None:
    x = torch.from_numpy(np.random.RandomState(SEED + 200).randn(1, 100, 70).astype(np.float32))
    before = (generator.start_motion_feat, generator.start_audio_feat)
    with torch.inference_mode():
        got = positioned(generator, positions).denoise(x, features, before, 25)
    assert error(got[:, ::5].numpy(), expected[f"denoised_{positions}"]) < 1e-4


@pytest.mark.parametrize("positions", ["constant", "fixed"])
def test_motion_of_two_windows(generator: Generator, expected: Mapping[str, Floats], positions: Positions) -> None:
    rows = np.random.RandomState(SEED + 300).standard_normal((101, 1, 100, 70)).astype(np.float32)
    stream = Stream(positioned(generator, positions), noise=GivenNoise(rows))
    sound = speech(SEED, 102_400)
    windows = [window for start in range(0, len(sound), 5000) for window in stream.push(sound[start : start + 5000])]
    got = np.concatenate([*windows, *stream.finish()])
    assert error(got, expected[f"motion_{positions}"]) < 1e-4
