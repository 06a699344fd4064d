"""The expression in a single picture, where nothing else is known of the person.

What sets the face apart from an average one is partly who it is and partly what it does. Who it is varies smoothly over
the face and alike on both sides: a Gaussian process with a mirrored kernel. What it does is sparse in blendshapes. The
weights are the most probable ones under both (generalised least squares with bounds). Lips parted, lids shut, a gaze
aside and anything one-sided are hardly ever who somebody is; a slight smile may well be, and is taken for it in part.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from talkinghead.core.types import AnyFloats, Doubles
from talkinghead.drivers.tracking.alignment import align
from talkinghead.drivers.tracking.expression import EYES, POINTS, ExpressionFit, lid_ratio, limits, load_basis
from talkinghead.drivers.tracking.solver import Solver
from talkinghead.motion.blendshapes import N_BLENDSHAPES

# Spread of faces (pupil distances) and over which distance it is shared; the part of it that sides do not share; noise.
_SPREAD, _REACH, _ONE_SIDED, _NOISE = 0.05, 0.45, 0.15, 0.012
# How strong expressions are before one has looked.
_STRENGTH = 0.8
_SPARSITY = 8.0
# Lids between these shares of the average opening are nobody's expression.
_LIDS = (0.72, 1.3)


def guess_weights(landmarks: AnyFloats, canonical: AnyFloats) -> Doubles:
    """ARKit weights (52,) of one face (478, 3), in any unit; `canonical` (478, 3): an average face, eyes 1 apart."""
    average = np.asarray(canonical, np.float64)
    upright = align(np.asarray(landmarks)[None], average).undo(np.asarray(landmarks, np.float64)[None])
    whiten = _whitening(average.tobytes(), average.shape)
    moved = (upright[0] - average)[list(POINTS), :2].reshape(-1)
    basis = load_basis()[:, POINTS].reshape(N_BLENDSHAPES, -1)
    ridge = np.full(N_BLENDSHAPES, 1 / _STRENGTH)
    solver = Solver(
        basis @ whiten.T, np.ones(len(whiten)), ridge, np.full(N_BLENDSHAPES, _SPARSITY), limits(), iterations=400
    )
    weights = solver.solve((whiten @ moved)[None])[0]
    fit = ExpressionFit.of(average)
    typical = fit.open_lids
    seen = np.array([lid_ratio(upright, eye)[0] for eye in EYES])
    fit = ExpressionFit(fit.neutral, np.clip(seen, _LIDS[0] * typical, _LIDS[1] * typical), fit.iris)
    found: Doubles = fit.with_eyes(upright, weights[None])[0]
    return found


@lru_cache(maxsize=2)
def _whitening(mesh: bytes, shape: tuple[int, int]) -> Doubles:
    """(M, M): turns displacements of `POINTS`, x and y in turn, into uncorrelated numbers of variance one."""
    average = np.frombuffer(mesh, np.float64).reshape(shape)[list(POINTS), :2]
    mirrored = average * (-1.0, 1.0)
    near, across = _kernel(average, average), _kernel(average, mirrored)
    shared = 1 - _ONE_SIDED
    n = len(average)
    covariance = np.zeros((2 * n, 2 * n))
    for axis, sign in ((0, -1.0), (1, 1.0)):
        covariance[axis::2, axis::2] = _SPREAD**2 * (_ONE_SIDED * near + shared * (near + sign * across) / 2)
    covariance += _NOISE**2 * np.eye(2 * n)
    return np.asarray(np.linalg.inv(np.linalg.cholesky(covariance)))


def _kernel(a: Doubles, b: Doubles) -> Doubles:
    squared = ((a[:, None] - b[None]) ** 2).sum(2)
    return np.asarray(np.exp(-squared / (2 * _REACH**2)))
