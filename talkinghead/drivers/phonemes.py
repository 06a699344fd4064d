"""Speech whose phones are known: lips from the phones, the rest of the face from the sound."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

import numpy as np

from audio2motion import BEHAVIOUR_INDICES, Behaviour, BehaviourFrames, Phone
from talkinghead.core.types import Floats, TrackReport
from talkinghead.drivers.driving import Driving
from talkinghead.drivers.phone_track import PhoneTrack
from talkinghead.media.resample import Resampler
from talkinghead.motion.blendshapes import N_BLENDSHAPES
from talkinghead.motion.motion import Motion

_HEARD_RATE_HZ = 16_000


class PhonemeDriver:
    """Lips follow articulatory targets with coarticulation, louder vowels opening wider; blinks, gaze, brows and head
    motion are those of the speech model, drawn from `seed`.

    - `phones`: (IPA label, start, end) in seconds, silences left out; they are all known from the beginning;
    - `samples` (n,) mono float32 at `rate_hz`: how loud each phone is; `fps`: of the motion.

    It is pushed the same sound at 16 kHz, and gives round(n * fps / rate_hz) frames in all, at least one.
    """

    single = False
    report: TrackReport | None = None

    def __init__(self, phones: Sequence[Phone], samples: Floats, rate_hz: int, fps: Fraction, *, seed: int = 0) -> None:
        self.fps, self.rate_hz = Fraction(fps), _HEARD_RATE_HZ
        self.frames = max(1, round(len(samples) * self.fps / rate_hz))
        self._face = _Face(self.fps, seed)
        self._face.add(PhoneTrack.of(phones, samples, rate_hz).lips(self.fps, self.frames))

    def push(self, chunk: Floats) -> Motion | None:
        return self._face.push(chunk)

    def finish(self) -> Motion | None:
        return self._face.finish()

    def close(self) -> None: ...


class PieceDriver:
    """The same for speech whose phones come with it, piece by piece: each piece is (samples, phones), its samples (n,)
    mono float32 at `rate_hz`, its phones' times counted from its own beginning.

    Lips are made of each piece alone.
    """

    single = False
    report: TrackReport | None = None

    def __init__(self, rate_hz: int, fps: Fraction, *, seed: int = 0) -> None:
        self.fps, self._rate_hz = Fraction(fps), rate_hz
        self._face = _Face(self.fps, seed)
        self._resampler = Resampler(rate_hz, _HEARD_RATE_HZ)
        self._samples = 0

    def push(self, chunk: tuple[Floats, Sequence[Phone]]) -> Motion | None:
        samples, phones = chunk
        # The piece begins up to half a frame before or after the frame from which on its lips are wanted.
        late_s = float(Fraction(self._samples, self._rate_hz) - self._face.frames / self.fps)
        self._samples += len(samples)
        frames = round(self._samples * self.fps / self._rate_hz) - self._face.frames
        if frames > 0:
            self._face.add(PhoneTrack.of(phones, samples, self._rate_hz).lips(self.fps, frames, late_s))
        return self._face.push(self._resampler.push(samples))

    def finish(self) -> Motion | None:
        parts = [self._face.push(self._resampler.finish()), self._face.finish()]
        motions = [motion for motion in parts if motion is not None]
        return Motion.concatenate(motions) if motions else None

    def close(self) -> None: ...


class _Face:
    """Lips that are known, on a face that lives with the sound; `frames` of lips have been added."""

    def __init__(self, fps: Fraction, seed: int) -> None:
        self._fps, self._behaviour = fps, Behaviour(seed)
        self._last: BehaviourFrames | None = None
        self._lips = np.zeros((0, N_BLENDSHAPES), np.float32)
        self.frames = self._given = 0

    def add(self, lips: Floats) -> None:
        """More lips (T, 52); those that were given back already are forgotten."""
        waiting = self.frames - self._given
        self._lips = np.concatenate([self._lips[len(self._lips) - waiting :], lips])
        self.frames += len(lips)

    def push(self, chunk: Floats) -> Motion | None:
        return self._next(self._behaviour.push(chunk), last=False)

    def finish(self) -> Motion | None:
        return self._next(self._behaviour.finish(), last=True)

    def _next(self, part: BehaviourFrames | None, last: bool) -> Motion | None:
        """The frames that lie between two known rows of behaviour; after the last row its face stays."""
        known = [rows for rows in (self._last, part) if rows is not None]
        if not known:
            return None
        life = BehaviourFrames.joined(known)
        self._last = BehaviourFrames(
            life.times_s[-1:], life.blendshapes[-1:], life.rotation[-1:], life.translation[-1:]
        )
        until = self.frames if last else min(self.frames, int(life.times_s[-1] * self._fps) + 1)
        if until <= self._given:
            return None
        motion = self._motion(self._given, until, life)
        self._given = until
        return motion

    def _motion(self, start: int, end: int, life: BehaviourFrames) -> Motion:
        times_s = np.arange(start, end) / float(self._fps)

        def at(values: Floats) -> Floats:
            return np.column_stack([np.interp(times_s, life.times_s, column) for column in values.T])

        weights = np.zeros((end - start, N_BLENDSHAPES), np.float32)
        weights[:, list(BEHAVIOUR_INDICES)] = at(life.blendshapes)
        begin = self.frames - len(self._lips)
        weights += self._lips[start - begin : end - begin]
        return Motion.from_blendshapes(weights, self._fps, rotation=at(life.rotation), translation=at(life.translation))


def spoken(phones: Sequence[Phone], samples: Floats, rate_hz: int, fps: Fraction, *, seed: int = 0) -> Driving[Floats]:
    """The motion of speech whose phones are known; see `PhonemeDriver`."""

    def start() -> tuple[PhonemeDriver, Iterator[Floats]]:
        import soxr

        heard = soxr.resample(samples, rate_hz, _HEARD_RATE_HZ)
        blocks = (heard[at : at + _HEARD_RATE_HZ] for at in range(0, len(heard), _HEARD_RATE_HZ))
        return PhonemeDriver(phones, samples, rate_hz, fps, seed=seed), blocks

    return Driving(start, fps, frames=max(1, round(len(samples) * Fraction(fps) / rate_hz)))


def told(
    pieces: Callable[[], Iterator[tuple[Floats, Sequence[Phone]]]],
    rate_hz: int,
    fps: Fraction,
    *,
    duration_s: float | None = None,
    seed: int = 0,
) -> Driving[tuple[Floats, Sequence[Phone]]]:
    """The motion of speech, `pieces` giving its sound of `rate_hz` from the beginning; see `PieceDriver`.

    `duration_s`: None where it is still being made.
    """
    frames = None if duration_s is None else max(1, round(duration_s * Fraction(fps)))
    return Driving(lambda: (PieceDriver(rate_hz, fps, seed=seed), pieces()), fps, frames=frames)
