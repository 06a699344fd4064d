"""One stream: a session in a thread of its own, which lives in real time, speaks what it hears and idles otherwise."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

from talkinghead.core.emotions import Emotion
from talkinghead.core.errors import TalkingHeadError
from talkinghead.core.types import Frame
from talkinghead.media.fitting import fitted
from talkinghead.provenance.making import Making
from talkinghead.realtime.clock import RealTime
from talkinghead.realtime.sounds import Sound
from talkinghead.server.avatars import KeptAvatar
from talkinghead.server.fmp4 import Mp4Stream
from talkinghead.server.jpegs import JpegStream
from talkinghead.server.mouth import Mouth
from talkinghead.server.protocol import Start

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
        self._clocked: RealTime | None = None
        self._felt: deque[Emotion | None] = deque(maxlen=1)
        self.thread = threading.Thread(target=self._run, name="talkinghead-stream", daemon=True)

    @property
    def frames(self) -> int:
        """How many have been shown."""
        return 0 if self._clocked is None else self._clocked.frames

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
                clocked = RealTime(session, start.rate_hz, self.mouth, show.show, tell=self._tell_state)
                self._clocked = clocked
                while not self._closed.is_set():
                    if self._felt:
                        session.set_emotion(self._felt.popleft())
                    if self._interrupted.is_set():
                        self._interrupted.clear()
                        self._send({"type": "interrupted", "time": round(clocked.time_s, 4)})
                        clocked.interrupt()
                    elif self._ending.is_set() and self.mouth.is_empty:
                        clocked.finish()
                        show.finish()
                        self._send({"type": "end", "time": clocked.time_s})
                        break
                    else:
                        clocked.step()
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
        making = Making(self._kept.avatar.settings.marking)
        if self._start.video == "fmp4":
            return Mp4Stream(size_px, self._start.fps, self._start.rate_hz, self._send, making)
        return JpegStream(size_px, self._start.rate_hz, self._send, making)

    def _tell_state(self, speaking: bool, time_s: float) -> None:
        self._send({"type": "speaking" if speaking else "idle", "time": round(time_s, 4)})
