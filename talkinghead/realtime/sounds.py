"""What is to be said: sound in the order in which it came."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from talkinghead.core.errors import InputError
from talkinghead.core.types import Floats

if TYPE_CHECKING:
    from talkinghead.drivers.phone_track import PhoneTrack


@dataclass(frozen=True)
class Sound:
    """Samples (n,); `is_own` where they were made here of a text, `is_silence` where nothing was to be said.

    `phones`: of the speech that begins with them, where they are told.
    """

    samples: Floats
    is_own: bool = False
    is_silence: bool = False
    phones: PhoneTrack | None = None

    def cut(self, count: int) -> tuple[Sound, Sound]:
        """The first `count` samples, with the phones, and the rest."""
        return replace(self, samples=self.samples[:count]), replace(self, samples=self.samples[count:], phones=None)


class SoundQueue:
    """Sound in the order in which it came, at most `longest_s` seconds. Safe to use from several threads."""

    def __init__(self, rate_hz: int, longest_s: int) -> None:
        self._rate_hz, self._most = rate_hz, longest_s * rate_hz
        self._waiting: deque[Sound] = deque()
        self._samples = 0
        self._closed = False
        self._changed = threading.Condition()

    @property
    def has_sound(self) -> bool:
        """Whether there is sound to be taken."""
        return bool(self._waiting)

    @property
    def waiting_s(self) -> float:
        """How much sound waits."""
        return self._samples / self._rate_hz

    def hear(self, samples: Floats, is_own: bool = False) -> None:
        """More sound, (n,).

        Raises:
            InputError: more waits than may.
        """
        with self._changed:
            if self._samples + len(samples) > self._most:
                raise InputError(f"more than {self._most // self._rate_hz} s of sound wait: send it as it is spoken")
            self._add(Sound(samples, is_own))

    def take(self, count: int) -> list[Sound]:
        """At most `count` samples, oldest first; none where none is there."""
        taken: list[Sound] = []
        with self._changed:
            while count > 0 and self._waiting:
                first = self._waiting.popleft()
                if len(first.samples) > count:
                    first, rest = first.cut(count)
                    self._waiting.appendleft(rest)
                taken.append(first)
                count -= len(first.samples)
                self._samples -= len(first.samples)
            self._changed.notify_all()
        return taken

    def wait(self, seconds: float) -> None:
        """Until something comes, or so long."""
        with self._changed:
            if not self._waiting and not self._closed:
                self._changed.wait(seconds)

    def wake(self) -> None:
        """End whoever waits."""
        with self._changed:
            self._changed.notify_all()

    def clear(self) -> None:
        """Forget what waits."""
        with self._changed:
            self._waiting.clear()
            self._samples = 0
            self._changed.notify_all()

    def close(self) -> None:
        """The end: what waits is forgotten, and nobody waits any more."""
        with self._changed:
            self._closed = True
        self.clear()

    def _add(self, sound: Sound) -> None:
        self._waiting.append(sound)
        self._samples += len(sound.samples)
        self._changed.notify_all()
