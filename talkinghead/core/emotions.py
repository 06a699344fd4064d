"""Emotions by name and strength, as people write them: `happy`, `sad=0.5`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from talkinghead.core.errors import InputError

EmotionName = Literal["happy", "sad", "angry", "surprised", "calm"]
EMOTIONS: tuple[EmotionName, ...] = get_args(EmotionName)
# What ends an emotion: the face as speech alone moves it.
NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True)
class Emotion:
    """An emotion, `strength` 0..1."""

    name: EmotionName
    strength: float = 1.0

    def __post_init__(self) -> None:
        if self.name not in EMOTIONS:
            raise InputError(f"there is no emotion {self.name!r}: choose one of {', '.join((*EMOTIONS, NEUTRAL))}")
        if not 0 <= self.strength <= 1:
            raise InputError(f"an emotion's strength must lie between 0 and 1, not {self.strength:g}")


@dataclass(frozen=True, slots=True)
class EmotionCue:
    """From `at_s` seconds on the face turns to `emotion`; None: to none."""

    at_s: float
    emotion: Emotion | None


def parse_emotion(text: str, strength: float = 1.0) -> Emotion | None:
    """An emotion as people write it, `happy` or `happy=0.7`; `neutral` is none.

    `strength` holds where the text does not name one.

    Raises:
        InputError: there is no such emotion, or its strength is no number from 0 to 1.
    """
    name, equals, number = (part.strip().lower() for part in text.partition("="))
    if equals:
        try:
            strength = float(number)
        except ValueError:
            strength = math.nan
        if math.isnan(strength):
            raise InputError(f"{text.strip()!r} is not an emotion with its strength: write {name}=0.5")
    found = next((known for known in EMOTIONS if known == name), None)
    if found is None and name != NEUTRAL:
        choices = ", ".join((*EMOTIONS, NEUTRAL))
        raise InputError(f"there is no emotion {name!r}: choose one of {choices}, with a strength if wanted: happy=0.5")
    # A strength out of its range is refused for "neutral" as well.
    emotion = Emotion(found or EMOTIONS[0], strength)
    return emotion if found else None
