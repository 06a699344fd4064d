from __future__ import annotations

from pathlib import Path

import pytest

from talkinghead.core.types import Face, Image
from talkinghead.faces import find_face
from talkinghead.media.images import read_image

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="session")
def astronaut() -> Image:
    return read_image(EXAMPLES / "astronaut.png")


@pytest.fixture(scope="session")
def hopper() -> Image:
    return read_image(EXAMPLES / "grace_hopper.jpg")


@pytest.fixture(scope="session")
def astronaut_face(astronaut: Image) -> Face:
    return find_face(astronaut)


@pytest.fixture(scope="session")
def hopper_face(hopper: Image) -> Face:
    return find_face(hopper)
