"""What a voice agent has of a face: sound in as it comes, frames and their sound out in real time, on asyncio.

The session lives in a thread of its own, so that drawing never holds up the event loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator
from fractions import Fraction

import numpy as np

from talkinghead.avatar import Avatar, Rate
from talkinghead.core.emotions import Emotion
from talkinghead.core.errors import InputError
from talkinghead.core.types import Floats, Frame
from talkinghead.integrations.outlet import Mark, Outlet, Samples, Shown
from talkinghead.media.fitting import fitted, scaled
from talkinghead.media.resample import Resampler, as_floats
from talkinghead.realtime.clock import RealTime
from talkinghead.realtime.sounds import Sound, SoundQueue

# A language model may speak for long: all of it may wait.
_LONGEST_S = 600
# What an agent plays has no time stamps: it is drawn so far ahead that an uneven pace of drawing is not heard.
_AHEAD_S = 0.4
# And idling after speech, by what a session hears ahead.
_SETTLE_S = 0.25
_ENDING_S = 10.0


def check_background(avatar: Avatar) -> None:
    """What an avatar that agents show must have behind it.

    Raises:
        InputError: there is nothing behind it, which no call shows.
    """
    if avatar.settings.is_transparent:
        raise InputError(
            'a call shows nothing transparent: open the avatar with background="blur", a colour or a picture'
        )


class AgentFace:
    """`avatar` as the face of one agent: idle until it hears something, then speaking; `async for` gives what it shows.

    - `fps`: frames per second; `rate_hz`: samples per second of the sound that comes out;
    - `longest_px`: the longer side of its frames at most, None: as the avatar draws them.

    It lives from the first iteration on, until `aclose`. One task iterates; one calls the other methods.

    Raises:
        InputError: the avatar is transparent.
        TalkingHeadError: something that the avatar needs is missing; the message says what to do.
    """

    def __init__(self, avatar: Avatar, *, fps: Rate = 25, rate_hz: int = 24_000, longest_px: int | None = None) -> None:
        check_background(avatar)
        self._session = avatar.session(fps=fps, rate_hz=rate_hz, low_latency=True)
        self.fps: Fraction = self._session.fps
        self.rate_hz = rate_hz
        self.size_px = fitted(self._session.size_px, longest_px or max(self._session.size_px))
        self._queue, self._outlet = SoundQueue(rate_hz, _LONGEST_S), Outlet(self.fps)
        self._resampler: tuple[int, Resampler] | None = None
        self._lock = threading.Lock()
        self._drawn_turn = 0  # the outlet's turn, as far as the thread has noticed
        self._held: list[Floats] = []  # heard since then
        self._closing = False
        self._ended = True  # what has been heard is an utterance to its end
        self._felt: deque[Emotion | str | None] = deque(maxlen=1)
        self._closed, self._started = threading.Event(), False
        self._thread = threading.Thread(target=self._run, name="talkinghead-agent", daemon=True)

    def hear(self, samples: Samples, rate_hz: int) -> None:
        """Speak (n,) or (n, channels) after what waits, however little or much it is.

        Raises:
            InputError: more than 10 minutes wait.
            AudioError: it is no sound.
        """
        if self._resampler is None or self._resampler[0] != rate_hz:
            self._flush()
            self._resampler = rate_hz, Resampler(rate_hz, self.rate_hz)
        floats = as_floats(samples)
        self._ended = False
        self._speak(self._resampler[1].push(floats if floats.ndim == 1 else floats.mean(axis=1, dtype=np.float32)))

    def end_utterance(self) -> None:
        """What was heard is complete: its end need not wait for more."""
        self._flush()
        self._ended = True
        self._queue.wake()

    def mark(self, value: object) -> None:
        """Let `value` come out, as a `Mark`, behind all that has been heard so far."""
        self._outlet.mark(value)

    def feel(self, emotion: Emotion | str | None) -> None:
        """Turn to an emotion ("happy", "sad=0.5"), None: to none, with what is drawn next."""
        self._felt.append(emotion)

    def interrupt(self) -> list[object]:
        """Fall silent at once: nothing that was heard comes out any more, and the mouth closes within 200 ms.

        Returns:
            The values of marks that had not come out, oldest first.
        """
        with self._lock:
            self._queue.clear()
            self._held.clear()
            self._resampler, self._ended = None, True
            return self._outlet.interrupt()

    async def aclose(self) -> None:
        """End at once; whoever iterates comes to the end."""
        self._closed.set()
        self._outlet.close()
        self._queue.close()
        if self._started:
            await asyncio.to_thread(self._thread.join, _ENDING_S)
        else:
            self._session.close()

    async def __aiter__(self) -> AsyncIterator[Shown | Mark]:
        """What it shows, when it is due; ends when it is closed.

        Raises:
            TalkingHeadError: it could not be drawn.
        """
        if not self._started:
            self._started = True
            self._thread.start()
        while (item := await self._outlet.take()) is not None:
            yield item

    def _flush(self) -> None:
        if self._resampler is not None:
            self._speak(self._resampler[1].finish())
            self._resampler = None

    def _speak(self, samples: Floats) -> None:
        if not len(samples):
            return
        with self._lock:
            self._outlet.expect(len(samples))
            if self._drawn_turn != self._outlet.turn:
                self._held.append(samples)
                return
            try:
                self._queue.hear(samples)
            except InputError:
                self._outlet.expect(-len(samples))
                raise

    def _run(self) -> None:
        failure: Exception | None = None
        try:
            with self._session as session:
                clocked = RealTime(session, self.rate_hz, self._queue, self._show, is_over=lambda: self._ended,
                                   ahead_s=_AHEAD_S, settle_s=_SETTLE_S)  # fmt: skip
                while not self._closed.is_set() and not session.has_ended:
                    if self._felt:
                        session.set_emotion(self._felt.popleft())
                    if self._drawn_turn == self._outlet.turn:
                        clocked.step()
                    else:
                        self._fall_silent(clocked)
        except Exception as error:  # told to whoever iterates
            failure = error
        finally:
            self._outlet.close(failure)

    def _fall_silent(self, clocked: RealTime) -> None:
        with self._lock:
            self._drawn_turn = self._outlet.turn
            for samples in self._held:
                self._queue.hear(samples)
            self._held.clear()
        self._closing = True
        clocked.interrupt()
        self._closing = False

    def _show(self, frames: list[Frame], sound: list[Sound]) -> None:
        """Put frames out, each with its share of the sound."""
        left = deque(sound)
        share = sum(len(piece.samples) for piece in sound) / max(1, len(frames))
        for number, frame in enumerate(frames):
            count = round((number + 1) * share) - round(number * share)
            pieces: list[Sound] = []
            while count > 0 and left:
                piece, rest = left.popleft().cut(count)
                pieces.append(piece)
                count -= len(piece.samples)
                if len(rest.samples):
                    left.appendleft(rest)
            shown = Shown(np.ascontiguousarray(scaled(frame.pixels, self.size_px)), frame.time_s, _pcm(pieces))
            if self._closing:
                self._outlet.put_closing(shown)
            else:
                spoken = sum(len(piece.samples) for piece in pieces if not piece.is_silence)
                self._outlet.put(self._drawn_turn, shown, spoken)


def _pcm(pieces: list[Sound]) -> Samples:
    if not pieces:
        return np.zeros(0, np.int16)
    samples = np.concatenate([piece.samples for piece in pieces])
    return np.rint(np.clip(samples * 2.0**15, -(2**15), 2**15 - 1)).astype(np.int16)
