"""Displacements of mesh points to blendshape weights: bounded, regularised least squares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from talkinghead.motion.blendshapes import N_BLENDSHAPES

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Solver:
    """Minimises |W (B w - d)|^2 + |r w|^2 + s.w over 0 <= w <= limit, by accelerated projected gradient
    (Beck and Teboulle, 2009).

    `basis` (52, M): what each blendshape at weight 1 does to the M measured coordinates; `importance` (M,) the
    diagonal of W; `ridge` and `sparsity` (52,) r and s; `limit` (52,), 0 where a shape does not take part.
    """

    basis: Array
    importance: Array
    ridge: Array
    sparsity: Array
    limit: Array
    iterations: int = 120

    def __post_init__(self) -> None:
        scaled = self.basis * self.importance
        gram = scaled @ scaled.T + np.diag(self.ridge**2)
        object.__setattr__(self, "_projector", scaled * self.importance)
        object.__setattr__(self, "_gram", gram)
        object.__setattr__(self, "_step", 1.0 / float(np.linalg.eigvalsh(gram)[-1]))

    def solve(self, displacements: Array, start: Array | None = None) -> Array:
        """Weights (T, 52) of `displacements` (T, M), from `start` (T, 52) where a guess is known."""
        projector, gram, step = self._projector, self._gram, self._step  # type: ignore[attr-defined]
        target = displacements @ projector.T - self.sparsity / 2
        weights = np.zeros((len(displacements), N_BLENDSHAPES)) if start is None else start
        ahead, momentum = weights, 1.0
        for _ in range(self.iterations):
            stepped = np.clip(ahead - step * (ahead @ gram - target), 0.0, self.limit)
            following = (1 + np.sqrt(1 + 4 * momentum * momentum)) / 2
            ahead = stepped + (momentum - 1) / following * (stepped - weights)
            weights, momentum = stepped, following
        return weights
