"""When a LiveKit listener hears an utterance begin and end: later than the runner hands it over, and says so."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial

from livekit import rtc
from livekit.agents.voice import avatar as agents_avatar

Told = Callable[[], Coroutine[None, None, None] | None]


class HeardReceiver(agents_avatar.AudioReceiver):  # type: ignore[misc]  # not looked into
    """`inner`, whose sender is told of an utterance's beginning and end when they are heard.

    The runner tells of a beginning with the first piece of sound, which is the silence that leads over to speech, and
    of both before what is queued has been played.
    """

    def __init__(self, inner: agents_avatar.AudioReceiver) -> None:
        super().__init__()
        self._inner = inner
        self.queued_s: Callable[[], float] = lambda: 0.0
        """How much sound has been handed over and not been played."""
        self._later: deque[tuple[float, Told]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Future[None]] = set()
        inner.on("clear_buffer", self._clear)

    async def start(self) -> None:
        """Begin to receive."""
        await self._inner.start()

    def begin(self, before_s: float) -> None:
        """Speech has been handed over that begins so long before the end of all that is queued."""
        self._tell_in(self.queued_s() - before_s, self._inner.notify_playback_started)

    def notify_playback_started(self) -> None:
        """Too early: `begin` knows."""

    def notify_playback_finished(self, playback_position: float, interrupted: bool) -> None:
        """Tell, once what is queued has been played; of an interruption at once."""
        told: Told = partial(
            self._inner.notify_playback_finished, playback_position=playback_position, interrupted=interrupted
        )
        if interrupted:
            self._hurry()
        self._tell_in(0.0 if interrupted else self.queued_s(), told)

    def __aiter__(self) -> AsyncIterator[rtc.AudioFrame | agents_avatar.AudioSegmentEnd]:
        received: AsyncIterator[rtc.AudioFrame | agents_avatar.AudioSegmentEnd] = self._inner.__aiter__()
        return received

    async def aclose(self) -> None:
        """End it."""
        self._inner.off("clear_buffer", self._clear)
        self._hurry()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._inner.aclose()

    def _clear(self) -> None:
        """What is queued is void: what has not begun will not; what waits to have ended has."""
        self._later = deque(one for one in self._later if one[1] != self._inner.notify_playback_started)
        self._hurry()
        self.emit("clear_buffer")

    def _tell_in(self, seconds: float, told: Told) -> None:
        """In the order of these calls."""
        due_s = asyncio.get_running_loop().time() + max(0.0, seconds)
        self._later.append((max(due_s, self._later[-1][0]) if self._later else due_s, told))
        self._go_on()

    def _go_on(self) -> None:
        loop = asyncio.get_running_loop()
        self._tell_until(loop.time())
        if self._later:
            self._timer = loop.call_at(self._later[0][0], self._go_on)

    def _hurry(self) -> None:
        self._tell_until(math.inf)

    def _tell_until(self, time_s: float) -> None:
        """What is due by then, now; no timer waits any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._later and self._later[0][0] <= time_s:
            self._tell(self._later.popleft()[1])

    def _tell(self, told: Told) -> None:
        telling = told()
        if asyncio.iscoroutine(telling):
            task = asyncio.ensure_future(telling)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
