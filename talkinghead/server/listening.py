"""Speech in a caller's sound: what lies between is left out, so that the face idles and nothing piles up behind."""

from __future__ import annotations

from collections import deque

import numpy as np

from talkinghead.core.types import Floats

_FLOOR = 0.004  # of full scale: below this nothing is speech
_ABOVE = 2.5  # times the noise of the caller's room
_NOISE_GROWS = 1.005  # with every piece: a room that becomes louder is learned within some seconds
# Before and after what was noticed, so that soft beginnings and ends are there.
_BEFORE_S, _AFTER_S = 0.08, 0.8


class Listening:
    """Sound in pieces in, the same pieces out while somebody speaks."""

    def __init__(self) -> None:
        self._noise, self._left_s = _FLOOR, 0.0
        self._before: deque[tuple[Floats, float]] = deque()

    def push(self, samples: Floats, duration_s: float) -> list[Floats]:
        """The pieces that are to be spoken now; one is (n,) and lasts `duration_s`."""
        loud = float(np.sqrt(np.mean(np.square(samples)))) if len(samples) else 0.0
        self._noise = max(_FLOOR, min(loud, self._noise * _NOISE_GROWS))
        if loud > _ABOVE * self._noise:
            self._left_s = _AFTER_S
        self._before.append((samples, duration_s))
        if self._left_s > 0:
            self._left_s -= duration_s
            spoken = [piece for piece, _ in self._before]
            self._before.clear()
            return spoken
        while sum(length_s for _, length_s in self._before) > _BEFORE_S:
            self._before.popleft()
        return []
