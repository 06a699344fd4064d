"""A picture as the canvas: its face found, or where the user says, and crops back in their place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from talkinghead.canvas.still import open_still
from talkinghead.core.errors import FaceError
from talkinghead.core.types import DrawnCrop, Image
from talkinghead.media.images import read_image
from talkinghead.renderers.warp import WarpRenderer


@pytest.fixture(scope="module")
def hopper(examples: Path) -> Image:
    return read_image(examples / "grace_hopper.jpg")


def test_its_own_crop_put_back_is_the_picture(hopper: Image) -> None:
    still = open_still(hopper, WarpRenderer())
    assert still.size_px == hopper.size_px
    assert still.report is None
    assert list(still.portraits()) == []
    np.testing.assert_array_equal(still.placed(DrawnCrop(still.portrait.pixels, still.portrait)), hopper.pixels)


def test_another_crop_changes_the_face_and_not_the_rest(hopper: Image) -> None:
    still = open_still(hopper, WarpRenderer())
    placed = still.placed(DrawnCrop(np.zeros_like(still.portrait.pixels), still.portrait))
    x, y = still.portrait.face.landmarks[1, :2].astype(int)
    assert placed[y, x].max() < 8
    np.testing.assert_array_equal(placed[-20:], hopper.pixels[-20:])


def test_a_wall_has_no_face_unless_one_is_said_to_be_there() -> None:
    wall = Image(np.full((200, 300, 3), 127, np.uint8), name="wall.png")
    with pytest.raises(FaceError, match=r"wall\.png"):
        open_still(wall, WarpRenderer())
    boxed = open_still(wall, WarpRenderer(), box=(100, 50, 80, 100))
    x, y, width, height = boxed.portrait.face.box
    assert 90 < x < x + width < 190
    assert 40 < y < y + height < 160
    # What is called a crop has its face in the middle.
    whole = open_still(wall, WarpRenderer(), framing="whole")
    assert whole.portrait.pixels.shape == wall.pixels.shape
