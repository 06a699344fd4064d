"""The example portrait and recording that come with every installation."""

from __future__ import annotations

from pathlib import Path

from talkinghead.core.errors import InputError

PORTRAIT, SPEECH = "grace_hopper.jpg", "speech.wav"


def example(name: str) -> Path:
    """An example file: in an installed package its data, in a source checkout beside it.

    Raises:
        InputError: the installation is not complete.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "_examples", package.parent / "examples"):
        if (folder / name).is_file():
            return folder / name
    raise InputError(f"this installation lacks the example {name}: name a PICTURE, or install talkinghead again")
