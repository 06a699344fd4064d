"""Figures measured on drawn frames, by the face mesh, as they stream by.

Everything is measured in the renderer's crop against the portrait it was drawn from; per frame a few numbers are kept,
never a picture.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from talkinghead.blendshapes import BLENDSHAPE_INDEX, N_BLENDSHAPES
from talkinghead.faces import FaceTracker, geometry, mesh
from talkinghead.faces.crop import Matrix, compose, inverse, resample
from talkinghead.types import Floats, Motion, Pixels, Portrait

Array = npt.NDArray[np.float64]

# Lips are open above this gap, in distances between the outer eye corners: the mesh reads closed lips as 0 to 0.03.
OPEN_ABOVE = 0.04
# Lags that are tried, in seconds, either way.
_MAX_LAG_S = 0.24
_MIN_FRAMES = 10
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

# How far each blendshape parts the inner lips, in jaw openings: the amplitudes at which faces move (pupil distances:
# jaw 0.34, lower lip 0.10, upper lip 0.085, press 0.05), shared between the sides.
_PARTS_LIPS = {
    "jawOpen": 1.0, "mouthClose": -1.0, "mouthLowerDownLeft": 0.15, "mouthLowerDownRight": 0.15,
    "mouthUpperUpLeft": 0.125, "mouthUpperUpRight": 0.125, "mouthFunnel": 0.2, "mouthPressLeft": -0.07,
    "mouthPressRight": -0.07, "mouthRollLower": -0.2, "mouthRollUpper": -0.1, "mouthShrugLower": -0.1,
}  # fmt: skip


def driven_opening(motion: Motion) -> Array:
    """(T,) how far the motion parts the lips, in jaw openings, from its rest on; at least 0."""
    weights = np.zeros(N_BLENDSHAPES)
    for name, share in _PARTS_LIPS.items():
        weights[BLENDSHAPE_INDEX[name]] = share
    return np.asarray(np.maximum((motion.blendshapes - motion.rest.blendshapes) @ weights, 0.0), np.float64)


@dataclass(frozen=True)
class Seen:
    """One frame's figures; NaN where there was nothing to measure.

    `opening` of the mouth over the eyes' distance; `wobble`: see `FrameMeter`; `seam`, `skin` in grey levels.
    """

    opening: float
    wobble: float
    seam: float
    skin: float


class FrameMeter:
    """Measures frame after frame of one clip; not for several threads at once."""

    def __init__(self) -> None:
        self._tracker = FaceTracker()
        self._borders: tuple[object, _Border | None] | None = None
        self._before: list[Array] = []
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
        back = inverse(matrix)
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
        aligned = compose(to_patch, np.column_stack([size * rotation, offset]))
        inside = np.zeros((_PATCH_PX, _PATCH_PX), np.uint8)
        outline = there @ to_patch[:, :2].T + to_patch[:, 2]
        cv2.fillConvexPoly(inside, np.round(cv2.convexHull(outline.astype(np.float32))).astype(np.int32), 1)
        expected = _patch(source, to_patch)
        aligned = compose(_registration(expected, _patch(drawn, aligned), inside), aligned)
        difference = np.abs(expected.astype(np.float32) - _patch(drawn, aligned)).mean(2)
        differences.append(float(difference[inside > 0].mean()))
    return float(np.mean(differences))


def _registration(expected: Pixels, seen: Pixels, inside: Pixels) -> Matrix:
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
    return np.eye(2, 3) if np.abs(found[:, 2]).max() > 0.15 * _PATCH_PX else inverse(found)


def _patch(pixels: Pixels, matrix: Matrix) -> Pixels:
    """`pixels` through `matrix`, _PATCH_PX square; only the part that is seen is touched."""
    back = inverse(matrix)
    corners = np.array([[0, 0], [_PATCH_PX, 0], [0, _PATCH_PX], [_PATCH_PX, _PATCH_PX]]) @ back[:, :2].T + back[:, 2]
    x0, y0 = np.clip(np.floor(corners.min(0)).astype(int) - 2, 0, np.array(pixels.shape[1::-1]) - 1)
    x1, y1 = np.ceil(corners.max(0)).astype(int) + 3
    part = pixels[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
    return resample(part, compose(matrix, np.array([[1.0, 0, x0], [0, 1.0, y0]])), (_PATCH_PX, _PATCH_PX))


@dataclass(frozen=True)
class SelfCheck:
    """What was measured on the drawn frames; None where it could not be, with the reason under its name in `reasons`.

    - `frames_measured`, `frames_without_face`;
    - `mouth_correlation`: Pearson's, of measured and driven mouth opening, at `mouth_lag_frames`, the lag at which it
      is greatest (positive: the picture is behind the driver); `mouth_correlation_unshifted`: at lag 0;
    - `silent_frames`: how many were silent; `silent_open_share`: in how many of them the lips were apart by more than
      `open_above` eye distances;
    - `jitter`: noise of points that should lie still (bridge of the nose, forehead) after alignment, as a share of the
      eyes' distance; the mesh's own noise is in it;
    - `seam_mean`, `seam_worst`: difference from the source picture along the crop's border, grey levels;
    - `identity_mean`, `identity_worst`: mean absolute difference of forehead and cheeks from the source after
      alignment, grey levels; worst: the frame at the 95th percentile. Alignment being what it is, the source picture
      itself reads 1 to 5.
    """

    frames_measured: int
    frames_without_face: int
    mouth_correlation: float | None
    mouth_lag_frames: int | None
    mouth_correlation_unshifted: float | None
    silent_frames: int | None
    silent_open_share: float | None
    open_above: float
    jitter: float | None
    seam_mean: float | None
    seam_worst: float | None
    identity_mean: float | None
    identity_worst: float | None
    reasons: dict[str, str]


class Series:
    """Per-frame figures of a clip, a few numbers each, put together at the end."""

    def __init__(self) -> None:
        self.driven = array("d")
        self.opening, self.wobble, self.seam, self.skin = array("d"), array("d"), array("d"), array("d")

    def add(self, seen: Seen) -> None:
        for name in ("opening", "wobble", "seam", "skin"):
            getattr(self, name).append(getattr(seen, name))

    def summary(self, fps: float, silent: npt.NDArray[np.bool_] | None, pasted: bool) -> SelfCheck:
        """The clip's figures; `silent` (T,) says which frames are silent, `pasted` whether there is a border."""
        opening, driven = np.array(self.opening), np.array(self.driven)
        there = np.isfinite(opening)
        reasons: dict[str, str] = {}
        mouth = self._mouth(opening, driven, fps, reasons)
        silence = self._silence(opening, silent, reasons)
        wobble = _finite(self.wobble)
        if not len(wobble):
            reasons["jitter"] = "no three frames in a row show a face"
        seam, skin = _finite(self.seam), _finite(self.skin)
        if not len(seam):
            reasons["seam"] = "the crop's border is the picture's own" if pasted else "nothing was pasted back"
        if not len(skin):
            reasons["identity"] = "the frames show no face"
        return SelfCheck(
            frames_measured=len(opening), frames_without_face=int((~there).sum()),
            mouth_correlation=mouth[0], mouth_lag_frames=mouth[1], mouth_correlation_unshifted=mouth[2],
            silent_frames=silence[0], silent_open_share=silence[1], open_above=OPEN_ABOVE,
            jitter=float(np.sqrt(wobble.mean() / 12)) if len(wobble) else None,
            seam_mean=float(seam.mean()) if len(seam) else None, seam_worst=float(seam.max()) if len(seam) else None,
            identity_mean=float(skin.mean()) if len(skin) else None,
            identity_worst=float(np.percentile(skin, 95)) if len(skin) else None,
            reasons=reasons,
        )  # fmt: skip

    @staticmethod
    def _mouth(
        opening: Array, driven: Array, fps: float, reasons: dict[str, str]
    ) -> tuple[float | None, int | None, float | None]:
        length = min(len(opening), len(driven))
        opening, driven = opening[:length], driven[:length]
        if np.isfinite(opening).sum() < _MIN_FRAMES:
            reasons["mouth"] = f"fewer than {_MIN_FRAMES} frames show a face"
        elif driven.std() < 1e-3:
            reasons["mouth"] = "the driver does not move the mouth"
        elif np.nanstd(opening) < 1e-5:
            reasons["mouth"] = "the mouth does not move in the frames"
        else:
            best, lag = best_lag(opening, driven, round(_MAX_LAG_S * fps))
            return best, lag, correlation(opening, driven)
        return None, None, None

    @staticmethod
    def _silence(
        opening: Array, silent: npt.NDArray[np.bool_] | None, reasons: dict[str, str]
    ) -> tuple[int | None, float | None]:
        if silent is None:
            reasons["silent"] = "it is not known which frames are silent"
            return None, None
        there = np.isfinite(opening[: len(silent)]) & silent[: len(opening)]
        if not there.any():
            reasons["silent"] = "no silent frame shows a face" if silent.any() else "no frame is silent"
            return int(silent.sum()), None
        return int(silent.sum()), float((opening[: len(silent)][there] > OPEN_ABOVE).mean())


def _finite(values: array[float]) -> Array:
    out = np.array(values)
    return out[np.isfinite(out)]


def correlation(a: Array, b: Array) -> float | None:
    """Pearson's correlation where both are finite; None where either does not vary."""
    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < 3 or a[both].std() < 1e-9 or b[both].std() < 1e-9:
        return None
    return float(np.corrcoef(a[both], b[both])[0, 1])


def best_lag(later: Array, earlier: Array, most: int) -> tuple[float | None, int | None]:
    """(correlation, lag in frames) where `later` follows `earlier` best, at most `most` frames either way."""
    found: list[tuple[float, int]] = []
    for lag in sorted(range(-most, most + 1), key=abs):
        length = len(later) - abs(lag)
        if length < _MIN_FRAMES:
            continue
        value = correlation(later[max(lag, 0) :][:length], earlier[max(-lag, 0) :][:length])
        if value is not None:
            found.append((value, lag))
    if not found:
        return None, None
    # Equals go to the smaller lag, which comes first.
    return max(found, key=lambda item: item[0])
