"""Faces found and measured: detector and mesh together, in single pictures or from frame to frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from talkinghead.core.types import Face, Floats, Pixels
from talkinghead.models.face_mesh import FaceDetector, FaceMesh, Mesh, Region, region_of_points

# Below this presence the mesh network sees no face where it looks; it seldom says so.
_PRESENCE = 0.5
# Two regions that share more than this of their union look at one face.
_SAME = 0.5
# A score below which the detector is not worth asking.
_FAINTEST = 0.1
# MediaPipe's coordinates run from the picture's left edge to its right edge; ours from pixel centres.
_HALF = np.array([0.5, 0.5, 0], np.float32)


def tessellation_edges() -> frozenset[tuple[int, int]]:
    """The edges of the mesh's triangles, in the one or two directions in which MediaPipe names each."""
    return frozenset((int(a), int(b)) for a, b in np.load(Path(__file__).with_name("tessellation.npy")))


def score_around(pixels: Pixels, region: Region | None = None) -> float:
    """How sure the detector is, 0 to 1, of an upright face in the middle of `pixels` (H, W, 3) RGB uint8.

    Or in the middle of a square of them, turned as the square is.
    """
    x, y = (region.x, region.y) if region else (pixels.shape[1] / 2, pixels.shape[0] / 2)
    found = FaceDetector(_FAINTEST).detect(pixels, region)
    return max((item.score for item in found if item.holds(x, y)), default=0.0)


def region_of(face: Face) -> Region:
    """Where the mesh is looked for, given where it was."""
    return region_of_points(face.landmarks + _HALF)


def measured(pixels: Pixels, regions: Sequence[Region], confidence: float = 1.0) -> list[Face]:
    """The meshes laid into `regions` of `pixels` (H, W, 3) RGB uint8, whether or not faces are there."""
    return [_face(mesh, confidence) for mesh in FaceMesh().measure(pixels, regions)]


def _face(mesh: Mesh, confidence: float) -> Face:
    return Face(mesh.points - _HALF, confidence)


class _Followed(NamedTuple):
    """Where a face is looked for, and how sure the detector was of it when it found it."""

    region: Region
    confidence: float


class Landmarker:
    """Faces of a picture, or, with `video`, of frame after frame of the same place.

    In a video the mesh is looked for where it last was, which costs less and holds it steadier than detecting it anew;
    the detector helps where there are fewer than `max_faces`. One object for each video, not for several threads at
    once. It holds nothing that wants closing.
    """

    def __init__(self, *, video: bool = False, max_faces: int = 1, confidence: float = 0.5) -> None:
        """Faces of which the detector is less sure than `confidence` are left out."""
        self._video, self._max_faces = video, max_faces
        self._detector, self._mesh = FaceDetector(confidence), FaceMesh()
        self._followed: list[_Followed] = []

    def faces(self, pixels: Pixels, region: Region | None = None) -> list[Face]:
        """At most `max_faces` faces in `pixels` (H, W, 3) RGB uint8, with the detector's confidence in each.

        Those that are followed come first, the others as sure as the detector is of them. It looks at all of the
        picture, or at a square of it, which may be turned as the face is.
        """
        followed = self._followed if self._video else []
        if len(followed) < self._max_faces:
            found = self._measured(pixels, self._with_detected(pixels, region, followed))
        else:
            found = self._measured(pixels, followed)
            if len(found) < self._max_faces:  # lost: it may have jumped
                kept = [_follow(mesh, sure) for mesh, sure in found]
                found += self._measured(pixels, self._with_detected(pixels, region, kept)[len(kept) :])
        self._followed = _apart([_follow(mesh, sure) for mesh, sure in found])
        return [_face(mesh, sure) for mesh, sure in found]

    def forget(self) -> None:
        """Start anew: the next frame has nothing to do with the last one."""
        self._followed = []

    def _with_detected(self, pixels: Pixels, region: Region | None, followed: list[_Followed]) -> list[_Followed]:
        """What is followed, and what the detector finds besides."""
        found = self._detector.detect(pixels, region)[: self._max_faces]
        return _apart([*followed, *(_Followed(item.region, item.score) for item in found)])[: self._max_faces]

    def _measured(self, pixels: Pixels, followed: list[_Followed]) -> list[tuple[Mesh, float]]:
        """The meshes of those that are there."""
        meshes = self._mesh.measure(pixels, [item.region for item in followed])
        pairs = zip(meshes, followed, strict=True)
        return [(mesh, item.confidence) for mesh, item in pairs if mesh.presence >= _PRESENCE]


def _follow(mesh: Mesh, confidence: float) -> _Followed:
    return _Followed(region_of_points(mesh.points), confidence)


def _apart(items: list[_Followed]) -> list[_Followed]:
    """Those that do not look at the same face as one before them."""
    kept: list[_Followed] = []
    for item in items:
        if all(_overlap(item.region, other.region) <= _SAME for other in kept):
            kept.append(item)
    return kept


def _overlap(one: Region, other: Region) -> float:
    """Intersection over union, as if the squares were not turned."""
    halves = (one.side + other.side) / 2
    x = min(one.side, other.side, max(0.0, halves - abs(one.x - other.x)))
    y = min(one.side, other.side, max(0.0, halves - abs(one.y - other.y)))
    return x * y / max(one.side**2 + other.side**2 - x * y, 1e-9)


def mean_distance(one: Floats, other: Floats) -> float:
    """How far meshes (478, 2 or 3) lie apart on the average, in pupil distances of `other`."""
    pupils = float(np.linalg.norm(other[468, :2] - other[473, :2]))
    return float(np.linalg.norm(one[:, :2] - other[:, :2], axis=1).mean()) / max(pupils, 1e-6)
