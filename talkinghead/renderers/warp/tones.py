"""Colours measured on the portrait from which the inside of its mouth is painted."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from talkinghead.core.types import Floats, Pixels
from talkinghead.faces import mesh
from talkinghead.renderers.warp.quantile import median, quantile

# How bright the line is where lips meet, of their own brightest channel.
_CONTACT = 0.47
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
# Skin whose red is over its blue by this share of its mean has all the warmth that shades can have.
_WARM = 1 / 6


class Tones(NamedTuple):
    """RGB, float32, 0..255: of the mouth's inside, and how soft (px) and grainy (levels) the picture is."""

    skin: Floats
    lip: Floats
    cavity: Floats
    tongue: Floats
    teeth: Floats
    gum: Floats
    contact: Floats
    softness_px: float
    grain: float

    @property
    def warmth(self) -> float:
        """How much redder than its light a shade is, 0..1: not at all in a picture without colour."""
        red, _, blue = self.skin
        return float(np.clip((red - blue) / max(float(self.skin.mean()), 1.0) / _WARM, 0, 1))

    def blended(self, other: Tones, weight: float) -> Tones:
        """This, moved towards `other` by `weight`."""

        def mix(mine: Floats, theirs: Floats) -> Floats:
            return (1 - weight) * mine + weight * theirs

        return Tones(
            mix(self.skin, other.skin),
            mix(self.lip, other.lip),
            mix(self.cavity, other.cavity),
            mix(self.tongue, other.tongue),
            mix(self.teeth, other.teeth),
            mix(self.gum, other.gum),
            mix(self.contact, other.contact),
            (1 - weight) * self.softness_px + weight * other.softness_px,
            (1 - weight) * self.grain + weight * other.grain,
        )


def measure_tones(pixels: Pixels, points: Floats) -> Tones:
    """Tones of the face with `points` (478, 3) in `pixels`."""
    face = _inside(pixels, points, mesh.FACE_OVAL)
    lips = np.concatenate(
        [_inside(pixels, points, mesh.OUTER_LIP_UPPER + mesh.INNER_LIP_UPPER[::-1]),
         _inside(pixels, points, mesh.OUTER_LIP_LOWER + mesh.INNER_LIP_LOWER[::-1])]
    )  # fmt: skip
    luma = face @ LUMA
    low, high = quantile(luma, 0.45), quantile(luma, 0.92)
    skin = median(face[luma >= low])
    bright = face[luma >= high].mean(0) if (luma >= high).any() else skin
    lip = median(lips) if len(lips) else skin
    level = float(np.clip(bright @ LUMA * 1.04, 110, 228))
    tint = bright / max(float(bright @ LUMA), 1.0) * level
    # A mouth's inside is red even where lips are painted grey, pale or brown; a statue's is not.
    chroma = float(np.clip((skin[0] - skin[2]) / max(float(skin.mean()), 1.0), 0, 1))
    red = lip * np.array([1.0, 1 - 0.25 * min(1.0, 3 * chroma), 1 - 0.20 * min(1.0, 3 * chroma)], np.float32)
    return Tones(
        skin=skin.astype(np.float32),
        lip=lip.astype(np.float32),
        cavity=np.float32(0.27) * red.astype(np.float32) + np.float32(0.02) * skin.astype(np.float32),
        tongue=(0.72 * red).astype(np.float32),
        teeth=(0.42 * level + 0.58 * tint).astype(np.float32),
        gum=(0.80 * red).astype(np.float32),
        # Light between lips has been reflected by both: their colour counts twice, and a red is a deeper red.
        contact=(_CONTACT * lip * lip / max(float(lip.max()), 1.0)).astype(np.float32),
        softness_px=_softness_px(pixels, points),
        grain=_grain(pixels, points),
    )


def _inside(pixels: Pixels, points: Floats, outline: tuple[int, ...]) -> Floats:
    """(n, 3) the pixels inside a polygon of mesh points."""
    mask = np.zeros(pixels.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(points[list(outline), :2]).astype(np.int32)], 1)
    return pixels[mask > 0].astype(np.float32)


def _face_patch(pixels: Pixels, points: Floats) -> Floats:
    low, high = points[list(mesh.FACE_OVAL), :2].min(0), points[list(mesh.FACE_OVAL), :2].max(0)
    x0, y0 = np.maximum(low, 0).astype(int)
    x1, y1 = high.astype(int)
    grey: Pixels = cv2.cvtColor(pixels[y0:y1, x0:x1], cv2.COLOR_RGB2GRAY)
    return grey.astype(np.float32)


def _softness_px(pixels: Pixels, points: Floats) -> float:
    """Width of the picture's sharpest edges: contrast over steepest slope."""
    patch = _face_patch(pixels, points)
    if min(patch.shape) < 8:
        return 1.0
    slope = np.hypot(cv2.Sobel(patch, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(patch, cv2.CV_32F, 0, 1, scale=0.125))
    contrast = float(quantile(patch.ravel(), 0.99) - quantile(patch.ravel(), 0.01))
    return float(np.clip(0.45 * contrast / max(float(quantile(slope.ravel(), 0.997)), 1.0), 0.7, 6.0))


def _grain(pixels: Pixels, points: Floats) -> float:
    """Standard deviation of the picture's finest detail on smooth skin (robust: the median)."""
    patch = _face_patch(pixels, points)
    if min(patch.shape) < 8:
        return 0.0
    fine = patch - cv2.GaussianBlur(patch, (0, 0), 1.0)
    return float(median(np.abs(fine).ravel()) * 1.48)
