"""Emotions within a text: `[happy] Hello. [sad=0.5] And goodbye. [neutral] So.`

A tag stands in square brackets, is not spoken, and holds until the next. The stretches between tags are spoken one by
one, so that any engine tells when each begins.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from talkinghead.core.emotions import EMOTIONS, NEUTRAL, Emotion, EmotionCue, parse_emotion
from talkinghead.core.errors import InputError
from talkinghead.tts.engines import SpeechEngine, SpokenText

# Brackets around a word are a tag; around figures ("[1]") they are text.
_TAG = re.compile(r"\[\s*([^\W\d_][^\[\]]*)\]")
# A face turns before its voice does: by so much, in the pause before the stretch that is said so.
_LEAD_S = 0.3


class Stretch(NamedTuple):
    """A part of a text that is `said` with an `emotion`, None: with none.

    `tagged`: a tag says so; before the first tag whatever the whole has holds.
    """

    emotion: Emotion | None
    said: str
    tagged: bool = True


def split_tags(text: str) -> list[Stretch]:
    """The stretches of a text, those without a letter or figure left out; without any tag one, the text as it is.

    Raises:
        InputError: a tag names no emotion.
    """
    pieces = _TAG.split(text)
    if len(pieces) == 1:
        return [Stretch(None, text, tagged=False)]
    stretches = [Stretch(None, pieces[0].strip(), tagged=False)]
    stretches += [
        Stretch(_emotion(tag), said.strip()) for tag, said in zip(map(str.rstrip, pieces[1::2]), pieces[2::2])
    ]
    return [stretch for stretch in stretches if any(map(str.isalnum, stretch.said))]


def has_tags(text: str) -> bool:
    """Whether any emotion is named in a text."""
    return _TAG.search(text) is not None


def without_tags(text: str) -> str:
    """What is said of a text: in which language, say, does not hang on its tags.

    Raises:
        InputError: a tag names no emotion.
    """
    return " ".join(stretch.said for stretch in split_tags(text))


def _emotion(tag: str) -> Emotion | None:
    known = (*EMOTIONS, NEUTRAL)
    if tag.partition("=")[0].strip().lower() not in known:
        tags = ", ".join(f"[{name}]" for name in known)
        raise InputError(f"there is no tag [{tag}]: tags are {tags}, [happy=0.5]; words to be said go in (...)")
    try:
        return parse_emotion(tag)
    except InputError as error:
        raise InputError(f"the tag [{tag}]: {error}") from None


def speak_tagged(engine: SpeechEngine, text: str) -> tuple[SpokenText, list[EmotionCue]]:
    """A text spoken without its tags, and from when on which emotion holds.

    Raises:
        InputError: a tag names no emotion, or there is nothing to speak.
        DependencyError: the engine is missing or fails.
    """
    if not has_tags(text):
        return engine.speak(text), []
    stretches = split_tags(text)
    if not stretches:
        raise InputError("there is no text to speak beside its tags")
    cues, parts, at_s = [], [], 0.0
    for stretch in stretches:
        if stretch.tagged:
            cues.append(EmotionCue(max(0.0, at_s - _LEAD_S), stretch.emotion))
        parts.append(engine.speak(stretch.said))
        at_s += parts[-1].duration_s
    return _joined(parts), cues


def _joined(parts: list[SpokenText]) -> SpokenText:
    """What was spoken part by part as one; its phones where every part tells its own."""
    rate_hz, phones, at_s = parts[0].rate_hz, [], 0.0
    if any(part.rate_hz != rate_hz for part in parts):
        raise InputError("the speech engine changes its sample rate from stretch to stretch: let it keep one")
    for part in parts:
        phones += [(ipa, begin + at_s, end + at_s) for ipa, begin, end in part.phones or ()]
        at_s += part.duration_s
    told = all(part.phones is not None for part in parts)
    return SpokenText(np.concatenate([part.samples for part in parts]), rate_hz, phones if told else None)
