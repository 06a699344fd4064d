"""The phones of a piece of speech, and the lips that they make."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite

import numpy as np
import numpy.typing as npt

from audio2motion import Phone, articulations, phones_to_blendshapes
from talkinghead.core.errors import InputError
from talkinghead.core.types import Floats
from talkinghead.media.resample import as_mono

# What engines' last phones may lie beyond the end of their sound, which they round.
_BEYOND_S = Fraction(1, 20)


@dataclass(frozen=True, slots=True, eq=False)
class PhoneTrack:
    """The phones of a piece of speech that lasts `duration_s`.

    `phones`: (IPA label, start, end) in seconds from its beginning, silences left out; `levels_db`: how loud each is
    against the usual vowel, louder vowels open wider. Build one with `of`.
    """

    phones: tuple[Phone, ...]
    levels_db: tuple[float, ...]
    duration_s: Fraction

    @classmethod
    def of(cls, phones: Iterable[Phone], samples: npt.ArrayLike, rate_hz: int) -> PhoneTrack:
        """The track of `samples` (n,), mono, float in -1..1 or int16, at `rate_hz`.

        Phones may overlap: both move the lips. One that runs beyond the piece ends with it. Labels that are not known
        are a weak neutral sound.

        Raises:
            InputError: a phone is no (label, start, end), its times go back, or it begins when the piece is over.
            AudioError: the samples are of another kind, or not finite.
        """
        heard = as_mono(samples)
        duration_s = Fraction(len(heard), rate_hz)
        known = tuple(_checked(at, phone, duration_s) for at, phone in enumerate(phones))
        return cls(known, tuple(phone_levels_db(known, heard, rate_hz)), duration_s)

    @property
    def spoken_s(self) -> float:
        """When the last phone ends, from the beginning of the piece."""
        return max((end for _, _, end in self.phones), default=0.0)

    def lips(self, fps: Fraction, frames: int, late_s: float = 0.0) -> Floats:
        """ARKit weights (frames, 52) of a piece that begins `late_s` after the first frame; the last one stays where
        there are too few."""
        moved = [(ipa, max(0.0, start + late_s), max(0.0, end + late_s)) for ipa, start, end in self.phones]
        lips = phones_to_blendshapes(moved, float(fps), float(self.duration_s) + late_s, self.levels_db)
        return np.asarray(lips[np.minimum(np.arange(frames), len(lips) - 1)], np.float32)


def _checked(at: int, phone: Phone, duration_s: Fraction) -> Phone:
    try:
        label, start, end = phone
        start_s, end_s = float(start), float(end)
    except (TypeError, ValueError):
        raise InputError(f"phone {at} is {phone!r}: give (IPA label, start, end), in seconds") from None
    if not isinstance(label, str):
        raise InputError(f"phone {at} is called {label!r}: give its IPA label, a text")
    if not (isfinite(start_s) and isfinite(end_s) and 0 <= start_s <= end_s):
        raise InputError(f"phone {at} ({label!r}) runs from {start_s:g} s to {end_s:g} s: times must not go back")
    if start_s > duration_s + _BEYOND_S:
        raise InputError(
            f"phone {at} ({label!r}) begins at {start_s:g} s, its sound ends at {float(duration_s):g} s: give seconds"
            " from the beginning of the piece"
        )
    return label, start_s, end_s


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
