"""The face mesh: 478 points of a face that is known to be there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from talkinghead.core.types import Floats, Pixels
from talkinghead.models.face_mesh.network import run, sigmoid
from talkinghead.models.face_mesh.region import Region

SIZE_PX = 192


class Mesh(NamedTuple):
    """A mesh in a picture, in its pixels: continuous coordinates, of which the picture begins at 0.

    `points` (478, 3): x, y, and z in the same unit, negative towards the camera; `presence`: how sure the network is, 0
    to 1, that it looks at a face at all.
    """

    points: Floats
    presence: float


class FaceMesh:
    """Lays meshes over faces."""

    def measure(self, pixels: Pixels, regions: Sequence[Region]) -> list[Mesh]:
        """One mesh for each region of `pixels` (H, W, 3) RGB uint8, whether or not a face is there."""
        if not regions:
            return []
        crops = np.stack([region.cut(pixels, SIZE_PX) for region in regions])
        points, presence = run("mesh", crops)
        return [
            Mesh(region.back(mesh, SIZE_PX), float(score))
            for region, mesh, score in zip(regions, points, sigmoid(presence), strict=True)
        ]
