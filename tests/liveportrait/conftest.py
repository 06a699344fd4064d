"""Fixtures of the neural renderer's tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from talkinghead.core.types import Face, Image
from talkinghead.models.liveportrait.engine import Engine
from talkinghead.models.liveportrait.weights import Models
from tests.liveportrait import narrow, standins


@pytest.fixture(scope="session")
def models() -> Models:
    """Narrow networks with random weights."""
    return narrow.models()


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The same networks, arranged for speed, in single precision on the CPU."""
    return Engine(narrow.models())


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of stand-in files in the published layout."""
    if not standins.MATERIAL:
        pytest.skip("TALKINGHEAD_MATERIAL is not set")
    return standins.write(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture
def image() -> Image:
    """A smooth random picture, 256x256."""
    small = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(5))
    large = torch.nn.functional.interpolate(small, size=(256, 256), mode="bicubic").clamp(0, 1)
    return Image((large[0].permute(1, 2, 0) * 255).byte().numpy())


@pytest.fixture
def face() -> Face:
    """An upright mesh-like cloud whose named points lie where a face has them, 256x256."""
    points = np.full((478, 3), 128.0, np.float32)
    points[:, 2] = 0
    width, top, chin = 45.0, 90.0, 190.0
    outline = [234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454]
    for i, index in enumerate(outline):
        angle = np.pi * (1 - i / (len(outline) - 1))
        points[index, :2] = 128 + width * np.cos(angle), 120 + (chin - 120) * np.sin(angle)
    for i, index in enumerate((70, 63, 105, 66, 107, 46, 53, 52, 65, 55)):
        points[index, :2] = 92 + 3 * i, top + (4 if i > 4 else 0)
    for i, index in enumerate((300, 293, 334, 296, 336, 276, 283, 282, 295, 285)):
        points[index, :2] = 164 - 3 * i, top + (4 if i > 4 else 0)
    for indices, x in (((33, 159, 133, 145), 108), ((362, 386, 263, 374), 148)):
        for index, (dx, dy) in zip(indices, ((-10, 0), (0, -3), (10, 0), (0, 3))):
            points[index, :2] = x + dx, 110 + dy
    for index, (x, y) in {61: (110, 160), 291: (146, 160), 13: (128, 158), 14: (128, 162), 10: (128, 50)}.items():
        points[index, :2] = x, y
    return Face(points)
