"""Messages in the page's words."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from talkinghead.app.saying import on_page
from talkinghead.avatar import Avatar
from talkinghead.core.errors import TalkingHeadError
from talkinghead.core.settings import Settings

_EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("choose another picture, or draw it all the same (--force-mouth)", "choose another picture"),
        (
            "shows 2 faces: choose --face 1 (the largest) to --face 2",
            "shows 2 faces: choose Face 1 (the largest) to Face 2",
        ),
        ("a.png: 4000 x 3000 drawn as 512 x 384 (--max-side)", "a.png: 4000 x 3000 drawn as 512 x 384 (Size)"),
        ("give a colour, or choose --renderer warp", "give a colour"),
        (
            "no GPU: choose --device cpu",
            "no GPU: choose --device cpu (--device: of the command that started this page)",
        ),
        ("nothing of that kind - or -- so", "nothing of that kind - or -- so"),
    ],
)
def test_options_have_the_pages_names(said: str, told: str) -> None:
    assert on_page(said) == told


def test_no_face_and_a_number_too_high(tmp_path: Path) -> None:
    """What the package itself says, so that a changed wording is noticed."""
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((96, 96, 3), 120, np.uint8))
    for picture, settings in ((tmp_path / "grey.png", Settings()), (_EXAMPLES / "astronaut.png", Settings(face=7))):
        with pytest.raises(TalkingHeadError) as error:
            Avatar(picture, settings=settings)
        assert "--" in str(error.value)
        assert "--" not in on_page(str(error.value))
