"""The networks and the rules answer what they answered when they matched the published implementation."""

from __future__ import annotations

import numpy as np
import pytest

from talkinghead.core.types import Floats
from tests.liveportrait import frozen

# Seconds on an idle machine, minutes on a loaded one.
pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def answers() -> dict[str, Floats]:
    return frozen.answers()


@pytest.fixture(scope="module")
def kept() -> dict[str, Floats]:
    with np.load(frozen.PATH) as stored:
        return {name: stored[name] for name in stored.files}


def test_everything_answers_as_it_did(answers: dict[str, Floats], kept: dict[str, Floats]) -> None:
    assert answers.keys() == kept.keys()
    for name, expected in kept.items():
        assert answers[name].shape == expected.shape, name
        error = float(np.abs(answers[name] - expected).max() / np.abs(expected).max())
        assert error <= 1e-5, f"{name} is off by {error:.1e}"


def test_the_cases_differ_from_one_another(kept: dict[str, Floats]) -> None:
    """Otherwise some of them would hold nothing."""
    names = [*frozen.options(), "replaced"]
    for i, name in enumerate(names):
        for other in names[:i]:
            assert np.abs(kept[name] - kept[other]).max() > 1e-3, (name, other)
