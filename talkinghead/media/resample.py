"""Samples as they come, at another rate."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from talkinghead.core.errors import AudioError
from talkinghead.core.types import Floats

_INTEGERS = {np.dtype(np.int16): 2.0**15, np.dtype(np.int32): 2.0**31}


def as_floats(samples: npt.ArrayLike, name: str = "the sound") -> Floats:
    """Samples as float32: int16 and int32 are scaled to -1..1, floating point is taken as it is.

    Raises:
        AudioError: they are of another type, or not all finite.
    """
    given = np.asarray(samples)
    if given.dtype in _INTEGERS:
        return (given / _INTEGERS[given.dtype]).astype(np.float32)
    if given.dtype.kind != "f":
        raise AudioError(f"{name} holds {given.dtype} samples: give float32 in -1..1, or int16")
    floats = np.asarray(given, np.float32)
    if not np.isfinite(floats).all():
        raise AudioError(f"{name} holds samples that are not finite numbers: check where it comes from")
    return floats


def as_mono(samples: npt.ArrayLike) -> Floats:
    """Samples of one channel, (n,), as float32; see `as_floats`.

    Raises:
        AudioError: they have another shape, are of another type, or not all finite.
    """
    floats = as_floats(samples)
    if floats.ndim != 1:
        raise AudioError(f"sound has the shape {floats.shape}: push one channel, (n,)")
    return floats


class Resampler:
    """A stream of mono float32 from one rate to another, in constant memory; the result does not depend on the cuts."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        if from_hz < 1 or to_hz < 1:
            raise AudioError(f"a sampling rate must be positive, not {min(from_hz, to_hz)} Hz")
        self._stream = None
        if from_hz != to_hz:
            import soxr

            self._stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality="HQ")

    def push(self, samples: Floats) -> Floats:
        """Samples (n,) in; those at the other rate that are settled out."""
        if self._stream is None:
            return samples
        return np.asarray(self._stream.resample_chunk(np.ascontiguousarray(samples)), np.float32)

    def finish(self) -> Floats:
        """What is left."""
        if self._stream is None:
            return np.zeros(0, np.float32)
        return np.asarray(self._stream.resample_chunk(np.zeros(0, np.float32), last=True), np.float32)
