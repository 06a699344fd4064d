"""How far a video is from a reference: landmarks (LMD, M-LMD, F-LMD), pictures (SSIM, PSNR), the mouth's opening.

Landmarks are those of our face mesh, 468 points on the skin, in x and y. Unit: the distance between the outer corners
of the eyes (points 33 and 263, in 3-D) in the reference's frame, so that neither the videos' size nor the face's
matters. Published figures are mostly pixels of 68 other points in 256 x 256 face crops: only figures of one kind
compare.

Papers: L. Chen et al., "Lip Movements Generation at a Glance", ECCV 2018 (LMD); L. Chen et al., "Hierarchical
Cross-Modal Talking Face Generation with Dynamic Pixel-Wise Loss", CVPR 2019, and Y. Ma et al., "StyleTalk", AAAI 2023
(distances around the mouth and over the face, M-LMD and F-LMD); Z. Wang et al., "Image Quality Assessment: From Error
Visibility to Structural Similarity", IEEE Transactions on Image Processing 13(4), 2004 (SSIM).
"""

from __future__ import annotations

from array import array

import cv2
import numpy as np
import numpy.typing as npt

from talkinghead.core.types import Doubles, Face, Floats, Pixels
from talkinghead.faces import geometry, mesh
from talkinghead.quality.selfcheck import OPEN_ABOVE

SKIN_POINTS = 468
# The rings of the lips, corners once.
LIP_POINTS = tuple(
    dict.fromkeys((*mesh.OUTER_LIP_UPPER, *mesh.OUTER_LIP_LOWER, *mesh.INNER_LIP_UPPER, *mesh.INNER_LIP_LOWER))
)
# SSIM as Wang et al. have it: a Gaussian window, and two constants that keep quotients of small numbers calm.
SSIM_WINDOW_PX, SSIM_SIGMA_PX = 11, 1.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
# The face's crop is the reference mesh's box, wider by this share of its larger side on each side.
FACE_MARGIN = 0.1
# A closed mouth a frame earlier or later is the same closure.
_CLOSURE_S = 0.04


class LandmarkDistance:
    """LMD, M-LMD and F-LMD of one face against another, frame after frame."""

    def __init__(self) -> None:
        self._rows = array("d")

    def add(self, face: Face, reference: Face) -> None:
        """The same frame of both videos; the pictures may be of different sizes."""
        unit = geometry.eye_distance(reference.landmarks)
        own_unit = geometry.eye_distance(face.landmarks)
        a = face.landmarks[:SKIN_POINTS, :2].astype(np.float64) / own_unit
        b = reference.landmarks[:SKIN_POINTS, :2].astype(np.float64) / unit
        lips = list(LIP_POINTS)
        a_face, b_face = a - a.mean(0), b - b.mean(0)
        self._rows.extend([_apart(_centred(a[lips]), _centred(b[lips])), _apart(a_face[lips], b_face[lips]),
                           _apart(a_face, b_face)])  # fmt: skip

    @property
    def means(self) -> tuple[float, float, float] | None:
        """(LMD, M-LMD, F-LMD), averages over points and frames; None where no frame showed both faces.

        - LMD (Chen et al. 2018): the 40 points of the lips, both sets moved to one middle: the shape of the mouth;
        - M-LMD: the same points, both *faces* moved to one middle: where in the face the mouth is counts, too;
        - F-LMD: all 468 points of the face, moved like this: turns of the head, brows and lids count, too.

        Nothing is turned before it is compared, and each face is measured in its own eyes' distance.
        """
        if not self._rows:
            return None
        lmd, mouth, whole = np.array(self._rows).reshape(-1, 3).mean(0)
        return float(lmd), float(mouth), float(whole)


def _centred(points: Doubles) -> Doubles:
    moved: Doubles = points - points.mean(0)
    return moved


def _apart(a: Doubles, b: Doubles) -> float:
    return float(np.linalg.norm(a - b, axis=1).mean())


class PictureDistance:
    """SSIM and PSNR of pictures of one size, frame after frame."""

    def __init__(self) -> None:
        self._ssim, self._squares, self._values = array("d"), 0.0, 0

    def add(self, pixels: Pixels, reference: Pixels) -> None:
        """The same frame of both: (h, w, 3) RGB uint8, 11 pixels or more on each side."""
        self._ssim.append(ssim(pixels, reference))
        difference = pixels.astype(np.float32) - reference
        self._squares += float((difference.astype(np.float64) ** 2).sum())
        self._values += difference.size

    @property
    def ssim(self) -> float | None:
        """The frames' average; None where there was none."""
        return float(np.mean(self._ssim)) if self._ssim else None

    @property
    def psnr_db(self) -> float | None:
        """Of the mean squared error of all frames, in R, G and B, against 255; infinite where all are equal."""
        if not self._values:
            return None
        return float(10 * np.log10(255**2 * self._values / self._squares)) if self._squares else float("inf")


def ssim(one: Pixels, other: Pixels) -> float:
    """Structural similarity of two pictures (h, w, 3) RGB uint8, 1 where they are equal (Wang et al. 2004).

    Of their luminance (BT.601, 0 to 255), in Gaussian windows of 11 x 11 pixels with a standard deviation of 1.5, that
    lie wholly in the picture; K1 = 0.01, K2 = 0.03; variances of the window's weights, without a sample's correction.
    """
    a, b = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) for picture in (one, other))
    mean_a, mean_b = _windowed(a), _windowed(b)
    var_a = _windowed(a * a) - mean_a**2
    var_b = _windowed(b * b) - mean_b**2
    both = _windowed(a * b) - mean_a * mean_b
    numerator = (2 * mean_a * mean_b + _C1) * (2 * both + _C2)
    return float((numerator / ((mean_a**2 + mean_b**2 + _C1) * (var_a + var_b + _C2))).mean())


def _windowed(values: Floats) -> Doubles:
    edge = SSIM_WINDOW_PX // 2
    blurred = cv2.GaussianBlur(values.astype(np.float64), (SSIM_WINDOW_PX, SSIM_WINDOW_PX), SSIM_SIGMA_PX)
    inner: Doubles = blurred[edge:-edge, edge:-edge]
    return inner


def face_window(face: Face, size_px: tuple[int, int]) -> tuple[slice, slice] | None:
    """(rows, columns) of the face's crop in a picture of `size_px` (width, height); None where SSIM does not fit in."""
    x, y, width, height = face.box
    margin = FACE_MARGIN * max(width, height)
    left, top = max(0, round(x - margin)), max(0, round(y - margin))
    right, bottom = min(size_px[0], round(x + width + margin)), min(size_px[1], round(y + height + margin))
    if min(right - left, bottom - top) < SSIM_WINDOW_PX:
        return None
    return slice(top, bottom), slice(left, right)


def closures(opening: Doubles, reference: Doubles, fps: float) -> tuple[float | None, float | None]:
    """(kept, right) of a mouth's closures against the reference's, both (T,) openings, NaN where no face was seen.

    A closure is a run of frames whose lips are at most `OPEN_ABOVE` apart. `kept`: how many of the reference's the
    video shows, too; `right`: how many of the video's the reference has, too; within 40 ms, at least one frame. None
    where there is no closure to be kept, or none was made.
    """
    near = max(1, round(_CLOSURE_S * fps))
    shut_here, shut_there = opening <= OPEN_ABOVE, reference <= OPEN_ABOVE
    return _matched(shut_there, shut_here, near), _matched(shut_here, shut_there, near)


def _matched(wanted: npt.NDArray[np.bool_], found: npt.NDArray[np.bool_], near: int) -> float | None:
    """The share of the runs in `wanted` that meet one in `found`, `near` frames allowed."""
    edges = np.diff(np.concatenate([[0], wanted.astype(np.int8), [0]]))
    begins, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    if not len(begins):
        return None
    return float(np.mean([found[max(0, b - near) : e + near].any() for b, e in zip(begins, ends, strict=True)]))
