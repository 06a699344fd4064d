"""Certificates of the tests' own, and small results to sign."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from talkinghead.core.types import Pixels

SIGNING = ("TALKINGHEAD_C2PA_CERT", "TALKINGHEAD_C2PA_KEY", "TALKINGHEAD_C2PA_TSA")


@pytest.fixture(autouse=True)
def nothing_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SIGNING:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def pixels() -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


@pytest.fixture
def frames(pixels: Pixels) -> Iterator[Pixels]:
    return (np.roll(pixels, k, axis=1) for k in range(15))


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A folder for results."""
    folder = tmp_path / "made"
    folder.mkdir()
    return folder
