"""The visible mark: legible on everything, in its corner, and nowhere where it is not asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from talkinghead.avatar import Avatar
from talkinghead.canvas.label import Label
from talkinghead.cli import main
from talkinghead.core.errors import InputError
from talkinghead.core.marking import Marking
from talkinghead.core.types import Image
from talkinghead.media.images import read_image


@pytest.fixture(scope="module")
def face(examples: Path) -> Image:
    return read_image(examples / "astronaut.png", max_side_px=256)


@pytest.mark.parametrize("grey", [0, 128, 255])
@pytest.mark.parametrize("size_px", [(96, 128), (512, 512), (720, 1280), (1920, 1080)])
def test_letters_stand_out_on_any_picture(grey: int, size_px: tuple[int, int]) -> None:
    width, height = size_px
    blank = np.full((height, width, 3), grey, np.uint8)
    drawn = Label("AI-generated").drawn(blank)
    assert (blank == grey).all()
    rows, columns = np.nonzero((drawn != blank).any(axis=2))
    badge = drawn[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1, 0].astype(float)
    # W3C asks for 4.5 to 1; the badge's own edge is its darkest part.
    light, dark = ((value / 255) ** 2.2 + 0.05 for value in (badge.max(), np.median(badge)))
    assert light / dark > 4.5
    assert rows.min() < height / 10
    assert columns.min() < width / 10
    assert columns.max() < 0.95 * width
    assert 0.03 < (rows.max() - rows.min()) / min(size_px) < 0.25


def test_letters_that_no_font_has_are_refused() -> None:
    with pytest.raises(InputError, match="no font of this system"):
        Label("\U0001e900\U0001e901")  # Adlam
    assert Label("KI-erzeugt, généré").drawn(np.zeros((64, 64, 3), np.uint8)).max() > 200


@pytest.mark.parametrize("text", ["", "  ", "two\nlines", "x" * 41])
def test_labels_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="a label has"):
        Marking(label_text=text)


def test_other_words_ask_for_a_mark_too() -> None:
    assert Marking().visible == ""
    assert Marking(label=True).visible == "AI-generated"
    assert Marking(label_text="KI-erzeugt").visible == "KI-erzeugt"
    told = CliRunner().invoke(main, ["live", "face.png", "--no-label", "--label-text", "KI-erzeugt"])
    assert told.exit_code == 2
    assert "exclude each other" in told.output


def test_a_session_draws_it_into_the_finished_frame_alone(face: Image) -> None:
    plain, marked = Avatar(face, renderer="warp"), Avatar(face, renderer="warp", marking={"label": True})
    before, after = (avatar.edit({"smile": 0.5}) for avatar in (plain, marked))
    rows, columns = np.nonzero((before != after).any(axis=2))
    assert 0 < rows.max() < 40
    assert 0 < columns.max() < 160
    assert np.array_equal(Label("AI-generated").drawn(before), after)


def test_several_faces_have_one(face: Image) -> None:
    two = Image(np.concatenate([face.pixels, face.pixels], axis=1))
    sound = (np.sin(np.arange(3200) / 5).astype(np.float32) * 0.2, 16_000)
    avatar = Avatar(two, renderer="warp", face="all", marking=Marking(label=True))
    first = next(iter(avatar.speak(sound)))
    # No face moves the corner by much: there, the frame is the picture with one badge.
    badge = Label("AI-generated").drawn(two.pixels)[:24, :120].astype(int)
    assert np.abs(badge - first[:24, :120]).max() < 12
    assert np.abs(badge - two.pixels[:24, :120]).max() > 100


def test_a_label_stands_before_nothing_and_upon_any_background_alike() -> None:
    clear = np.zeros((128, 160, 4), np.uint8)
    clear[:, 80:] = (200, 120, 40, 255)
    drawn = Label("AI").drawn(clear).astype(np.float32)
    alpha = drawn[..., 3:] / 255
    assert alpha[:, :80].max() > 0.9
    for grey in (0, 255):
        opaque = np.full((128, 160, 3), grey, np.uint8)
        opaque[:, 80:] = (200, 120, 40)
        laid = drawn[..., :3] * alpha + grey * (1 - alpha)
        assert np.abs(laid - Label("AI").drawn(opaque)).max() <= 2
