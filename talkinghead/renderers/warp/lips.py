"""The lips' edges, as a frame has them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from talkinghead.core.types import Floats


@dataclass(frozen=True)
class Lips:
    """The lips' edges on the canvas's columns (n,), the jaw's drop and where the corners are, all in D.

    `tunnel`, 0..1, is how far the lips are pushed out before the teeth.
    """

    upper: Floats
    lower: Floats
    jaw: float
    tunnel: float
    left: float
    right: float

    @property
    def middle(self) -> Floats:
        """(n,) the line between the lips."""
        return np.asarray((self.upper + self.lower) / 2, np.float32)

    @property
    def gap(self) -> Floats:
        """(n,) how far they are apart; negative where they overlap."""
        return self.lower - self.upper

    def on(self, columns: slice) -> Lips:
        """The same on some of the columns."""
        return replace(self, upper=self.upper[columns], lower=self.lower[columns])
