from __future__ import annotations

from pathlib import Path

import pytest

from talkinghead.core.types import Face, Image, Portrait
from talkinghead.faces import find_face
from talkinghead.media.images import read_image
from talkinghead.renderers.warp import WarpRenderer

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="session")
def hopper() -> Image:
    """Her lips are closed, she wears glasses, and the picture goes on around the crop on all sides but one."""
    return read_image(EXAMPLES / "grace_hopper.jpg")


@pytest.fixture(scope="session")
def hopper_face(hopper: Image) -> Face:
    return find_face(hopper)


@pytest.fixture(scope="session")
def astronaut() -> Image:
    """She smiles with her mouth open."""
    return read_image(EXAMPLES / "astronaut.png")


@pytest.fixture(scope="session")
def astronaut_face(astronaut: Image) -> Face:
    return find_face(astronaut)


@pytest.fixture(scope="session")
def renderer() -> WarpRenderer:
    return WarpRenderer()


@pytest.fixture(scope="session")
def portrait(renderer: WarpRenderer, hopper: Image, hopper_face: Face) -> Portrait:
    return renderer.crop(hopper, hopper_face)


@pytest.fixture(scope="session")
def smiling(renderer: WarpRenderer, astronaut: Image, astronaut_face: Face) -> Portrait:
    return renderer.crop(astronaut, astronaut_face)
