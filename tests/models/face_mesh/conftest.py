from __future__ import annotations

from pathlib import Path

import pytest

from talkinghead.core.types import Pixels
from talkinghead.media.images import read_image

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(scope="session")
def hopper() -> Pixels:
    return read_image(EXAMPLES / "grace_hopper.jpg").pixels


@pytest.fixture(scope="session")
def astronaut() -> Pixels:
    return read_image(EXAMPLES / "astronaut.png").pixels
