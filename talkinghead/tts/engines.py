"""Text to speech: an engine speaks a text, and tells when each phone sounds where it knows.

An engine is anything with `speak(text) -> SpokenText`. Two exist: espeak-ng, which comes with the package
espeakng-loader and knows its phones (`tts.espeak`), and any program that writes a sound file (`tts.command`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from audio2motion import Phone
from talkinghead.core.errors import InputError
from talkinghead.core.types import Floats


@dataclass(frozen=True, slots=True, eq=False)
class SpokenText:
    """Spoken text: `samples` (n,) mono float32 at `rate_hz`.

    `phones`: (IPA label, start, end) in seconds, silences left out; None where the engine does not tell.
    """

    samples: Floats
    rate_hz: int
    phones: list[Phone] | None = None

    @property
    def duration_s(self) -> float:
        """How long it lasts, in seconds."""
        return len(self.samples) / self.rate_hz


class SpeechEngine(Protocol):
    """Whatever speaks."""

    def speak(self, text: str) -> SpokenText:
        """Speak `text`.

        Raises:
            InputError: there is nothing in it to speak, or the voice does not exist.
            DependencyError: the engine is missing or fails.
        """
        ...


def open_engine(voice: str | None = None, command: str | None = None) -> SpeechEngine:
    """The engine that a `command` describes, else espeak-ng with a `voice`."""
    from talkinghead.tts.command import CommandEngine
    from talkinghead.tts.espeak import DEFAULT_VOICE, EspeakEngine

    if command is not None:
        if voice is not None:
            raise InputError("a voice is espeak-ng's: name the other engine's voice within the speech command")
        return CommandEngine(command)
    return EspeakEngine(voice or DEFAULT_VOICE)
