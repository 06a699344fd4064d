"""The generator answers what it answered when it matched the published implementation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from talkinghead.core.types import Floats
from talkinghead.models.joyvasa.sampling import cosine_schedule
from tests.joyvasa import frozen


@pytest.fixture(scope="module")
def kept() -> dict[str, Floats]:
    with np.load(frozen.PATH) as stored:
        return {name: stored[name] for name in stored.files}


def test_everything_answers_as_it_did(kept: dict[str, Floats]) -> None:
    answers = frozen.answers()
    assert answers.keys() == kept.keys()
    for name, expected in kept.items():
        assert answers[name].shape == expected.shape, name
        error = float(np.abs(answers[name] - expected).max() / np.abs(expected).max())
        assert error <= 1e-5, f"{name} is off by {error:.1e}"


def test_the_cases_differ_from_one_another(kept: dict[str, Floats]) -> None:
    for other in ("fixed", "unguided"):
        assert np.abs(kept["constant"] - kept[other]).max() > 1e-2


def test_the_schedule_is_the_published_one() -> None:
    """Cosine, s = 0.008, beta within 1e-4..0.999: each step's three factors, written down in numpy."""
    steps = 50
    signal = np.cos((np.arange(steps + 1) / steps + 0.008) / 1.008 * np.pi / 2) ** 2
    schedule = cosine_schedule(steps)
    total = 1.0
    for t in range(1, steps + 1):
        beta = min(max(1 - signal[t] / signal[t - 1], 1e-4), 0.999)
        alpha, before = 1 - beta, total
        total *= alpha
        expected = (
            np.sqrt(alpha) * (1 - before) / (1 - total),
            np.sqrt(before) * (1 - alpha) / (1 - total),
            np.sqrt((1 - before) / (1 - total) * beta),
        )
        got = [float(part[t]) for part in schedule]
        assert got == pytest.approx(expected, rel=1e-5, abs=1e-7)
    assert all(torch.isfinite(part).all() for part in schedule)
