"""Figures of drawn frames, measured with the face mesh in the crop, against the portrait they were drawn from."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from talkinghead.core.types import Doubles, DrawnCrop, Floats, Pixels, Portrait
from talkinghead.faces import FaceTracker, crop, geometry, mesh

# Grey levels are compared where the skin lies on bone, or nearly so, each patch aligned by its own points.
_SKIN = {
    "forehead": (108, 151, 337, 336, 9, 107),
    "left cheek": (117, 118, 101, 205, 187, 123),
    "right cheek": (346, 347, 330, 425, 411, 352),
}
_STILL_POINTS = [*mesh.NOSE_BRIDGE, 151, 9, 8, 108, 337, 69, 299]
_PATCH_PX = 64
# Skin changes slowly, and comparing it takes as long as finding the face.
_SKIN_EVERY = 4


@dataclass(frozen=True)
class Seen:
    """One frame's figures; NaN where there was nothing to measure.

    `opening` of the mouth over the eyes' distance; `wobble`: see `FrameMeter`; `seam`, `skin` in grey levels.
    """

    opening: float
    wobble: float
    seam: float
    skin: float


def openings(crops: Iterable[DrawnCrop]) -> Doubles:
    """The mouth's opening (T,) in each of one clip's drawn crops, as in `Seen`; NaN where no face is found."""
    with closing(FaceTracker()) as tracker:
        faces = (tracker.track(drawn.pixels) for drawn in crops)
        return np.array([geometry.mouth_opening(face.landmarks) if face else np.nan for face in faces], np.float64)


class FrameMeter:
    """Measures frame after frame of one clip; not for several threads at once."""

    def __init__(self) -> None:
        self._tracker = FaceTracker()
        self._borders: tuple[object, _Border | None] | None = None
        self._before: list[Doubles] = []
        self._measured = 0

    def close(self) -> None:
        """Free the tracker."""
        self._tracker.close()

    def measure(self, pixels: Pixels, portrait: Portrait, finished: Pixels | None) -> Seen:
        """Figures of a drawn crop `pixels` (h, w, 3); `finished` is the whole picture where it was pasted back."""
        seam = float("nan") if finished is None else self._seam(portrait, finished)
        face = self._tracker.track(pixels)
        if face is None:
            self._before.clear()
            return Seen(float("nan"), float("nan"), seam, float("nan"))
        opening, skin = geometry.mouth_opening(face.landmarks), float("nan")
        if self._measured % _SKIN_EVERY == 0:
            skin = skin_difference(portrait.pixels, portrait.landmarks, pixels, face.landmarks)
        self._measured += 1
        return Seen(opening, self._wobble(face.landmarks, portrait.landmarks), seam, skin)

    def _wobble(self, landmarks: Floats, source: Floats) -> float:
        """Mean square of the still points' second difference over time, after alignment, in eye distances.

        A turning head moves them smoothly, which second differences hardly see; for white noise of variance v in x
        and in y the value is 12 v.
        """
        points = landmarks[_STILL_POINTS, :2].astype(np.float64)
        target = source[_STILL_POINTS, :2]
        rotation, scale, offset = geometry.weighted_similarity(points, target, np.ones(len(points)))
        aligned = (scale * points @ rotation.T + offset) / geometry.eye_distance(source)
        self._before = [*self._before[-2:], aligned]
        if len(self._before) < 3:
            return float("nan")
        a, b, c = self._before
        return float(((a - 2 * b + c) ** 2).sum(1).mean())

    def _seam(self, portrait: Portrait, finished: Pixels) -> float:
        key = (portrait.crop.matrix.tobytes(), portrait.crop.size_px)
        if self._borders is None or self._borders[0] != key:
            self._borders = key, _Border.of(portrait)
        border = self._borders[1]
        return float("nan") if border is None else border.difference(finished, portrait.image.pixels)


@dataclass(frozen=True)
class _Border:
    """Places just inside a crop's border, in the picture: `x`, `y` (1, n) float32."""

    x: Floats
    y: Floats

    @classmethod
    def of(cls, portrait: Portrait, inset_px: float = 1.0) -> _Border | None:
        """The crop's border without what lies on the picture's own; None where that is all of it."""
        matrix, (width, height) = portrait.crop.matrix, portrait.crop.size_px
        inset = inset_px * float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
        low, right, bottom = inset - 0.5, width - 0.5 - inset, height - 0.5 - inset
        across, down = np.linspace(low, right, 256), np.linspace(low, bottom, 256)
        at = np.concatenate([
            np.column_stack([across, np.full(256, low)]), np.column_stack([across, np.full(256, bottom)]),
            np.column_stack([np.full(256, low), down]), np.column_stack([np.full(256, right), down]),
        ])  # fmt: skip
        back = crop.inverse(matrix)
        there = at @ back[:, :2].T + back[:, 2]
        inside = ((there > 2) & (there < np.array(portrait.image.size_px) - 3)).all(1)
        if not inside.any():
            return None
        kept = there[inside].astype(np.float32)
        return cls(kept[None, :, 0].copy(), kept[None, :, 1].copy())

    def difference(self, finished: Pixels, original: Pixels) -> float:
        """Mean absolute difference along the border, in grey levels."""
        if finished.shape != original.shape:
            return float("nan")
        pair = (cv2.remap(p, self.x, self.y, cv2.INTER_LINEAR).astype(np.float32) for p in (finished, original))
        return float(np.abs(next(pair) - next(pair)).mean())


def skin_difference(source: Pixels, source_points: Floats, drawn: Pixels, drawn_points: Floats) -> float:
    """Mean absolute difference of forehead and cheeks in grey levels, patches aligned by their own points."""
    differences = []
    for points in _SKIN.values():
        there = source_points[list(points), :2].astype(np.float64)
        here = drawn_points[list(points), :2].astype(np.float64)
        low, high = there.min(0), there.max(0)
        scale = _PATCH_PX / max(float((high - low).max()), 1.0)
        to_patch = np.array([[scale, 0, -scale * low[0]], [0, scale, -scale * low[1]]])
        rotation, size, offset = geometry.weighted_similarity(here, there, np.ones(len(points)))
        aligned = crop.compose(to_patch, np.column_stack([size * rotation, offset]))
        inside = np.zeros((_PATCH_PX, _PATCH_PX), np.uint8)
        outline = there @ to_patch[:, :2].T + to_patch[:, 2]
        cv2.fillConvexPoly(inside, np.round(cv2.convexHull(outline.astype(np.float32))).astype(np.int32), 1)
        expected = _patch(source, to_patch)
        aligned = crop.compose(_registration(expected, _patch(drawn, aligned), inside), aligned)
        difference = np.abs(expected.astype(np.float32) - _patch(drawn, aligned)).mean(2)
        differences.append(float(difference[inside > 0].mean()))
    return float(np.mean(differences))


def _registration(expected: Pixels, seen: Pixels, inside: Pixels) -> crop.Matrix:
    """The shift that lays `seen` onto `expected` by their grey levels; none where they do not tell.

    Landmarks tremble by a pixel or two, which on freckles and wrinkles would pass for a change of the skin. By
    enhanced correlation (Evangelidis and Psarakis, PAMI 2008).
    """
    pair = [cv2.GaussianBlur(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY), (0, 0), 1.5) for p in (expected, seen)]
    start: npt.NDArray[np.float32] = np.eye(2, 3, dtype=np.float32)
    until = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 1e-4)
    try:
        _, found = cv2.findTransformECC(pair[0], pair[1], start, cv2.MOTION_TRANSLATION, until, inside, 1)
    except cv2.error:  # flat skin, or it does not converge
        return np.eye(2, 3)
    return np.eye(2, 3) if np.abs(found[:, 2]).max() > 0.15 * _PATCH_PX else crop.inverse(found)


def _patch(pixels: Pixels, matrix: crop.Matrix) -> Pixels:
    """`pixels` through `matrix`, _PATCH_PX square; only the part that is seen is touched."""
    back = crop.inverse(matrix)
    corners = np.array([[0, 0], [_PATCH_PX, 0], [0, _PATCH_PX], [_PATCH_PX, _PATCH_PX]]) @ back[:, :2].T + back[:, 2]
    x0, y0 = np.clip(np.floor(corners.min(0)).astype(int) - 2, 0, np.array(pixels.shape[1::-1]) - 1)
    x1, y1 = np.ceil(corners.max(0)).astype(int) + 3
    part = pixels[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
    return crop.resample(part, crop.compose(matrix, np.array([[1.0, 0, x0], [0, 1.0, y0]])), (_PATCH_PX, _PATCH_PX))
