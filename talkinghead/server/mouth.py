"""What is to be spoken: sound in the order in which it came, of the client's or of a text, until interrupted."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator

from talkinghead.core.errors import InputError, TalkingHeadError
from talkinghead.drivers.phone_track import PhoneTrack
from talkinghead.media.resample import Resampler
from talkinghead.realtime.sounds import Sound, SoundQueue
from talkinghead.tts.engines import SpokenText, at_rate, stream
from talkinghead.tts.opening import Voice, choose

_MOST_TEXTS = 64


class Mouth(SoundQueue):
    """A queue of sound. Texts are spoken in a thread of its own, sentence by sentence, in the order of their coming.

    `longest_s`: what may wait. `complain` hears why a text cannot be spoken.
    """

    def __init__(self, rate_hz: int, longest_s: int, complain: Callable[[str], None]) -> None:
        super().__init__(rate_hz, longest_s)
        self._complain, self._telling = complain, 0
        self._texts: queue.Queue[tuple[int, str, Voice] | None] = queue.Queue()
        self._turn = 0  # it changes with every interruption
        self._thread = threading.Thread(target=self._tell, name="talkinghead-mouth", daemon=True)
        self._thread.start()

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits, nor is being made."""
        with self._changed:
            return not self._waiting and not self._telling

    @property
    def has_text(self) -> bool:
        """Whether a text is being spoken or made, or waits."""
        with self._changed:
            return self._telling > 0 or any(sound.is_own for sound in self._waiting)

    def say(self, text: str, voice: Voice) -> None:
        """A text, after what waits already.

        Raises:
            InputError: too many wait.
        """
        with self._changed:
            if self._telling >= _MOST_TEXTS:
                raise InputError("too many texts wait: send them as they are spoken")
            self._texts.put((self._turn, text, voice))
            self._telling += 1

    def interrupt(self) -> None:
        """Forget what waits, and what is being made."""
        with self._changed:
            self._turn += 1
        self.clear()

    def close(self) -> None:
        """The end; the thread goes after the sentence that it is just speaking."""
        self.interrupt()
        super().close()
        self._texts.put(None)

    def join(self, seconds: float) -> None:
        """Wait for the thread's end, at most so long."""
        self._thread.join(seconds)

    def _tell(self) -> None:
        while (asked := self._texts.get()) is not None:
            turn, text, voice = asked
            try:
                if turn == self._turn:
                    self._speak(turn, text, voice)
            except TalkingHeadError as error:
                self._complain(str(error))
            finally:
                with self._changed:
                    self._telling -= 1
                    self._changed.notify_all()

    def _speak(self, turn: int, text: str, voice: Voice) -> None:
        for sound in _sounds(stream(choose(text, voice).engine, text), self._rate_hz):
            if not self._fits(turn, sound):
                return

    def _fits(self, turn: int, sound: Sound) -> bool:
        """Put sound of a text behind the rest once there is room; False where it was interrupted."""
        length = len(sound.samples)
        with self._changed:
            while turn == self._turn and self._samples + length > max(self._most, length):
                self._changed.wait(0.5)
            if turn != self._turn:
                return False
            self._add(sound)
            return True


def _sounds(spoken: Iterable[SpokenText], rate_hz: int) -> Iterator[Sound]:
    """A text's pieces at a stream's rate. Those that tell their phones are resampled each alone, so that the phones
    keep their times; the others are one sound, which may have been cut anywhere."""
    resampler: Resampler | None = None
    for piece in spoken:
        if piece.phones is None:
            resampler = resampler or Resampler(piece.rate_hz, rate_hz)
            yield Sound(resampler.push(piece.samples), is_own=True)
            continue
        if resampler is not None:
            yield Sound(resampler.finish(), is_own=True)
            resampler = None
        samples = at_rate(piece, rate_hz)
        yield Sound(samples, is_own=True, phones=PhoneTrack.of(piece.phones, samples, rate_hz))
    if resampler is not None:
        yield Sound(resampler.finish(), is_own=True)
