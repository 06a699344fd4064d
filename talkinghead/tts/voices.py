"""Every engine with the voices that are here."""

from __future__ import annotations

from dataclasses import dataclass, replace

from talkinghead.tts import hibari
from talkinghead.tts.espeak import espeak_languages
from talkinghead.tts.piper import INSTALL as PIPER_INSTALL
from talkinghead.tts.piper import piper_python


@dataclass(frozen=True)
class ListedVoice:
    """A voice's `name`, its `language` as a code, and what people call it."""

    name: str
    language: str
    label: str


@dataclass(frozen=True)
class ListedEngine:
    """An engine: `is_ready` to speak, `tells_phones` exactly, what it is or what is missing (`note`), its voices."""

    name: str
    is_ready: bool
    tells_phones: bool
    note: str
    voices: tuple[ListedVoice, ...] = ()


def list_engines() -> tuple[ListedEngine, ...]:
    """All of them, ready or not."""
    languages = espeak_languages()
    espeak = tuple(ListedVoice(name, name, label) for name, label in languages.items())
    english = tuple(ListedVoice(name, lang, "English") for name, lang in hibari.hibari_voices().items())
    piper = piper_python() is not None
    return (
        ListedEngine("hibari", hibari.is_installed(), True,
                     "neural, English, quick on one core" if english else f"not installed: {hibari.INSTALL}", english),
        ListedEngine("espeak", True, True, f"espeak-ng: {len(languages)} languages, robotic", espeak),
        ListedEngine("piper", piper, piper,
                     "neural; --voice names the file of a voice (.onnx)" if piper else f"not here: {PIPER_INSTALL}"),
        ListedEngine("openai", True, False, "any server with /v1/audio/speech; --tts-url names it"),
        ListedEngine("command", True, False, "any program; --tts-command names it"),
    )  # fmt: skip


def of_language(engines: tuple[ListedEngine, ...], language: str) -> tuple[ListedEngine, ...]:
    """The same engines with the voices of one language: "en" takes every English, "en-gb" that alone."""
    asked = language.lower().replace("_", "-")

    def speaks(voice: ListedVoice) -> bool:
        return voice.language == asked or voice.language.partition("-")[0] == asked

    return tuple(replace(engine, voices=tuple(filter(speaks, engine.voices))) for engine in engines)
