"""Several channels to the one that speaks: their mean, or one of them where the mean would lose the voice."""

from __future__ import annotations

import numpy as np

from talkinghead.core.types import AnyFloats, Doubles, Floats

# The mean of unrelated channels has this energy; with less than this share of it they cancel each other.
_CANCELLED = 0.5
# Where the others together have less energy than this share of the strongest, they are silent.
_SILENT = 0.01
# 5.1 and 7.1: front left and right, centre, bass, and those behind.
_SURROUND, _CENTRE = (6, 8), 2


class ChannelMeter:
    """How channels relate to each other: `push` all of a recording, then `choose`."""

    def __init__(self, channels: int) -> None:
        self._products: Doubles = np.zeros((channels, channels))

    def push(self, block: AnyFloats) -> None:
        """The next samples (n, channels)."""
        samples = np.asarray(block, np.float64)
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is refused later, by its place
            self._products += samples.T @ samples

    def choose(self) -> int | None:
        """The channel to be heard alone, from 0; None where the mean of all is right, as it nearly always is."""
        if not np.isfinite(self._products).all():
            return None
        energies = np.diag(self._products)
        strongest, total = float(energies.max(initial=0.0)), float(energies.sum())
        if len(energies) < 2 or not strongest > 0:
            return None
        cancelled = float(self._products.sum()) < _CANCELLED * total
        # Films and games speak from the centre, and their other channels are music.
        if len(energies) in _SURROUND and energies[_CENTRE] > _SILENT * strongest:
            return _CENTRE
        silent = total - strongest < _SILENT * strongest
        return int(np.argmax(energies)) if cancelled or silent else None


def mix_down(block: Floats, channel: int | None) -> Floats:
    """Samples (n, channels) as mono (n,): the mean, or one `channel`."""
    if channel is None:
        with np.errstate(invalid="ignore", over="ignore"):
            return np.asarray(block.mean(axis=1), np.float32)
    return np.ascontiguousarray(block[:, channel])
