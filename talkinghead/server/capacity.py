"""How many streams this machine draws in time: as measured, and the refusal of one more."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from talkinghead.server.avatars import KeptAvatar
from talkinghead.server.limits import Limits, RefusedError

# Of all cores' time: the rest encodes, serves, and rides out what is uneven.
_USABLE = 0.75
_USUAL_FPS = 25.0


class Capacity:
    """The streams that run, and what their drawing takes of this machine's cores."""

    def __init__(self, limits: Limits) -> None:
        self._limits, self._lock = limits, threading.Lock()
        self._cores = float(len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1)
        self.sessions, self._used = 0, 0.0

    @property
    def used(self) -> float:
        """The share of what may be used that is taken, 0..1."""
        return self._used / (self._cores * _USABLE)

    @contextmanager
    def session(self, kept: KeptAvatar, fps: float = _USUAL_FPS) -> Iterator[None]:
        """A stream of `kept` at `fps`, for as long as the context lasts.

        Raises:
            RefusedError: this machine would not draw it in time beside the others, or it is one more than may be.
        """
        cost = kept.frame_s * fps
        with self._lock:
            refusal = self._refusal(cost)
            if refusal is not None:
                raise RefusedError(429, refusal, 5)
            self.sessions += 1
            self._used += cost
            kept.users += 1
        try:
            yield
        finally:
            with self._lock:
                self.sessions -= 1
                self._used -= cost
                kept.users -= 1

    def refusal(self, kept: KeptAvatar, fps: float = _USUAL_FPS) -> str | None:
        """Why one more stream of `kept` would be refused just now; None where it would not."""
        with self._lock:
            return self._refusal(kept.frame_s * fps)

    def _refusal(self, cost: float) -> str | None:
        most = self._limits.sessions
        if most and self.sessions >= most:
            return f"{self.sessions} streams run, and no more may"
        # One stream alone is served however slow the machine: it is told nothing else by a refusal.
        if not most and self.sessions and self._used + cost > self._cores * _USABLE:
            return f"{self.sessions} streams run: one more would not be drawn in time"
        return None
