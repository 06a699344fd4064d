"""A tiny generator with random weights, and the published sizes with stand-in weights where they are at hand."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from talkinghead.models.joyvasa.generator import Generator
from talkinghead.models.joyvasa.weights import Units
from tests.joyvasa.tiny import TINY, randomised
from tests.liveportrait import standins


@pytest.fixture(scope="session")
def tiny() -> Generator:
    return randomised(TINY)


@pytest.fixture(scope="session")
def units() -> Units:
    rng = np.random.default_rng(3)
    return Units(rng.uniform(0.01, 0.1, 70).astype(np.float32), rng.normal(0, 0.05, 70).astype(np.float32))


@pytest.fixture(scope="session")
def material() -> Path:
    if "TALKINGHEAD_MATERIAL" not in os.environ:
        pytest.skip("no parity figures here")
    return Path(os.environ["TALKINGHEAD_MATERIAL"])


@pytest.fixture(scope="session")
def standin_state(material: Path) -> dict[str, torch.Tensor]:
    """The stand-in weights by their published names, computed tables included."""
    standin = standins.rule()
    shapes = json.loads((material / "joyvasa/state_dict_shapes.json").read_text())
    computed = ("alignment_mask", ".pe")
    return {
        key: torch.zeros(shape)
        if key.endswith(computed) or key.startswith("diffusion_sched")
        else torch.from_numpy(np.ascontiguousarray(standin.tensor("joyvasa", key, shape), np.float32))
        for key, shape in shapes.items()
    }


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Tensors this small take longer with more threads than with one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
