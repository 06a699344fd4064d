"""What a session makes of sound, and of the phones that are told with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from talkinghead.core.types import Floats
from talkinghead.drivers.speech import SoundDriver
from talkinghead.media.resample import Resampler
from talkinghead.motion.motion import Motion

if TYPE_CHECKING:
    from audio2motion import Phone
    from talkinghead.drivers.phone_track import PhoneTrack
    from talkinghead.drivers.told_lips import ToldLips


@dataclass(frozen=True)
class Hearing:
    """`rate_hz` is that of what is pushed, and `start` gives the driver of the n-th stretch of speech, counted from 0;
    a new one begins after every interruption. `heeds_phones`: lips follow phones where they are told."""

    rate_hz: int
    start: Callable[[int], SoundDriver]
    heeds_phones: bool = False


class Ear:
    """One stretch of speech: sound at any rate, with phones or without, to motion."""

    def __init__(self, hearing: Hearing, stretch: int) -> None:
        self.rate_hz, self._samples = hearing.rate_hz, 0
        self._driver = hearing.start(stretch)
        self._resampler = Resampler(hearing.rate_hz, self._driver.rate_hz)
        self._lips = _told_lips(self._driver.fps) if hearing.heeds_phones else None

    @property
    def heard_s(self) -> Fraction:
        """Seconds of sound so far."""
        return Fraction(self._samples, self.rate_hz)

    def push(self, samples: Floats, phones: Sequence[Phone] | PhoneTrack | None = None) -> Motion | None:
        """More sound, (n,) mono, and the phones of the speech that begins with it; the motion that it completes.

        Raises:
            InputError: a phone's label or times cannot be.
        """
        if phones is not None:
            track = _track(phones, samples, self.rate_hz)
            if self._lips is not None:
                self._lips.tell(track, self.heard_s)
        self._samples += len(samples)
        return self._told(self._driver.push(self._resampler.push(samples)))

    def finish(self) -> Iterator[Motion]:
        """What is left, at the end of the sound."""
        for motion in (self._driver.push(self._resampler.finish()), self._driver.finish()):
            told = self._told(motion)
            if told is not None:
                yield told

    def close(self) -> None:
        """Free what it holds."""
        self._driver.close()

    def _told(self, motion: Motion | None) -> Motion | None:
        return motion if motion is None or self._lips is None else self._lips.over(motion)


def _told_lips(fps: Fraction) -> ToldLips:
    from talkinghead.drivers.told_lips import ToldLips

    return ToldLips(fps)


def _track(phones: Sequence[Phone] | PhoneTrack, samples: Floats, rate_hz: int) -> PhoneTrack:
    from talkinghead.drivers.phone_track import PhoneTrack

    return phones if isinstance(phones, PhoneTrack) else PhoneTrack.of(phones, samples, rate_hz)
