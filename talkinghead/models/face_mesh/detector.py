"""The face detector: BlazeFace, short range."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from talkinghead.core.types import Floats, Pixels
from talkinghead.models.face_mesh.network import run, sigmoid
from talkinghead.models.face_mesh.region import MARGIN, Region, whole

SIZE_PX = 128
# (cells across, boxes a cell): the detector's two grids.
_GRIDS = ((16, 2), (8, 6))
_KEYPOINTS = 6
# Two boxes that share more than this of their union are one face.
_SAME = 0.3


class Detection(NamedTuple):
    """A face in a picture.

    `region`: where its mesh is to be looked for; `keypoints` (6, 2) in the picture's pixels: the eye on the picture's
    left, the one on its right, nose, mouth, and the cheeks before the ears; `score` from 0 to 1.
    """

    region: Region
    keypoints: Floats
    score: float

    def holds(self, x: float, y: float) -> bool:
        """Whether the face is around a point."""
        return max(abs(self.region.x - x), abs(self.region.y - y)) < self.region.side / MARGIN / 2


class FaceDetector:
    """Finds faces that take at least about a tenth of what it looks at, at most about 45 degrees from upright."""

    def __init__(self, confidence: float = 0.5) -> None:
        """Faces with a lower score than `confidence` are left out."""
        self._confidence = confidence

    def detect(self, pixels: Pixels, region: Region | None = None) -> list[Detection]:
        """The faces in `pixels` (H, W, 3) RGB uint8, or in a square of it, surest first.

        A turned square shows faces that are turned alike as upright.
        """
        where = region or whole(pixels)
        boxes, scores = run("detector", where.cut(pixels, SIZE_PX, black_border=True)[None])
        return [_placed(*found, where) for found in decode(boxes[0], scores[0], self._confidence)]


@lru_cache(maxsize=1)
def anchors() -> Floats:
    """(896, 2): the middle of each anchor's cell, as a share of the side."""
    middles = []
    for cells, boxes in _GRIDS:
        at = (np.arange(cells) + 0.5) / cells
        middles.append(np.stack(np.meshgrid(at, at), -1).reshape(-1, 2).repeat(boxes, 0))
    return np.asarray(np.concatenate(middles), np.float32)


def decode(boxes: Floats, scores: Floats, confidence: float) -> list[tuple[Floats, float]]:
    """Faces, surest first: (8, 2) pixels of the detector's picture, and the score.

    `boxes` (896, 16): middle, size and keypoints as offsets from the anchors in pixels; `scores` (896,): logits. The
    eight are a box's upper left and lower right corner and the six keypoints.
    """
    sure = sigmoid(scores)
    kept = np.flatnonzero((sure >= confidence) & (boxes[:, 2:4] >= 0).all(1))
    kept = kept[np.argsort(-sure[kept], kind="stable")]
    points = boxes[kept].reshape(len(kept), 2 + _KEYPOINTS, 2)
    points[:, [0, *range(2, 2 + _KEYPOINTS)]] += SIZE_PX * anchors()[kept, None]
    middle, half = points[:, 0].copy(), points[:, 1] / 2
    points[:, 0], points[:, 1] = middle - half, middle + half
    return list(_merged(points, sure[kept]))


def _merged(points: Floats, scores: Floats) -> Iterator[tuple[Floats, float]]:
    """Non-maximum suppression in which overlapping boxes are averaged, each as heavy as its score.

    `points` (n, 8, 2) as `decode` gives them; `scores` (n,), falling.
    """
    left = np.arange(len(points))
    while len(left):
        same = _overlap(points[left[0], :2], points[left, :2]) > _SAME
        same[0] = True
        group = left[same]
        weights = scores[group] / scores[group].sum()
        yield np.tensordot(weights, points[group], 1).astype(np.float32), float(scores[left[0]])
        left = left[~same]


def _overlap(one: Floats, others: Floats) -> Floats:
    """Intersection over union of boxes (2, 2) and (n, 2, 2): upper left and lower right corner."""
    sides = np.minimum(one[1], others[:, 1]) - np.maximum(one[0], others[:, 0])
    shared = np.clip(sides, 0, None).prod(1)
    areas = (others[:, 1] - others[:, 0]).prod(1) + (one[1] - one[0]).prod()
    return np.asarray(shared / np.maximum(areas - shared, 1e-9), np.float32)


def _placed(points: Floats, score: float, where: Region) -> Detection:
    """What was found in a square, in the picture's pixels."""
    size = float((points[1] - points[0]).max()) * where.side / SIZE_PX
    middle, *keypoints = where.back(np.stack([points[:2].mean(0), *points[2:]]), SIZE_PX)
    left, right = keypoints[:2]
    angle = math.atan2(float(right[1] - left[1]), float(right[0] - left[0]))
    return Detection(Region(float(middle[0]), float(middle[1]), MARGIN * size, angle), np.stack(keypoints), score)
