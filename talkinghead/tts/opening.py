"""Which engine speaks a text, in which voice."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from talkinghead.core.errors import DependencyError, InputError
from talkinghead.tts import hibari
from talkinghead.tts.engines import SpeechEngine
from talkinghead.tts.language import Guess, guess_language

ENGINES = ("auto", "espeak", "hibari", "piper", "openai")
_HIBARI_VOICES = ("heart", "emma", "fenrir", "fable", "kore")
_HIBARI_SPEAKS = ("en", "en-us")
BASE_URL = "OPENAI_BASE_URL"


@dataclass(frozen=True)
class Voice:
    """How a text is to be spoken; what is None is chosen.

    - `name`: a language of espeak-ng ("de", "en-gb", "fr+f2"), a voice of hibari ("heart"), the file of a Piper voice
      (.onnx), or a voice of a server;
    - `engine`: one of `ENGINES`; "auto" goes by the name, then by the language: hibari for English where it is
      installed, else espeak-ng; `language`: of the text, as espeak-ng calls it, guessed where it is None;
    - `command`: any other program (`tts.command`); `url`, `model`: a server that speaks as OpenAI's does.
    """

    name: str | None = None
    engine: str = "auto"
    language: str | None = None
    command: str | None = None
    url: str | None = None
    model: str | None = None


@dataclass(frozen=True)
class Chosen:
    """An `engine`, and in a few words for people what it is and in which language: `note`."""

    engine: SpeechEngine
    note: str


def choose(text: str, voice: Voice | None = None) -> Chosen:
    """What speaks `text`.

    Raises:
        InputError: there is no such voice or engine, or what is asked for excludes itself.
        DependencyError: the engine is not installed.
    """
    voice = voice or Voice()
    if voice.engine not in ENGINES:
        raise InputError(f"there is no speech engine {voice.engine!r}: choose among {', '.join(ENGINES)}")
    if voice.command is not None:
        return _commanded(voice, voice.command)
    engine = voice.engine if voice.engine != "auto" else _engine_for(voice, text)
    if engine != "openai" and (voice.url or voice.model):
        raise InputError(f"an address and a model are a server's: they do not go with {engine}")
    language, said = _language(voice, text)
    opened = {"hibari": _hibari, "piper": _piper, "openai": _server, "espeak": _espeak}[engine](voice, language)
    return Chosen(opened.engine, f"text: {said}, spoken by {opened.note}")


def _language(voice: Voice, text: str) -> tuple[str, str]:
    """(the code, what is said of it)."""
    if voice.language is not None:
        return voice.language.lower(), Guess(voice.language, True).name
    guess = guess_language(text)
    return guess.language, f"{guess.name} ({'guessed' if guess.is_sure else 'assumed: --language names another'})"


def _engine_for(voice: Voice, text: str) -> str:
    if voice.url is not None or voice.model is not None:
        return "openai"
    if voice.name is not None:
        if voice.name.endswith(".onnx"):
            return "piper"
        return "hibari" if voice.name in _HIBARI_VOICES else "espeak"
    return "hibari" if _language(voice, text)[0] in _HIBARI_SPEAKS and hibari.is_installed() else "espeak"


def _commanded(voice: Voice, command: str) -> Chosen:
    from talkinghead.tts.command import CommandEngine

    if voice.name is not None or voice.engine != "auto" or voice.url is not None or voice.model is not None:
        raise InputError("a speech command is an engine of its own: name its voice within the speech command")
    return Chosen(CommandEngine(command), "spoken by the speech command")


def _hibari(voice: Voice, language: str) -> Chosen:
    if voice.language is not None and language.partition("-")[0] != "en":
        raise InputError(f"hibari speaks English, not {voice.language}: leave --tts out, or name another engine")
    if not hibari.is_installed():
        raise DependencyError(f"hibari is not installed: {hibari.INSTALL}")
    name = voice.name or hibari.DEFAULT_VOICE
    return Chosen(hibari.HibariEngine(name), f"hibari {name}")


def _piper(voice: Voice, language: str) -> Chosen:
    from talkinghead.tts.piper import INSTALL, PiperEngine

    if voice.name is None:
        raise InputError(f"Piper needs a voice, the path of its .onnx file: {INSTALL}")
    path = Path(voice.name)
    return Chosen(PiperEngine(path), f"Piper {path.stem}")


def _server(voice: Voice, language: str) -> Chosen:
    from talkinghead.tts.endpoint import DEFAULT_URL, EndpointEngine

    usual = EndpointEngine(voice.url or os.environ.get(BASE_URL) or DEFAULT_URL)
    engine = EndpointEngine(usual.url, voice.name or usual.voice, voice.model or usual.model)
    return Chosen(engine, f"{engine.voice} of {engine.url}")


def _espeak(voice: Voice, language: str) -> Chosen:
    from talkinghead.tts.espeak import DEFAULT_VOICE, EspeakEngine, espeak_voice

    name = voice.name or (DEFAULT_VOICE if language == "en" else language)
    return Chosen(EspeakEngine(espeak_voice(name)), f"espeak-ng {name}")
