"""Remake the average face: MediaPipe's meshes of the example portraits and their mirror images, aligned and averaged.

    python benchmarks/canonical_mesh.py [OUT.npy]

The mouth and chin come from the portrait whose mouth is closed. The result mirrors itself, has its pupils 1 apart, and
looks straight ahead: as these people do, who look into the camera.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from talkinghead.core.types import Image
from talkinghead.faces import find_face, mesh
from talkinghead.faces.geometry import similarity
from talkinghead.media.images import read_image

OUT = Path(__file__).parents[1] / "talkinghead" / "faces" / "canonical_mesh.npy"
EXAMPLES = Path(__file__).parents[1] / "examples"
Array = npt.NDArray[np.float64]
MIRROR = np.array([-1.0, 1.0, 1.0])


def aligned(points: Array, reference: Array) -> Array:
    """`points` (478, 3) under the similarity that brings them nearest to `reference`."""
    rotation, scale, offset = similarity(points, reference)
    return scale * points @ rotation.T + offset


def mirror_pairs(points: Array) -> npt.NDArray[np.int64]:
    """For each point the one on the other side of the face."""
    apart = np.linalg.norm(points[:, None] - (points * MIRROR)[None], axis=-1)
    return linear_sum_assignment(apart)[1]


def of_portrait(name: str) -> Array:
    """The mean of a portrait's mesh and its mirror image's, between the pupils, which are 1 apart."""
    image = read_image(EXAMPLES / name)
    there = find_face(image).landmarks.astype(np.float64)
    mirrored = find_face(Image(np.ascontiguousarray(image.pixels[:, ::-1]))).landmarks.astype(np.float64)
    return np.stack([upright(there), upright(mirrored)]).mean(0)


def upright(points: Array) -> Array:
    """`points` seen from the front: eyes level, forehead and chin equally deep, pupils 1 apart around the origin."""
    across = points[263] - points[33] + points[454] - points[234]
    ux = across / np.linalg.norm(across)
    down = points[mesh.CHIN] - points[mesh.FOREHEAD]
    uy = down - (down @ ux) * ux
    uy /= np.linalg.norm(uy)
    turned = points @ np.stack([ux, uy, np.cross(ux, uy)], 1)
    turned -= (turned[468] + turned[473]) / 2
    return np.asarray(turned / np.linalg.norm(turned[473] - turned[468]))


def symmetric(points: Array) -> Array:
    pairs = mirror_pairs(points)
    for _ in range(3):
        points = (points + aligned((points * MIRROR)[pairs], points)) / 2
    return np.asarray(upright((points + (points * MIRROR)[pairs]) / 2))


def pitch_of(name: str, average: Array) -> float:
    """How far, in radians, the face of a portrait is tilted against `average`."""
    face = find_face(read_image(EXAMPLES / name)).landmarks
    rotation, _, _ = similarity(average, face)
    return float(np.arctan2(rotation[2, 1], rotation[2, 2]))


def main() -> None:
    """Write the mesh."""
    closed, smiling = symmetric(of_portrait("grace_hopper.jpg")), symmetric(of_portrait("astronaut.png"))
    smiling = aligned(smiling, closed)
    mouth = closed[13]
    lower = np.clip(np.linalg.norm(closed - mouth, axis=1) / 0.9 - 0.4, 0, 1)
    average = closed + (0.5 * lower)[:, None] * (smiling - closed)
    average = symmetric(average)
    pitch = np.mean([pitch_of(name, average) for name in ("grace_hopper.jpg", "astronaut.png")])
    cos, sin = np.cos(pitch), np.sin(pitch)
    level = average @ np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]]).T
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else OUT
    np.save(out, level.astype(np.float32))


if __name__ == "__main__":
    main()
