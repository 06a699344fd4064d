"""What is behind the person: `--background` as people write it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from talkinghead.core.errors import InputError
from talkinghead.core.places import is_file

TRANSPARENT, BLUR = "transparent", "blur"
Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Background:
    """What takes the place of a picture's background; with neither `colour` nor `picture` it is `blurred` or nothing.

    - `colour`: red, green, blue; `picture`: a picture's file;
    - `blurred`: the picture's own background, out of focus.
    """

    colour: Colour | None = None
    picture: Path | None = None
    blurred: bool = False

    @property
    def is_transparent(self) -> bool:
        """Whether nothing is behind."""
        return self.colour is None and self.picture is None and not self.blurred


def is_transparent(text: str | None) -> bool:
    """Whether somebody has written that there is to be nothing behind; None is a picture's own background."""
    return text is not None and text.strip().lower() == TRANSPARENT


def parse_background(text: str, *, files: bool = True) -> Background:
    """`transparent`, `blur`, a colour (`white`, `#00ff00`), or the name of a picture's file, unless `files` are none
    of the asker's business.

    Raises:
        InputError: it is none of these.
    """
    word = text.strip()
    if is_transparent(text):
        return Background()
    if word.lower() == BLUR:
        return Background(blurred=True)
    try:
        return Background(parse_colour(word))
    except InputError:
        if files and is_file(Path(text)):
            return Background(picture=Path(text))
    if not files:
        raise InputError(f"{text[:40]!r} is not a colour: write blur, white or #00ff00")
    raise InputError(
        f"{text!r} is not a colour, nor is there such a file: write transparent, blur, white, #00ff00 or the name of a "
        "picture"
    )


def parse_colour(text: str) -> Colour:
    """A colour as people write it: `white`, `#00ff00`, `rgb(0, 255, 0)`.

    Raises:
        InputError: it is none.
    """
    from PIL import ImageColor

    try:
        red, green, blue = ImageColor.getrgb(text.strip())[:3]
    except ValueError:
        raise InputError(f"{text!r} is not a colour: write white, green or #00ff00") from None
    return red, green, blue
