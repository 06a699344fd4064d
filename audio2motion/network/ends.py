"""What a recording's ends are taken for: what was before and comes after is not known, but silence it is not."""

from __future__ import annotations

import numpy as np

from audio2motion.config import SAMPLES_PER_FRAME
from audio2motion.network.protocol import Floats

WARM_UP = 24 * SAMPLES_PER_FRAME  # samples that are heard before the first, where there is time
ENDING = 15 * SAMPLES_PER_FRAME  # the last samples, which mirrored are taken for the sound after the end


def mirrored(sound: Floats, count: int) -> Floats:
    """`count` samples to follow `sound` (N,): it backwards, forwards, backwards, ...; silence after none."""
    if not len(sound):
        return np.zeros(count, np.float32)
    return np.resize(np.concatenate([sound[::-1], sound]), count)
