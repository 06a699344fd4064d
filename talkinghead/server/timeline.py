"""Frames and the sound beneath them on one clock, from where a call's two tracks take them when they are due."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

import numpy as np

from talkinghead.core.types import Floats, Pixels

RATE_HZ = 48_000
# How long something may come late without being heard or seen to.
_LEAD_S = 0.06
_MOST_FRAMES = 100  # more than the talker is ahead
# Where everything came early by more than this over so many times, in silence, the clock is put on.
_NEEDLESS_S, _LOOK_BACK = 0.1, 20


@dataclass(frozen=True)
class Shown:
    """A frame's `pixels`, and when it is due: seconds of the timeline."""

    at_s: float
    pixels: Pixels


class Timeline:
    """Seconds since the first thing was asked for or put. For one event loop; `put` and `restart` are called in it.

    The talker's times and these differ by a shift, the same for both tracks. It grows where the talker is late, so that
    both pause, and shrinks in silence where everything comes needlessly early.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._begin_s: float | None = None
        self._shift_s: float | None = None
        self._frames: deque[Shown] = deque(maxlen=_MOST_FRAMES)
        self._sound: deque[tuple[int, Floats]] = deque()
        self._more = asyncio.Event()
        self._leads_s: deque[float] = deque(maxlen=_LOOK_BACK)
        self._end_s = 0.0

    @property
    def now_s(self) -> float:
        """The time now."""
        if self._begin_s is None:
            self._begin_s = self._loop.time()
        return self._loop.time() - self._begin_s

    @property
    def left_s(self) -> float:
        """How long what is held will last."""
        return max(0.0, self._end_s - self.now_s)

    def put(self, frames: list[tuple[float, Pixels]], sound_at_s: float, samples: Floats) -> None:
        """Frames with their times, and the sound, (n,) at RATE_HZ, from `sound_at_s` on; times are the talker's."""
        first_s = frames[0][0] if frames else sound_at_s
        self._shift_s = self._shift(first_s, is_quiet=not samples.any())
        while self._frames and self._frames[-1].at_s >= first_s + self._shift_s:
            self._frames.pop()
        self._frames.extend(Shown(time_s + self._shift_s, pixels) for time_s, pixels in frames)
        at = round((sound_at_s + self._shift_s) * RATE_HZ)
        if len(samples):
            self._sound.append((at, samples))
        self._end_s = max(self._end_s, (at + len(samples)) / RATE_HZ)
        self._more.set()

    def _shift(self, first_s: float, is_quiet: bool) -> float:
        """What is added to the talker's times, now that something comes which is due first at `first_s` of them."""
        fresh_s = self.now_s + _LEAD_S - first_s
        if self._shift_s is None:
            return fresh_s
        lead_s = first_s + self._shift_s - self.now_s
        if is_quiet:
            self._leads_s.append(lead_s)
        else:
            self._leads_s.clear()
        if lead_s < 0:
            self._leads_s.clear()
            return fresh_s
        if len(self._leads_s) == _LOOK_BACK and min(self._leads_s) > _LEAD_S + _NEEDLESS_S:
            earlier_s = min(self._leads_s) - _LEAD_S
            self._leads_s.clear()
            return self._shift_s - earlier_s
        return self._shift_s

    def restart(self, time_s: float) -> None:
        """What is held is void; frames from the talker's time `time_s` on are shown from now on."""
        self._frames.clear()
        self._sound.clear()
        self._leads_s.clear()
        self._shift_s = self.now_s + _LEAD_S / 2 - time_s
        self._end_s = self.now_s

    async def next_frame(self) -> Shown:
        """The next frame, when it is due; one that the next has overtaken is left out."""
        while True:
            while not self._frames:
                self._more.clear()
                await self._more.wait()
            first = self._frames[0]
            if (early_s := first.at_s - self.now_s) > 0:
                await asyncio.sleep(early_s)
                continue  # it may be void by now
            self._frames.popleft()
            if not self._frames or self._frames[0].at_s > self.now_s:
                return first

    async def next_sound(self, begin: int, count: int) -> Floats:
        """The samples from `begin` on, (count,), when they are due; silence where there is nothing."""
        if (early_s := begin / RATE_HZ - self.now_s) > 0:
            await asyncio.sleep(early_s)
        samples = np.zeros(count, np.float32)
        while self._sound and self._sound[0][0] + len(self._sound[0][1]) <= begin:
            self._sound.popleft()
        for at, piece in self._sound:
            first, last = max(at, begin), min(at + len(piece), begin + count)
            if first < last:
                samples[first - begin : last - begin] = piece[first - at : last - at]
        return samples
