"""Emotions as people write them."""

from __future__ import annotations

import pytest

from talkinghead.core.emotions import EMOTIONS, Emotion, parse_emotion
from talkinghead.core.errors import InputError
from talkinghead.core.settings import Settings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("happy", Emotion("happy", 1.0)),
        (" Sad = 0.5 ", Emotion("sad", 0.5)),
        ("angry=0", Emotion("angry", 0.0)),
        ("surprised=1", Emotion("surprised", 1.0)),
        ("CALM=.25", Emotion("calm", 0.25)),
        ("neutral", None),
    ],
)
def test_names_with_or_without_a_strength(text: str, expected: Emotion | None) -> None:
    assert parse_emotion(text) == expected


def test_a_strength_given_beside_the_name_holds_where_the_name_has_none() -> None:
    assert parse_emotion("happy", 0.7) == Emotion("happy", 0.7)
    assert parse_emotion("happy=0.2", 0.7) == Emotion("happy", 0.2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hapy", "no emotion 'hapy': choose one of happy, sad, angry, surprised, calm, neutral"),
        ("", "no emotion ''"),
        ("happy=", "'happy=' is not an emotion with its strength: write happy=0.5"),
        ("happy=much", "write happy=0.5"),
        ("happy=nan", "write happy=0.5"),
        ("happy=1.5", "between 0 and 1, not 1.5"),
        ("neutral=2", "between 0 and 1, not 2"),
        ("sad=-1", "between 0 and 1, not -1"),
    ],
)
def test_what_is_none_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_emotion(text)


def test_settings_take_it_as_text_or_as_it_is() -> None:
    assert Settings(emotion="happy=0.7").emotion == Emotion("happy", 0.7)  # type: ignore[arg-type]  # as keywords are
    assert Settings(emotion=Emotion("happy", 0.7)) == Settings(emotion="happy=0.7")  # type: ignore[arg-type]
    assert Settings().emotion is None
    with pytest.raises(InputError, match=f"choose one of {', '.join(EMOTIONS)}"):
        Emotion("glad")  # type: ignore[arg-type]
