"""The face detector: BlazeFace, short range."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from talkinghead.core.types import Floats, Pixels
from talkinghead.models.face_mesh.network import run, sigmoid
from talkinghead.models.face_mesh.region import Region, whole

SIZE_PX = 128
# (cells across, boxes a cell): the detector's two grids.
_GRIDS = ((16, 2), (8, 6))
_KEYPOINTS = 6
# Two boxes that share more than this of their union are one face.
_SAME = 0.3


class Detection(NamedTuple):
    """A face in a picture, in its pixels: continuous coordinates, of which the picture begins at 0.

    `box` (x, y, width, height); `keypoints` (6, 2): the eye on the picture's left, the one on its right, nose, mouth,
    and the cheeks before the ears; `score` from 0 to 1.
    """

    box: tuple[float, float, float, float]
    keypoints: Floats
    score: float


class FaceDetector:
    """Finds faces that take at least about a twentieth of what it looks at, at most about 45 degrees from upright."""

    def __init__(self, confidence: float = 0.5) -> None:
        """Faces with a lower score than `confidence` are left out."""
        self._confidence = confidence

    def detect(self, pixels: Pixels, region: Region | None = None) -> list[Detection]:
        """The faces in `pixels` (H, W, 3) RGB uint8, or in a square of it, surest first."""
        where = region or whole(pixels)
        boxes, scores = run("detector", where.cut(pixels, SIZE_PX, black_border=True)[None])
        return [_placed(found, where) for found in decode(boxes[0], scores[0], self._confidence)]


@lru_cache(maxsize=1)
def anchors() -> npt.NDArray[np.float32]:
    """(896, 2): the middle of each anchor's cell, as a share of the side."""
    middles = []
    for cells, boxes in _GRIDS:
        at = (np.arange(cells) + 0.5) / cells
        middles.append(np.stack(np.meshgrid(at, at), -1).reshape(-1, 2).repeat(boxes, 0))
    return np.asarray(np.concatenate(middles), np.float32)


def decode(boxes: Floats, scores: Floats, confidence: float) -> list[Detection]:
    """Detections, in pixels of the detector's picture, surest first.

    `boxes` (896, 16): middle, size and keypoints as offsets from the anchors in pixels; `scores` (896,): logits.
    """
    sure = sigmoid(scores)
    kept = np.flatnonzero((sure >= confidence) & (boxes[:, 2:4] >= 0).all(1))
    kept = kept[np.argsort(-sure[kept], kind="stable")]
    points = boxes[kept].reshape(len(kept), -1, 2)  # middle, size, keypoints
    points[:, [0, *range(2, 2 + _KEYPOINTS)]] += SIZE_PX * anchors()[kept, None]
    return list(_merged(points, sure[kept]))


def _merged(points: npt.NDArray[np.float32], scores: Floats) -> list[Detection]:
    """Non-maximum suppression in which overlapping boxes are averaged, each as heavy as its score.

    `points` (n, 8, 2): middle, size, six keypoints; `scores` (n,), falling.
    """
    corners = np.concatenate([points[:, 0] - points[:, 1] / 2, points[:, 0] + points[:, 1] / 2], 1)
    left, found = np.arange(len(points)), []
    while len(left):
        same = _overlap(corners[left[0]], corners[left]) > _SAME
        same[0] = True
        group = left[same]
        weights = scores[group] / scores[group].sum()
        low, high = (weights @ corners[group]).reshape(2, 2)
        box = float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])
        keypoints = np.tensordot(weights, points[group, 2:], 1).astype(np.float32)
        found.append(Detection(box, keypoints, float(scores[left[0]])))
        left = left[~same]
    return found


def _overlap(one: Floats, others: Floats) -> Floats:
    """Intersection over union of boxes (4,) and (n, 4): left, top, right, bottom."""
    sides = np.minimum(one[2:], others[:, 2:]) - np.maximum(one[:2], others[:, :2])
    shared = np.clip(sides, 0, None).prod(1)
    areas = (others[:, 2:] - others[:, :2]).prod(1) + (one[2:] - one[:2]).prod()
    return np.asarray(shared / np.maximum(areas - shared, 1e-9), np.float32)


def _placed(found: Detection, region: Region) -> Detection:
    """A detection in a square, in the picture's pixels; the square is not turned."""
    x, y, width, height = found.box
    ((left, top),) = region.back(np.array([[x, y]], np.float32), SIZE_PX)
    scale = region.side / SIZE_PX
    keypoints = region.back(found.keypoints, SIZE_PX)
    return Detection((float(left), float(top), width * scale, height * scale), keypoints, found.score)
