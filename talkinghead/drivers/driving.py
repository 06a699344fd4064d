"""What moves a clip: a driver, and what it is to be pushed from beginning to end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Generic, TypeVar

from talkinghead.core.types import TrackReport
from talkinghead.media.sound import Sound
from talkinghead.motion.motion import Motion
from talkinghead.motion.protocols import Driver

T = TypeVar("T")

_KNOWN_CHUNK = 32


class Driving(Generic[T]):
    """A file as a driver's input: iterate for the motion that its driver makes of it, anew each time.

    - `start` gives a new driver and the chunks that are to be pushed into it;
    - `fps`: the motion's frame rate; `frames`: how many there will be, None where only the end will tell;
    - `single`: there is one frame, of one picture; `sound`: what belongs to it, if anything does.

    `report` tells how following a face has gone so far, None where none is followed. `file` is what was opened, if
    anything was.
    """

    def __init__(
        self,
        start: Callable[[], tuple[Driver[T], Iterable[T]]],
        fps: Fraction,
        *,
        frames: int | None = None,
        single: bool = False,
        sound: Sound | None = None,
    ) -> None:
        self._start = start
        self.fps, self.frames, self.single, self.sound = Fraction(fps), frames, single, sound
        self.report: TrackReport | None = None
        self.file: Path | None = None

    def __iter__(self) -> Iterator[Motion]:
        driver, chunks = self._start()
        try:
            for chunk in chunks:
                motion = driver.push(chunk)
                self.report = driver.report
                if motion is not None:
                    yield motion
            motion = driver.finish()
            self.report = driver.report
            if motion is not None:
                yield motion
        finally:
            driver.close()


class MotionDriver:
    """Motion that is known already: what is pushed comes back."""

    report: TrackReport | None = None

    def __init__(self, fps: Fraction, single: bool = False) -> None:
        self.fps, self.single = Fraction(fps), single

    def push(self, chunk: Motion) -> Motion | None:
        return chunk

    def finish(self) -> Motion | None:
        return None

    def close(self) -> None: ...


def known(motion: Motion, *, single: bool | None = None, sound: Sound | None = None) -> Driving[Motion]:
    """Motion that is known already, a few frames at a time; `single` by default where it has one frame."""
    alone = len(motion) == 1 if single is None else single

    def start() -> tuple[MotionDriver, Iterator[Motion]]:
        chunks = (motion[at : at + _KNOWN_CHUNK] for at in range(0, len(motion), _KNOWN_CHUNK))
        return MotionDriver(motion.fps, alone), chunks

    return Driving(start, motion.fps, frames=len(motion), single=alone, sound=sound)
