"""Emotions within a text: read, not spoken, and each at its time."""

from __future__ import annotations

import numpy as np
import pytest

from talkinghead.core.emotions import Emotion, EmotionCue
from talkinghead.core.errors import InputError
from talkinghead.tts.engines import SpokenText
from talkinghead.tts.espeak import EspeakEngine
from talkinghead.tts.tags import has_tags, speak_tagged, split_tags


@pytest.mark.parametrize(
    ("text", "stretches"),
    [
        ("Hello.", [(None, "Hello.")]),
        ("[happy] Hello.", [(Emotion("happy"), "Hello.")]),
        (
            "Well. [happy]Hello. [ Sad=0.5 ] Goodbye. [neutral] So.",
            [(None, "Well."), (Emotion("happy"), "Hello."), (Emotion("sad", 0.5), "Goodbye."), (None, "So.")],
        ),
        ("[happy] [sad] Oh.", [(Emotion("sad"), "Oh.")]),
        ("[angry] ... [sad] Oh!", [(Emotion("sad"), "Oh!")]),
        ("As the second [2] says, x[0] = 1.", [(None, "As the second [2] says, x[0] = 1.")]),
        ("[happy] 你好 [sad] до свидания", [(Emotion("happy"), "你好"), (Emotion("sad"), "до свидания")]),
        ("An [open bracket", [(None, "An [open bracket")]),
    ],
)
def test_stretches_with_their_emotions(text: str, stretches: list[tuple[Emotion | None, str]]) -> None:
    assert [(stretch.emotion, stretch.said) for stretch in split_tags(text)] == stretches
    assert [stretch.tagged for stretch in split_tags(text)] == [
        number > 0 or text[0] == "[" for number in range(len(stretches))
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[hapy] Hello.",
            r"no tag \[hapy\]: tags are \[happy\], \[sad\], \[angry\], \[surprised\], \[calm\], \[neutral\]",
        ),
        ("Hello [sic].", r"words to be said go in \(\.\.\.\)"),
        ("[happy=2] Hello.", "between 0 and 1, not 2"),
        ("[happy=very] Hello.", "write happy=0.5"),
    ],
)
def test_unknown_tags_are_refused_with_those_that_are_known(text: str, message: str) -> None:
    assert has_tags(text)
    with pytest.raises(InputError, match=message):
        split_tags(text)


def test_tags_are_not_spoken_and_stand_where_their_words_begin() -> None:
    engine = EspeakEngine()
    spoken, cues = speak_tagged(engine, "[happy] Good morning. [sad=0.5] Goodbye.")
    first, second = engine.speak("Good morning."), engine.speak("Goodbye.")
    assert np.array_equal(spoken.samples, np.concatenate([first.samples, second.samples]))
    assert cues[0] == EmotionCue(0.0, Emotion("happy"))
    assert cues[1].emotion == Emotion("sad", 0.5)
    assert cues[1].at_s == pytest.approx(first.duration_s - 0.3)
    assert first.phones
    assert second.phones
    assert spoken.phones is not None
    assert [ipa for ipa, _, _ in spoken.phones] == [ipa for ipa, _, _ in first.phones + second.phones]
    assert spoken.phones[len(first.phones)][1] == pytest.approx(first.duration_s + second.phones[0][1])


def test_a_text_without_tags_is_spoken_as_it_was() -> None:
    engine = EspeakEngine()
    spoken, cues = speak_tagged(engine, "Good morning. Goodbye.")
    assert cues == []
    assert np.array_equal(spoken.samples, engine.speak("Good morning. Goodbye.").samples)


def test_tags_alone_are_nothing_to_speak() -> None:
    with pytest.raises(InputError, match="no text to speak"):
        speak_tagged(EspeakEngine(), "[happy]")


class Hum:
    """One second per word, at a rate that changes where `steady` is not set."""

    def __init__(self, steady: bool) -> None:
        self._steady, self._calls = steady, 0

    def speak(self, text: str) -> SpokenText:
        self._calls += 1
        rate_hz = 16_000 if self._steady else 8_000 * self._calls
        return SpokenText(np.full(rate_hz * len(text.split()), 0.1, np.float32), rate_hz)


def test_engines_that_do_not_tell_their_phones_speak_tags_too() -> None:
    spoken, cues = speak_tagged(Hum(steady=True), "one two [surprised] three")
    assert spoken.phones is None
    assert len(spoken.samples) == 3 * 16_000
    # Before the first tag nothing is said of emotions: what the whole clip has holds.
    assert cues == [EmotionCue(1.7, Emotion("surprised"))]
    _, cues = speak_tagged(Hum(steady=True), "[neutral] one [sad] two")
    assert cues == [EmotionCue(0.0, None), EmotionCue(0.7, Emotion("sad"))]
    with pytest.raises(InputError, match="changes its sample rate"):
        speak_tagged(Hum(steady=False), "one [sad] two")
