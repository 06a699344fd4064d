"""A dataclass's fields as options, and texts as their values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pytest

from talkinghead.core.errors import InputError
from talkinghead.core.options import option, options_of, truth

Colour = Literal["red", "green"]


@dataclass
class Paint:
    """Something with options, and a field that is none."""

    colour: Colour = option("red", "Of the wall.", group="make", choices=Colour)
    coats: int = option(2, "How many.", group="make", metavar="N")
    gloss: float = option(0.5, "How much.", group="make")
    dry: bool = option(False, "Let it dry.", group="make")
    primer: bool = option(True, "Leave the primer out.", group="make", name="no-primer")
    own_tin: str = "blue"


OPTIONS = {item.name: item for item in options_of(Paint)}


def test_fields_become_options_in_their_order() -> None:
    assert list(OPTIONS) == ["colour", "coats", "gloss", "dry", "no-primer"]
    assert [item.is_flag for item in OPTIONS.values()] == [False, False, False, True, True]
    assert (OPTIONS["no-primer"].field, OPTIONS["no-primer"].stored) == ("primer", False)
    assert OPTIONS["colour"].choices == ("red", "green")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("colour", " green ", "green"), ("coats", "3", 3), ("gloss", "0.25", 0.25), ("dry", "yes", True),
     ("dry", "", False), ("no-primer", "on", False), ("no-primer", "0", True)],
)  # fmt: skip
def test_texts_become_values_of_the_fields_kind(name: str, text: str, value: object) -> None:
    found = OPTIONS[name].value_of(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [("colour", "blue", "no colour 'blue': choose one of red, green"),
     ("coats", "many", "coats is a number, not 'many'"),
     ("gloss", "x", "gloss is a number"), ("dry", "maybe", "dry: 'maybe' is neither yes nor no")],
)  # fmt: skip
def test_what_is_no_value_is_named(name: str, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        OPTIONS[name].value_of(text)


def test_truth_as_people_write_it() -> None:
    assert all(truth(word) for word in ("1", "yes", "True", " on "))
    assert not any(truth(word) for word in ("0", "no", "FALSE", "off", ""))
