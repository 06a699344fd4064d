"""Sentences, the language of a text, and which engine speaks it."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from talkinghead.core.errors import DependencyError, InputError
from talkinghead.tts.command import CommandEngine
from talkinghead.tts.endpoint import EndpointEngine
from talkinghead.tts.espeak import EspeakEngine, espeak_voice
from talkinghead.tts.hibari import HibariEngine, is_installed
from talkinghead.tts.language import ENGLISH_NAMES, guess_language
from talkinghead.tts.opening import Voice, choose
from talkinghead.tts.piper import PiperEngine
from talkinghead.tts.scripts import SCRIPT_LANGUAGES
from talkinghead.tts.sentences import LONGEST, sentences
from talkinghead.tts.voices import list_engines, of_language


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ('He said: "Stop." Then he left.', ['He said: "Stop."', "Then he left."]),
        ("Dr. Smith met J. S. Bach. They spoke.", ["Dr. Smith met J. S. Bach.", "They spoke."]),
        ("Am 3. Mai, z.B. morgens. Ende.", ["Am 3. Mai, z.B. morgens.", "Ende."]),
        ("Pi is 3.14 and e.g. that. ok", ["Pi is 3.14 and e.g. that. ok"]),
        ("one\nline\n\nnext", ["one line", "next"]),
        ("你好。再见！", ["你好。", "再见！"]),
        ("नमस्ते। कैसे हो?", ["नमस्ते।", "कैसे हो?"]),
        ("Well... *** \n\n --- \n\nYes.", ["Well... *** ---", "Yes."]),
        ("...", []),
        ("", []),
    ],
)
def test_a_text_is_cut_into_sentences(text: str, parts: list[str]) -> None:
    assert sentences(text) == parts


@pytest.mark.parametrize("text", ["word, " * 400, "x" * 1000, "one two " * 300])
def test_no_sentence_is_endless_and_nothing_is_lost(text: str) -> None:
    parts = sentences(text)
    assert max(map(len, parts)) <= LONGEST
    assert "".join("".join(parts).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Good morning, everybody.", "en"),
        ("The quick brown fox jumps over the lazy dog in a café.", "en"),
        ("Guten Morgen, wie geht es Ihnen?", "de"),
        ("Bonjour, je m'appelle Pierre et j'habite à Bordeaux.", "fr"),
        ("Hola, buenos días, ¿cómo está usted?", "es"),
        ("Buongiorno, come sono le cose della casa?", "it"),
        ("Olá, você não está em casa? Bom dia!", "pt-br"),
        ("Goedemorgen, hoe gaat het met de kinderen?", "nl"),
        ("Dzień dobry, jak się masz?", "pl"),
        ("Günaydın, bu çok güzel bir gün.", "tr"),
        ("Hyvää huomenta, mitä kuuluu?", "fi"),
        ("Привет, как дела? Это мы.", "ru"),
        ("Привіт, як ся маєш? Її немає.", "uk"),
        ("Γειά σου", "el"),
        ("שלום", "he"),
        ("مرحبا", "ar"),
        ("سلام، چطوری؟ گپ", "fa"),
        ("你好，世界", "cmn"),
        ("日本語を話します", "ja"),
        ("안녕하세요", "ko"),
        ("नमस्ते", "hi"),
    ],
)
def test_the_language_of_a_text(text: str, language: str) -> None:
    guess = guess_language(text)
    assert guess.language == language
    assert guess.name == ENGLISH_NAMES[language]


def test_a_text_that_tells_nothing_is_taken_for_english() -> None:
    assert guess_language("12 34 %") == guess_language("Xyzzy")
    assert not guess_language("Xyzzy").is_sure


def test_every_language_that_is_guessed_has_a_voice() -> None:
    for language in {*ENGLISH_NAMES, *(name for names in SCRIPT_LANGUAGES.values() for name in names)}:
        assert espeak_voice(language)


def test_the_engine_goes_by_what_is_asked_then_by_the_language() -> None:
    assert choose("Guten Morgen, wie geht es?").engine == EspeakEngine("de")
    assert "German (guessed), spoken by espeak-ng de" in choose("Guten Morgen, wie geht es?").note
    assert choose("Привет").engine == EspeakEngine("ru")
    assert "assumed" in choose("Привет").note
    assert choose("Gift", Voice(language="de")).engine == EspeakEngine("de")
    assert choose("Hello", Voice("en-gb")).engine == EspeakEngine("en")
    assert choose("Hello", Voice(engine="espeak")).engine == EspeakEngine("en-us")
    assert choose("Hello", Voice(command="say {out}")).engine == CommandEngine("say {out}")
    assert isinstance(choose("Hello", Voice("voices/en.onnx")).engine, PiperEngine)
    english = choose("Good morning to you.").engine
    assert english == (HibariEngine() if is_installed() else EspeakEngine("en-us"))


def test_a_server_by_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    named = choose("Hello", Voice("nova", url="http://localhost:1/v1", model="kokoro")).engine
    assert named == EndpointEngine("http://localhost:1/v1", "nova", "kokoro")
    assert choose("Hello", Voice(engine="openai")).engine == EndpointEngine()
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:2/v1")
    assert choose("Hello", Voice(engine="openai")).engine == EndpointEngine("http://localhost:2/v1")


@pytest.mark.parametrize(
    ("text", "voice", "message"),
    [
        ("hi", Voice("de", command="say"), "within the speech command"),
        ("hi", Voice(engine="festival"), "no speech engine 'festival': choose among auto, espeak"),
        ("hi", Voice("klingonese"), "has no voice 'klingonese'"),
        ("hi", Voice(engine="piper"), "needs a voice"),
        ("hi", Voice(engine="espeak", url="http://x/v1"), "do not go with espeak"),
        ("hi", Voice(engine="hibari", language="de"), "hibari speaks English"),
    ],
)
def test_what_cannot_be_chosen(text: str, voice: Voice, message: str) -> None:
    with pytest.raises(InputError, match=message):
        choose(text, voice)


@pytest.mark.skipif(is_installed(), reason="hibari-tts is installed")
@pytest.mark.parametrize("voice", [Voice("heart"), Voice(engine="hibari")])
def test_hibari_is_asked_for_and_not_there(voice: Voice) -> None:
    with pytest.raises(DependencyError, match=r"talkinghead\[tts\]"):
        choose("hello", voice)


@pytest.mark.parametrize(
    ("text", "voice", "others"),
    [("Привет", "de", "ru (or uk, be"), ("你好", "en-us", "cmn (or yue"), ("안녕", "ja", "ko")],
)
def test_a_voice_that_cannot_read_a_text_is_refused_with_those_that_can(text: str, voice: str, others: str) -> None:
    with pytest.raises(InputError) as caught:
        list(EspeakEngine(voice).stream(f"{text}."))
    assert f"which the voice {voice} cannot read: name one that can, such as --voice {others}" in str(caught.value)


def test_every_engine_is_listed_ready_or_not() -> None:
    engines = {engine.name: engine for engine in list_engines()}
    assert list(engines) == ["hibari", "espeak", "piper", "openai", "command"]
    assert engines["hibari"].is_ready == (find_spec("hibari") is not None)
    assert bool(engines["hibari"].voices) == engines["hibari"].is_ready
    assert len(engines["espeak"].voices) > 100
    german = {engine.name: engine.voices for engine in of_language(list_engines(), "de")}
    assert [(voice.name, voice.label) for voice in german["espeak"]] == [("de", "German")]
    assert {"en-us", "en-gb-scotland"} <= {voice.name for voice in of_language(list_engines(), "en")[1].voices}
