"""How many streams this machine draws and encodes in time: as measured, and the refusal of one more."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from talkinghead.media.fitting import fitted
from talkinghead.server.avatars import KeptAvatar
from talkinghead.server.encoding import EncodingCost
from talkinghead.server.limits import Limits, RefusedError

# Of all cores' time. One process draws for all, in which much waits for one another, and the machine does other things:
# two cores carry two streams of 512x512 and three of 256x256 at their full rate, and not one more of either.
USABLE = 0.6
# What a frame takes beside drawing and encoding, on its way through threads, the event loop and the socket: measured as
# what a server with 1 to 3 clients takes of its processors, less the rest.
SERVING_S = 0.003
USUAL_FPS = 25.0


@dataclass(frozen=True)
class Wanted:
    """What a stream is to be: how it is encoded, its longer side at most (None: the avatar's), and its frame rate."""

    kind: str = "jpeg"
    longest_px: int | None = None
    fps: float = USUAL_FPS


class Place:
    """A stream's place among the others; `cost` is what it takes of one core."""

    def __init__(self, capacity: Capacity, kept: KeptAvatar, cost: float) -> None:
        self._capacity, self._kept, self.cost = capacity, kept, cost

    def become(self, wanted: Wanted) -> None:
        """Take what the stream turns out to want.

        Raises:
            RefusedError: this machine would not draw that in time beside the others.
        """
        self._capacity.change(self, self._kept, wanted)


class Capacity:
    """The streams that run, and what drawing and encoding them takes of this machine's cores."""

    def __init__(self, limits: Limits) -> None:
        self._limits, self._lock = limits, threading.Lock()
        cores = float(len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1)
        self.usable_cores = cores * USABLE
        self._encoding: Mapping[str, EncodingCost] = {}
        self.sessions, self._used = 0, 0.0

    @property
    def is_told(self) -> bool:
        """Whether somebody has said how many streams may run, so that nothing need be measured."""
        return self._limits.sessions > 0

    @property
    def used(self) -> float:
        """The share of what may be used that is taken, 0..1."""
        return self.sessions / self._limits.sessions if self.is_told else self._used / self.usable_cores

    def learn(self, encoding: Mapping[str, EncodingCost]) -> None:
        """What encoding takes, by kind; one that is not there costs nothing."""
        self._encoding = encoding

    def cost(self, frame_s: float, drawn_px: tuple[int, int], wanted: Wanted) -> float:
        """What a stream takes of one core, whose frames take `frame_s` to be drawn at (width, height)."""
        size_px = fitted(drawn_px, wanted.longest_px or max(drawn_px))
        encoding_s = self._encoding.get(wanted.kind, EncodingCost()).frame_s(size_px)
        return (frame_s + encoding_s + SERVING_S) * wanted.fps

    @contextmanager
    def session(self, kept: KeptAvatar, wanted: Wanted | None = None) -> Iterator[Place]:
        """A stream of `kept`, for as long as the context lasts.

        Raises:
            RefusedError: this machine would not draw it in time beside the others, or it is one more than may be.
        """
        place = Place(self, kept, self.cost(kept.frame_s, kept.size_px, wanted or Wanted()))
        with self._lock:
            refusal = self._refusal(self.sessions, self._used + place.cost)
            if refusal is not None:
                raise RefusedError(429, refusal, 5)
            self.sessions += 1
            self._used += place.cost
            kept.users += 1
        try:
            yield place
        finally:
            with self._lock:
                self.sessions -= 1
                self._used = self._used - place.cost if self.sessions else 0.0
                kept.users -= 1

    def change(self, place: Place, kept: KeptAvatar, wanted: Wanted) -> None:
        """Let a stream that runs be another.

        Raises:
            RefusedError: this machine would not draw that in time beside the others.
        """
        cost = self.cost(kept.frame_s, kept.size_px, wanted)
        with self._lock:
            used = self._used - place.cost + cost
            if cost > place.cost and not self.is_told and (refusal := self._refusal(self.sessions - 1, used)):
                raise RefusedError(429, refusal, 5)
            self._used, place.cost = used, cost

    def refusal(self, kept: KeptAvatar, wanted: Wanted | None = None) -> str | None:
        """Why one more stream of `kept` would be refused just now; None where it would not."""
        with self._lock:
            return self._refusal(
                self.sessions, self._used + self.cost(kept.frame_s, kept.size_px, wanted or Wanted())
            )  # fmt: skip

    def _refusal(self, others: int, used: float) -> str | None:
        most = self._limits.sessions
        if most and others >= most:
            return f"{others} streams run, and no more may"
        # One stream alone is served however slow the machine: it is told nothing else by a refusal.
        if not most and others and used > self.usable_cores:
            return f"{others} streams run: one more would not be drawn in time"
        return None
