"""A text that is spoken, sentence by sentence, while what was spoken of it is already heard and drawn."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from audio2motion import Phone
from talkinghead.core.errors import InputError
from talkinghead.core.growing import Growing
from talkinghead.core.types import Floats
from talkinghead.media.growing import GrowingSound, SoundWriter
from talkinghead.tts.engines import SpeechEngine, SpokenText, at_rate, stream
from talkinghead.tts.sentences import sentences

# A piece of a text: its samples (n,), mono float32 at the sound's rate, and its phones.
Piece = tuple[Floats, list[Phone]]
_Mark = tuple[int, list[Phone]]  # the same, its samples counted: they lie in the sound's file


class Telling:
    """A text that an engine speaks. The first sentence is spoken when this is made, the others in a thread.

    `sound` is heard while it grows; `knows_phones` tells whether `pieces` gives them.

    Raises:
        InputError: there is nothing in the text to speak, or the voice cannot read it.
        DependencyError: the engine is missing or fails.
    """

    def __init__(self, engine: SpeechEngine, text: str) -> None:
        spoken = stream(engine, text)
        first = next(spoken, None)
        if first is None:
            raise InputError("there is no text to speak")
        self.sound = GrowingSound(first.rate_hz)
        self.knows_phones = first.phones is not None
        self._marks: Growing[_Mark] = Growing()
        teller = _Teller(self.sound.writer, self._marks, first.rate_hz)
        teller.tell(first)
        if len(sentences(text)) == 1:
            teller.run(spoken)  # nothing is gained by waiting elsewhere, and how long it lasts is known at once
            return
        threading.Thread(target=teller.run, args=(spoken,), name="talkinghead-telling", daemon=True).start()

    def pieces(self) -> Iterator[Piece]:
        """Every piece as it comes, from the first; as often as needed."""
        marks = iter(self._marks)
        phones: list[list[Phone]] = []

        def lengths() -> Iterator[int]:
            for length, heard in marks:
                phones.append(heard)
                yield length

        for samples in self.sound.pieces(lengths()):
            yield samples, phones.pop()


class _Teller:
    """What the thread does; it keeps nothing alive but the two things it writes to."""

    def __init__(self, writer: SoundWriter, marks: Growing[_Mark], rate_hz: int) -> None:
        self._writer, self._marks, self._rate_hz = writer, marks, rate_hz

    def run(self, spoken: Iterator[SpokenText]) -> None:
        error: BaseException | None = None
        try:
            for piece in spoken:
                if self._writer.is_unheard:
                    break
                self.tell(piece)
        except BaseException as caught:
            error = caught
        self._writer.end(error)
        self._marks.end(error)

    def tell(self, piece: SpokenText) -> None:
        samples = at_rate(piece, self._rate_hz)
        self._writer.append(samples)
        self._marks.append((len(samples), piece.phones or []))
