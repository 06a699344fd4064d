"""What people write for a background."""

from __future__ import annotations

from pathlib import Path

import pytest

from talkinghead.core.background import Background, parse_background
from talkinghead.core.errors import InputError
from talkinghead.core.settings import Settings


@pytest.mark.parametrize(
    ("text", "background"),
    [
        ("transparent", Background()),
        (" Blur", Background(blurred=True)),
        ("lime", Background((0, 255, 0))),
        ("#102030", Background((16, 32, 48))),
        ("rgb(1, 2, 3)", Background((1, 2, 3))),
    ],
)
def test_words_and_colours(text: str, background: Background) -> None:
    assert parse_background(text) == background == parse_background(text, files=False)
    assert background.is_transparent == (text == "transparent")


def test_a_file_is_a_picture_and_a_colour_stays_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("beach.jpg", "red"):
        Path(name).touch()
    assert parse_background("beach.jpg") == Background(picture=Path("beach.jpg"))
    assert parse_background("red") == Background((255, 0, 0))
    assert parse_background("./red") == Background(picture=Path("red"))
    with pytest.raises(InputError, match="not a colour"):
        parse_background("beach.jpg", files=False)


@pytest.mark.parametrize("text", ["greenish", "", "missing.jpg", "#12345", "\0"])
def test_what_is_none_is_refused_with_what_may_be_written(text: str) -> None:
    with pytest.raises(InputError, match=r"not a colour.*transparent, blur") as refused:
        Settings(background=text)
    assert "\n" not in str(refused.value)


def test_settings_take_a_path() -> None:
    assert Settings(background=Path(__file__)).background == __file__  # type: ignore[arg-type]  # as keywords do
    assert Settings(background="transparent").is_transparent
    assert not Settings().is_transparent
