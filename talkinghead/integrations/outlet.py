"""Where what a face shows waits for whoever takes it: a thread puts in, an event loop takes out, in step."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from talkinghead.core.types import Pixels

Samples = npt.NDArray[np.int16]

# So many frames with sound wait at most; the thread waits, too.
_MOST_SPOKEN = 24
# So long may frames without sound wait; older ones are dropped, so that who is slow for a while is not late for ever.
_IDLE_S = 0.25
# So many frames before the first sound of speech are shown with it, in which the mouth opens; what else is drawn and
# not yet shown by then is dropped, for an answer should not wait for the end of idling.
_LEAD = 2


@dataclass(frozen=True, eq=False)
class Shown:
    """A frame, (H, W, 3) RGB uint8, at `time_s` of all that was drawn, and the `sound` beneath it, (n,) int16.

    The sound is empty while the face idles, and silence in the frames that lead over to speech.
    """

    pixels: Pixels
    time_s: float
    sound: Samples


@dataclass(frozen=True)
class Mark:
    """What was put between pieces of sound, where these have come out."""

    value: object


class Outlet:
    """Frames and marks in their order. Frames with sound come out at once, others no faster than `fps` a second."""

    def __init__(self, fps: Fraction) -> None:
        self._frame_s, self._most_idle = float(1 / fps), max(2, round(_IDLE_S * fps))
        self._changed = threading.Condition()
        self._items: deque[Shown | Mark] = deque()
        self._lead: deque[Shown] = deque(maxlen=_LEAD)
        self._marks: deque[tuple[int, Mark]] = deque()  # each behind so many samples
        self._heard = self._shown = 0  # samples of speech
        self.turn = 0  # it changes with every interruption
        self._closed = False
        self._error: Exception | None = None
        self._taker: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._taken_s = 0.0  # when the last frame is seen: those with sound are taken before

    def expect(self, samples: int) -> None:
        """So many more samples of speech will come."""
        with self._changed:
            self._heard += samples

    def mark(self, value: object) -> None:
        """Let `value` come out behind all speech that is expected."""
        with self._changed:
            if self._marks or self._heard > self._shown:
                self._marks.append((self._heard, Mark(value)))
            else:
                self._items.append(Mark(value))
        self._wake()

    def put(self, turn: int, frame: Shown, spoken: int) -> None:
        """From the thread: a frame with all the sound beneath it, silence too, `spoken` samples of which are speech.

        It may wait. What was drawn for an earlier turn is dropped.
        """
        with self._changed:
            if spoken:
                while len(self._items) >= _MOST_SPOKEN and turn == self.turn and not self._closed:
                    self._changed.wait()
            if turn != self.turn or self._closed:
                return
            if spoken:
                self._items.extend(self._lead)
                self._lead.clear()
                self._items.append(frame)
                self._shown += spoken
                while self._marks and self._marks[0][0] <= self._shown:
                    self._items.append(self._marks.popleft()[1])
            elif self._heard > self._shown:
                self._lead.append(frame)
            else:
                self._add_idle(frame)
        self._wake()

    def put_closing(self, frame: Shown) -> None:
        """From the thread: a frame in which the mouth closes after an interruption."""
        with self._changed:
            self._add_idle(frame)
        self._wake()

    def interrupt(self) -> list[object]:
        """Forget all that waits and is expected; the marks among it, oldest first."""
        with self._changed:
            self.turn += 1
            lost = [item for item in self._items if isinstance(item, Mark)] + [mark for _, mark in self._marks]
            self._items.clear()
            self._lead.clear()
            self._marks.clear()
            self._heard = self._shown = 0
            self._taken_s = 0.0
            self._changed.notify_all()
        return [mark.value for mark in lost]

    def close(self, error: Exception | None = None) -> None:
        """The end, told to whoever takes: all that waits is taken first, then `error` is raised."""
        with self._changed:
            self._closed, self._error = True, self._error or error
            self._changed.notify_all()
        self._wake()

    async def take(self) -> Shown | Mark | None:
        """What is next, when it is due; None at the end.

        Raises:
            TalkingHeadError: it could not be drawn.
        """
        loop = asyncio.get_running_loop()
        if self._taker is None or self._taker[0] is not loop:
            self._taker = loop, asyncio.Event()
        event = self._taker[1]
        while True:
            event.clear()
            with self._changed:
                wait_s = self._prepared()
                if self._items and wait_s <= 0:
                    item = self._items.popleft()
                    if isinstance(item, Shown):
                        self._taken_s = max(self._taken_s + self._frame_s, time.monotonic() - self._frame_s)
                    self._changed.notify_all()
                    return item
                if not self._items and self._closed:
                    if self._error is not None:
                        raise self._error
                    return None
                timer = loop.call_later(wait_s, event.set) if self._items else None
            await event.wait()
            if timer is not None:
                timer.cancel()

    def _prepared(self) -> float:
        """Drop idle frames that speech has overtaken; how many seconds the first item has to wait."""
        spoken = next((at for at, item in enumerate(self._items) if isinstance(item, Shown) and len(item.sound)), 0)
        if spoken:
            before = [item for at, item in enumerate(self._items) if at >= spoken or isinstance(item, Mark)]
            self._items = deque(before)
        first = self._items[0] if self._items else None
        if not isinstance(first, Shown) or len(first.sound):
            return 0.0
        return self._taken_s + self._frame_s - time.monotonic()

    def _add_idle(self, frame: Shown) -> None:
        idle = [item for item in self._items if isinstance(item, Shown) and not len(item.sound)]
        if len(idle) >= self._most_idle:
            self._items.remove(idle[0])
        self._items.append(Shown(frame.pixels, frame.time_s, frame.sound[:0]))

    def _wake(self) -> None:
        if self._taker is not None:
            loop, event = self._taker
            with contextlib.suppress(RuntimeError):  # the loop has ended before its face
                loop.call_soon_threadsafe(event.set)
