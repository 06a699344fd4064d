"""One stream: a session in a thread of its own, which lives in real time, speaks what it hears and idles otherwise."""

from __future__ import annotations

import base64
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import Protocol

import cv2
import numpy as np

from talkinghead.core.emotions import Emotion
from talkinghead.core.errors import TalkingHeadError
from talkinghead.core.types import Floats, Frame, Pixels
from talkinghead.server.avatars import KeptAvatar
from talkinghead.server.fmp4 import Mp4Stream
from talkinghead.server.mouth import Mouth, Sound
from talkinghead.server.protocol import Start

# Speech is drawn this far ahead of the clock, so that an uneven pace is not seen; idling is not, for what comes next is
# to be heard at once.
_AHEAD_S = 0.2
# A client's sound may come unevenly: so long is waited before silence is put into it.
_GRACE_S = 0.12
_STEP_S = 0.04
_JPEG_QUALITY = 85
Event = dict[str, object]
Send = Callable[[bytes | Event], None]
Opener = Callable[[tuple[int, int]], "Show"]


class Show(Protocol):
    """Where frames and the sound that belongs to them go."""

    def show(self, frames: list[Frame], sound: list[Sound]) -> None: ...

    def finish(self) -> None: ...

    def close(self) -> None: ...


class Talker:
    """A stream of `kept`'s face; `send` takes events and binary messages, and may wait for the client.

    Frames become what `start` says, or go to what `show` opens for frames of a size (width, height).

    Times are seconds of the frames' clock. `hear`, `say`, `interrupt` and `end` come from elsewhere.
    """

    def __init__(self, kept: KeptAvatar, start: Start, send: Send, waiting_s: int, show: Opener | None = None) -> None:
        self._kept, self._start, self._send, self._show = kept, start, send, show
        self.mouth = Mouth(start.rate_hz, waiting_s, lambda said: send({"type": "error", "message": said}))
        self._ending, self._closed, self._interrupted = threading.Event(), threading.Event(), threading.Event()
        self._speaking = False
        self._clock_s = 0.0  # of the monotonic clock when the frames' clock was 0
        self._due: list[Sound] = []  # pushed into the session, its frames not yet drawn
        self._shown_samples = 0
        self._felt: deque[Emotion | None] = deque(maxlen=1)
        self.frames = 0
        self.thread = threading.Thread(target=self._run, name="talkinghead-stream", daemon=True)

    def interrupt(self) -> None:
        """Fall silent at once."""
        self.mouth.interrupt()
        self._interrupted.set()
        self.mouth.wake()

    def feel(self, emotion: Emotion | None) -> None:
        """Turn to an emotion, None: to none, with what is drawn next."""
        self._felt.append(emotion)

    def end(self) -> None:
        """Speak what waits, then end."""
        self._ending.set()
        self.mouth.wake()

    def close(self) -> None:
        """End at once."""
        self._closed.set()
        self.mouth.close()

    def join(self, seconds: float) -> None:
        """Wait for the ends of its threads, for each at most so long."""
        self.thread.join(seconds)
        self.mouth.join(seconds)

    def _run(self) -> None:
        show: Show | None = None
        try:
            start = self._start
            with self._kept.avatar.session(fps=start.fps, rate_hz=start.rate_hz, low_latency=True) as session:
                size_px = fitted(session.size_px, start.size_px)
                show = self._opened(size_px)
                ready = {"type": "ready", "width": size_px[0], "height": size_px[1], "fps": float(start.fps)}
                self._send(ready if self._show is not None else {**ready, **self._wire()})
                self._clock_s = time.monotonic()
                while not self._closed.is_set():
                    if self._felt:
                        session.set_emotion(self._felt.popleft())
                    if self._interrupted.is_set():
                        self._interrupted.clear()
                        self._fall_silent(show, session.interrupt())
                    elif not self._step(show, session):
                        self._put_out(show, session.finish(), final=True)
                        show.finish()
                        self._send({"type": "end", "time": float(self.frames / start.fps)})
                        break
        except TalkingHeadError as error:
            self._send({"type": "error", "message": str(error)})
        except ConnectionError:
            pass  # nobody is there any more
        finally:
            if show is not None:
                show.close()
            self.mouth.close()
            with contextlib.suppress(ConnectionError):
                self._send({})  # the last word

    def _wire(self) -> Event:
        """What a client of a stream is told of its bytes."""
        mime = {"mime": Mp4Stream.mime} if self._start.video == "fmp4" else {}
        return {"rate": self._start.rate_hz, "video": self._start.video, **mime}

    def _opened(self, size_px: tuple[int, int]) -> Show:
        if self._show is not None:
            return self._show(size_px)
        if self._start.video == "fmp4":
            return Mp4Stream(size_px, self._start.fps, self._start.rate_hz, self._send)
        return _Jpegs(size_px, self._start.rate_hz, self._send)

    def _step(self, show: Show, session: _Session) -> bool:
        """A little of time; False once all is said that was to be said."""
        ahead_s = session.time_s - (time.monotonic() - self._clock_s)
        if self._ending.is_set() and self.mouth.is_empty:
            return False
        speaking = self.mouth.has_sound
        if ahead_s > (_AHEAD_S if speaking else 0.0):
            if speaking:
                time.sleep(min(0.01, ahead_s - _AHEAD_S))
            else:
                self.mouth.wait(min(_STEP_S, ahead_s))
            return True
        heard = self.mouth.take(round(_STEP_S * self._start.rate_hz))
        if heard:
            self._tell_state(True, session.time_s)
            for sound in heard:
                self._push(show, session, sound)
            return True
        if self._speaking and ahead_s > -_GRACE_S:
            self.mouth.wait(_GRACE_S + ahead_s)
            return True
        self._tell_state(False, session.time_s)
        if ahead_s < -2 * _STEP_S:  # what was missed is not made up for: time goes on from here
            self._clock_s = time.monotonic() - session.time_s
        silence = np.zeros(round(_STEP_S * self._start.rate_hz), np.float32)
        self._push(show, session, Sound(silence, is_own=False))
        return True

    def _tell_state(self, speaking: bool, time_s: float) -> None:
        if speaking != self._speaking:
            self._speaking = speaking
            self._send({"type": "speaking" if speaking else "idle", "time": round(time_s, 4)})

    def _push(self, show: Show, session: _Session, sound: Sound) -> None:
        self._due.append(sound)
        self._put_out(show, session.push_audio(sound.samples))

    def _fall_silent(self, show: Show, frames: list[Frame]) -> None:
        """What was pushed and not drawn is void; the mouth closes in these frames, in silence, from now on."""
        begin_s = float(self.frames / self._start.fps)
        self._clock_s = time.monotonic() - begin_s
        self._due = [Sound(np.zeros(self._samples_of(len(frames)), np.float32), is_own=False)]
        self._send({"type": "interrupted", "time": round(begin_s, 4)})
        self._put_out(show, frames)
        self._speaking = True
        self._tell_state(False, float(self.frames / self._start.fps))

    def _put_out(self, show: Show, frames: list[Frame], final: bool = False) -> None:
        """Frames, and as much of the sound as lies beneath them."""
        if not frames and not final:
            return
        count = self._samples_of(len(frames))
        self.frames += len(frames)
        self._shown_samples += count
        sound: list[Sound] = []
        while count > 0 and self._due:
            first = self._due.pop(0)
            if len(first.samples) > count and not final:
                self._due.insert(0, Sound(first.samples[count:], first.is_own))
                first = Sound(first.samples[:count], first.is_own)
            sound.append(first)
            count -= len(first.samples)
        show.show(frames, sound)

    def _samples_of(self, frames: int) -> int:
        """How many samples lie beneath the next frames."""
        return round((self.frames + frames) * self._start.rate_hz / self._start.fps) - self._shown_samples


class _Session(Protocol):
    @property
    def time_s(self) -> float: ...

    def push_audio(self, samples: Floats) -> list[Frame]: ...


class _Jpegs:
    """Frames as JPEG, each behind its time; sound that the server made, as events."""

    def __init__(self, size_px: tuple[int, int], rate_hz: int, send: Send) -> None:
        self._size_px, self._rate_hz, self._send = size_px, rate_hz, send
        self._samples = 0

    def show(self, frames: list[Frame], sound: list[Sound]) -> None:
        for one in sound:
            if one.is_own:
                pcm = np.rint(np.clip(one.samples, -1, 1) * 32_767).astype("<i2").tobytes()
                self._send({"type": "sound", "time": round(self._samples / self._rate_hz, 5), "rate": self._rate_hz,
                            "format": "s16le", "data": base64.b64encode(pcm).decode("ascii")})  # fmt: skip
            self._samples += len(one.samples)
        for frame in frames:
            pixels = cv2.cvtColor(scaled(frame.pixels, self._size_px), cv2.COLOR_RGB2BGR)
            _, jpeg = cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY))
            self._send(np.asarray(frame.time_s, "<f8").tobytes() + jpeg.tobytes())

    def finish(self) -> None: ...

    def close(self) -> None: ...


def fitted(size_px: tuple[int, int], longest_px: int) -> tuple[int, int]:
    """(width, height), even, of pictures whose longer side is at most so long."""
    share = min(Fraction(1), Fraction(longest_px, max(size_px)))
    width, height = (max(2, round(side * share) // 2 * 2) for side in size_px)
    return width, height


def scaled(pixels: Pixels, size_px: tuple[int, int]) -> Pixels:
    """A picture at this size."""
    if (pixels.shape[1], pixels.shape[0]) == size_px:
        return pixels
    return np.asarray(cv2.resize(pixels, size_px, interpolation=cv2.INTER_AREA), np.uint8)
