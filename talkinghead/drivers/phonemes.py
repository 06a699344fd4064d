"""Speech whose phones are known: lips from the phones, the rest of the face from the sound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

from audio2motion import (
    BEHAVIOUR_INDICES,
    Behaviour,
    BehaviourFrames,
    Phone,
    articulations,
    phones_to_blendshapes,
)
from talkinghead.core.types import Floats, TrackReport
from talkinghead.drivers.driving import Driving
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
        levels_db = phone_levels_db(phones, samples, rate_hz)
        self._lips = phones_to_blendshapes(list(phones), float(self.fps), len(samples) / rate_hz, levels_db)
        self._behaviour = Behaviour(seed)
        self._last: BehaviourFrames | None = None
        self._given = 0

    def push(self, chunk: Floats) -> Motion | None:
        return self._next(self._behaviour.push(chunk), last=False)

    def finish(self) -> Motion | None:
        return self._next(self._behaviour.finish(), last=True)

    def close(self) -> None: ...

    def _next(self, part: BehaviourFrames | None, last: bool) -> Motion | None:
        """The frames that lie between two known rows of behaviour; after the last row its face stays."""
        known = [rows for rows in (self._last, part) if rows is not None]
        if not known:
            return None
        life = BehaviourFrames.joined(known)
        self._last = BehaviourFrames(
            life.times_s[-1:], life.blendshapes[-1:], life.rotation[-1:], life.translation[-1:]
        )
        until = self.frames if last else min(self.frames, int(life.times_s[-1] * self.fps) + 1)
        if until <= self._given:
            return None
        motion = self._motion(self._given, until, life)
        self._given = until
        return motion

    def _motion(self, start: int, end: int, life: BehaviourFrames) -> Motion:
        times_s = np.arange(start, end) / float(self.fps)

        def at(values: Floats) -> Floats:
            return np.column_stack([np.interp(times_s, life.times_s, column) for column in values.T])

        weights = np.zeros((end - start, N_BLENDSHAPES), np.float32)
        weights[:, list(BEHAVIOUR_INDICES)] = at(life.blendshapes)
        weights += self._lips[np.minimum(np.arange(start, end), len(self._lips) - 1)]
        return Motion.from_blendshapes(weights, self.fps, rotation=at(life.rotation), translation=at(life.translation))


def spoken(phones: Sequence[Phone], samples: Floats, rate_hz: int, fps: Fraction, *, seed: int = 0) -> Driving[Floats]:
    """The motion of speech whose phones are known; see `PhonemeDriver`."""

    def start() -> tuple[PhonemeDriver, Iterator[Floats]]:
        import soxr

        heard = soxr.resample(samples, rate_hz, _HEARD_RATE_HZ)
        blocks = (heard[at : at + _HEARD_RATE_HZ] for at in range(0, len(heard), _HEARD_RATE_HZ))
        return PhonemeDriver(phones, samples, rate_hz, fps, seed=seed), blocks

    return Driving(start, fps, frames=max(1, round(len(samples) * Fraction(fps) / rate_hz)))


def phone_levels_db(phones: Sequence[Phone], samples: Floats, rate_hz: int) -> list[float]:
    """Each phone's loudness in dB against the median vowel, within -20..12."""
    if not phones:
        return []
    energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    bounds = [(round(start * rate_hz), round(end * rate_hz)) for _, start, end in phones]
    limit = len(samples)
    rms = np.array([
        np.sqrt((energy[min(high, limit)] - energy[min(low, limit)]) / max(1, high - low)) for low, high in bounds
    ])  # fmt: skip
    vowels = np.array([any(sound.vowel for sound in articulations(ipa)) for ipa, _, _ in phones])
    usual = float(np.median(rms[vowels])) if vowels.any() else float(np.median(rms))
    return [float(level) for level in np.clip(20 * np.log10((rms + 1e-6) / (usual + 1e-6)), -20.0, 12.0)]
