"""Displacements of mesh points to blendshape weights: bounded, regularised least squares."""

from __future__ import annotations

import numpy as np

from talkinghead.core.types import Doubles
from talkinghead.motion.blendshapes import N_BLENDSHAPES


class Solver:
    """Minimises |W (B w - d)|^2 + |r w|^2 + s.w over 0 <= w <= limit, by accelerated projected gradient
    (Beck and Teboulle, 2009).

    `basis` (52, M): what each blendshape at weight 1 does to the M measured coordinates; `importance` (M,) the
    diagonal of W; `ridge` and `sparsity` (52,) r and s; `limit` (52,), 0 where a shape does not take part.
    """

    def __init__(
        self,
        basis: Doubles,
        importance: Doubles,
        ridge: Doubles,
        sparsity: Doubles,
        limit: Doubles,
        iterations: int = 120,
    ) -> None:
        scaled = basis * importance
        penalty: Doubles = np.diag(ridge**2)
        self._gram: Doubles = scaled @ scaled.T + penalty
        self._projector: Doubles = scaled * importance
        self._step = 1.0 / float(np.linalg.eigvalsh(self._gram)[-1])
        self._sparsity, self._limit, self._iterations = sparsity, limit, iterations

    def solve(self, displacements: Doubles, start: Doubles | None = None) -> Doubles:
        """Weights (T, 52) of `displacements` (T, M), from `start` (T, 52) where a guess is known."""
        projector, gram, step = self._projector, self._gram, self._step
        target = displacements @ projector.T - self._sparsity / 2
        weights = np.zeros((len(displacements), N_BLENDSHAPES)) if start is None else start
        ahead, momentum = weights, 1.0
        for _ in range(self._iterations):
            stepped = np.clip(ahead - step * (ahead @ gram - target), 0.0, self._limit)
            following = (1 + np.sqrt(1 + 4 * momentum * momentum)) / 2
            ahead = stepped + (momentum - 1) / following * (stepped - weights)
            weights, momentum = stepped, following
        return weights
