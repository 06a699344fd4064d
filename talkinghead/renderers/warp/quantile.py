"""Quantiles and medians of a picture's values, without what `np.quantile` and `np.median` import first."""

from __future__ import annotations

import numpy as np

from talkinghead.core.types import Floats


def quantile(values: Floats, share: float) -> Floats:
    """What a `share` (0 to 1) of the rows of `values` (n, ...), n >= 1, lies below, interpolated linearly; (...).

    As `np.quantile`, which first imports a part of NumPy that nothing else here needs.
    """
    place = share * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    ordered = np.partition(values, (low, high), axis=0)
    between: Floats = np.asarray(ordered[low] + (ordered[high] - ordered[low]) * (place - low))
    return between


def median(values: Floats) -> Floats:
    """The middle of the rows of `values` (n, ...), n >= 1, or the mean of the two: `np.median`'s, to the bit."""
    low, high = (len(values) - 1) // 2, len(values) // 2
    ordered = np.partition(values, (low, high), axis=0)
    middle: Floats = np.asarray((ordered[low] + ordered[high]) / 2)
    return middle
