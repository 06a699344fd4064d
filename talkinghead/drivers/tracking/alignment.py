"""Head pose from a face mesh: the similarity that takes a reference mesh to the frame's.

Weighted least squares in closed form (Umeyama, PAMI 1991) over points that expressions hardly move. What the
similarity does not explain is the expression.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from talkinghead.core.types import AnyFloats, Doubles

# Points on bone: forehead, temples, cheekbones, bridge of the nose.
_STABLE = {
    1.0: (10, 109, 338, 67, 297, 103, 332, 54, 284, 21, 251, 162, 389, 127, 356, 234, 454, 34, 264),
    1.5: (168, 6, 197, 195, 193, 417, 122, 351, 196, 419, 188, 412),
    0.7: (116, 345, 93, 323),
    0.5: (5, 4),
}
STABLE_POINTS = np.array([point for points in _STABLE.values() for point in points])
_WEIGHTS = np.array([weight for weight, points in _STABLE.items() for _ in points])


class Poses(NamedTuple):
    """Similarities frame = scale * rotation @ reference + offset.

    `rotation` (T, 3, 3), `scale` (T,), `offset` (T, 3).
    """

    rotation: Doubles
    scale: Doubles
    offset: Doubles

    def undo(self, points: AnyFloats) -> Doubles:
        """Points (T, N, 3) of the frames in the reference's own frame."""
        upright: Doubles = ((points - self.offset[:, None]) / self.scale[:, None, None]) @ self.rotation
        return upright

    def apply(self, points: Doubles) -> Doubles:
        """Points (N, 3) or (T, N, 3) of the reference's frame as the frames see them."""
        seen: Doubles = self.scale[:, None, None] * (points @ self.rotation.transpose(0, 2, 1)) + self.offset[:, None]
        return seen


def align(meshes: AnyFloats, reference: AnyFloats) -> Poses:
    """Similarities that take `reference` (478, 3) to each of `meshes` (T, 478, 3), by their stable points."""
    w = _WEIGHTS / _WEIGHTS.sum()
    source = np.asarray(reference, np.float64)[STABLE_POINTS]
    target = np.asarray(meshes, np.float64)[:, STABLE_POINTS]
    source_mean, target_mean = w @ source, np.einsum("n,tni->ti", w, target)
    centred = source - source_mean
    covariance = np.einsum("n,tni,nj->tij", w, target - target_mean[:, None], centred)
    u, singular, vt = np.linalg.svd(covariance)
    sign = np.ones((len(target), 3))
    sign[:, 2] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * sign[:, None]) @ vt
    scale = (singular * sign).sum(1) / float(np.einsum("n,ni,ni->", w, centred, centred))
    return Poses(rotation, scale, target_mean - scale[:, None] * (rotation @ source_mean))
