"""A session on the clock: it speaks what there is to say, idles otherwise, and falls silent when it is interrupted.

    SoundQueue ─ as much as is due ─ Session ─ frames, and the sound beneath them ─ show

This is what everything that talks while it is told has in common: streams of the server, faces of voice agents.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from talkinghead.core.types import Frame
from talkinghead.realtime.sounds import Sound, SoundQueue
from talkinghead.session import Session

# Speech is drawn this far ahead of the clock, so that an uneven pace is not seen; idling is not, for what comes next is
# to be heard at once.
AHEAD_S = 0.2
# Sound may come unevenly: so long is waited before silence is put into it.
_GRACE_S = 0.12
_STEP_S = 0.04
# Idling that is ahead of the clock loses so much of it in a second: slower by a tenth, which is not seen.
_SETTLING = 0.1
# A machine that is too busy: from so far behind the clock on, every second frame of speech is drawn, then every fourth,
# until the clock is met again. Sound is never left out.
_LATE_S, _VERY_LATE_S = 0.3, 0.8
Show = Callable[[list[Frame], list[Sound]], None]


class RealTime:
    """`session` hears what `queue` holds, at `rate_hz`, when it is due; it belongs to the thread that calls it.

    - `show` gets frames, one after the other, with the sound beneath them, silence included; it may wait. On a machine
      that is too busy to draw them all, some are the one before once more.
    - `tell` hears that the face begins to speak (True) or to idle (False), and at which time of the frames.
    - `is_over` tells whether an utterance has been heard to its end, so that nothing need be waited for.
    - `ahead_s`: how far ahead of the clock speech is drawn; `settle_s`: how far idling is right after speech, so that
      it is there when the last sound has been played; it shrinks while the face idles.
    """

    def __init__(
        self,
        session: Session,
        rate_hz: int,
        queue: SoundQueue,
        show: Show,
        *,
        tell: Callable[[bool, float], None] = lambda speaking, time_s: None,
        is_over: Callable[[], bool] = lambda: False,
        ahead_s: float = AHEAD_S,
        settle_s: float = 0.0,
    ) -> None:
        self._session, self._rate_hz, self._queue = session, rate_hz, queue
        self._show, self._tell, self._is_over = show, tell, is_over
        self._ahead_s, self._settle_s, self._idle_s = ahead_s, settle_s, 0.0
        self._due: deque[Sound] = deque()  # pushed into the session, its frames not yet drawn
        self._speaking = False
        self._last: Frame | None = None
        self._shown_samples = 0
        self._clock_s = time.monotonic()  # when the frames' clock was 0
        self.frames = 0

    @property
    def time_s(self) -> float:
        """The time of the next frame, on the frames' clock."""
        return float(self.frames / self._session.fps)

    def step(self) -> None:
        """Wait a little for what is due, or draw about 40 ms of it."""
        ahead_s = self._session.time_s - (time.monotonic() - self._clock_s)
        ended = self._is_over()
        # The end of an utterance is held by the look-ahead: silence behind it is as urgent as the sound was.
        hurried = self._queue.has_sound or (ended and any(not sound.is_silence for sound in self._due))
        early_s = ahead_s - (self._ahead_s if hurried else self._idle_s)
        if early_s > 0:
            if hurried:
                time.sleep(min(0.01, early_s))
            else:
                self._queue.wait(min(_STEP_S, early_s))
            return
        heard = self._queue.take(round(_STEP_S * self._rate_hz))
        if heard:
            self._change(True, self._session.time_s)
            self._idle_s = self._settle_s
            self._keep_up(-ahead_s)
            for sound in heard:
                self._push(sound)
            return
        if self._speaking and not ended and ahead_s > -_GRACE_S:
            self._queue.wait(_GRACE_S + ahead_s)
            return
        self._change(False, self._session.time_s)
        if ahead_s < -2 * _STEP_S:  # what was missed is not made up for: time goes on from here
            self._clock_s = time.monotonic() - self._session.time_s
        self._idle_s = max(0.0, self._idle_s - _SETTLING * _STEP_S)
        self._session.draw_every = 1
        self._push(Sound(np.zeros(round(_STEP_S * self._rate_hz), np.float32), is_silence=True))

    def interrupt(self) -> None:
        """What was pushed and not drawn is void; the mouth closes in the next frames, in silence."""
        self._session.draw_every = 1
        frames = self._session.interrupt()
        self._clock_s = time.monotonic() - self.time_s  # these frames are the next to be seen
        silence = np.zeros(self._samples_beneath(len(frames)), np.float32)
        self._due = deque([Sound(silence, is_silence=True)])
        self._put_out(frames)
        self._speaking = True
        self._change(False, self.time_s)
        self._idle_s = 0.0

    def finish(self) -> None:
        """Show what is left: nothing more will be heard."""
        self._session.draw_every = 1
        self._put_out(self._session.finish(), final=True)

    def _change(self, speaking: bool, time_s: float) -> None:
        if speaking != self._speaking:
            self._speaking = speaking
            self._tell(speaking, time_s)

    def _keep_up(self, late_s: float) -> None:
        """Draw fewer frames, or all of them again."""
        if late_s > _LATE_S:
            self._session.draw_every = max(self._session.draw_every, 4 if late_s > _VERY_LATE_S else 2)
        elif late_s <= 0:
            self._session.draw_every = 1

    def _push(self, sound: Sound) -> None:
        self._due.append(sound)
        self._put_out(self._session.push_audio(sound.samples, sound.phones))

    def _put_out(self, frames: list[Frame], final: bool = False) -> None:
        """Frames, and as much of the sound as lies beneath them."""
        frames = list(self._filled(frames))
        if not frames and not final:
            return
        count = self._samples_beneath(len(frames))
        self.frames += len(frames)
        self._shown_samples += count
        sound: list[Sound] = []
        while count > 0 and self._due:
            first = self._due.popleft()
            if len(first.samples) > count and not final:
                first, rest = first.cut(count)
                self._due.appendleft(rest)
            sound.append(first)
            count -= len(first.samples)
        self._show(frames, sound)

    def _filled(self, frames: list[Frame]) -> Iterator[Frame]:
        """For each one that was not drawn, the one before."""
        for frame in frames:
            between = range(frame.number if self._last is None else self._last.number + 1, frame.number)
            for number in between:
                assert self._last is not None
                yield replace(self._last, number=number, time_s=float(number / self._session.fps))
            self._last = frame
            yield frame

    def _samples_beneath(self, frames: int) -> int:
        """How many samples lie beneath the next frames."""
        return round((self.frames + frames) * self._rate_hz / self._session.fps) - self._shown_samples
