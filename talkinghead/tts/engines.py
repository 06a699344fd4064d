"""Text to speech: an engine speaks a text, sentence by sentence, and tells when each phone sounds where it knows.

`talkinghead.tts.opening` opens the right one: hibari and espeak-ng in this process' environment, Piper and any other
program in a process of its own, and servers that speak as OpenAI's does. Anything with `speak(text) -> SpokenText`
is an engine, too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from audio2motion import Phone
from talkinghead.core.errors import InputError
from talkinghead.core.types import Floats
from talkinghead.tts.sentences import sentences


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


class Engine(ABC):
    """A `SpeechEngine` that gives sound as it is made."""

    @abstractmethod
    def speak(self, text: str) -> SpokenText:
        """As `SpeechEngine.speak`."""

    def stream(self, text: str) -> Iterator[SpokenText]:
        """The same text piece by piece, as soon as each is made; usually a sentence at a time.

        Raises:
            InputError, DependencyError: as `speak`.
        """
        for sentence in spoken_sentences(text):
            yield self.speak(sentence)


def stream(engine: SpeechEngine, text: str) -> Iterator[SpokenText]:
    """A text piece by piece from any engine: sentence by sentence where it gives no stream of its own."""
    if isinstance(engine, Engine):
        yield from engine.stream(text)
        return
    for sentence in spoken_sentences(text):
        yield engine.speak(sentence)


def spoken_sentences(text: str) -> list[str]:
    """`sentences` of a text that must have one.

    Raises:
        InputError: there is none.
    """
    found = sentences(text)
    if not found:
        if not text.strip():
            raise InputError("there is no text to speak")
        raise InputError(f"there is nothing in the text {text.strip()[:40]!r} to speak")
    return found


def joined(pieces: Iterable[SpokenText]) -> SpokenText:
    """Pieces one after the other, at the first one's rate; phones where every piece has them.

    Raises:
        InputError: there are none.
    """
    parts: list[Floats] = []
    phones: list[Phone] | None = []
    rate_hz, at_s = 0, 0.0
    for piece in pieces:
        rate_hz = rate_hz or piece.rate_hz
        parts.append(at_rate(piece, rate_hz))
        if piece.phones is None or phones is None:
            phones = None
        else:
            phones += [(ipa, at_s + start, at_s + end) for ipa, start, end in piece.phones]
        at_s += len(parts[-1]) / rate_hz
    if not parts:
        raise InputError("there is no text to speak")
    return SpokenText(np.concatenate(parts), rate_hz, phones)


def at_rate(piece: SpokenText, rate_hz: int) -> Floats:
    """A piece's samples at another rate."""
    if piece.rate_hz == rate_hz:
        return piece.samples
    import soxr

    return np.asarray(soxr.resample(piece.samples, piece.rate_hz, rate_hz), np.float32)
