"""The eyeball behind the lids: the iris as a disc of its own over a white that was completed, so that gaze can move."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from talkinghead.core.types import Floats, Pixels
from talkinghead.motion.proportions import GAZE_X, GAZE_Y
from talkinghead.renderers.warp.fields import smoothstep
from talkinghead.renderers.warp.grid import Rect
from talkinghead.renderers.warp.quantile import median, quantile
from talkinghead.renderers.warp.slit import Slit

# The gaze weight at which the photographed eyeball has given way to the rebuilt one.
_REBUILT_AT = 0.18
# Between what and what an iris's radius lies, in D; measured on the mesh, which guesses it behind lids.
_SMALLEST_IRIS, _LARGEST_IRIS = 0.06, 0.12
# Brightness of the ball right under the upper lid, what light adds below, and where the lid's shadow ends, in D.
_UNDER_LID, _IN_LIGHT, _SHADOW_END = 0.72, 0.28, 0.075
# The disc that is moved, in iris radii.
_DISC = 1.04
# Pixels to each side of a place that cubic interpolation reads.
_CUBIC_REACH = 2


class Gaze(NamedTuple):
    """Where an eye looks, in weights, the picture's right and down positive; and how `wide` open it is."""

    x: float
    y: float
    wide: float


class Eyeball:
    """One eye's ball on the pixels of `rect`, in the portrait's own pose."""

    def __init__(self, slit: Slit, iris: Floats, pixels: Pixels, rect: Rect) -> None:
        """`iris` (5, 3): its centre and four points of its rim, in pixels."""
        self.rect, self._axes = rect, slit.axes
        self.own = np.ascontiguousarray(pixels[rect.slices])
        self.box_px = np.array([rect.x0, rect.y0], np.float32), np.array([rect.x1, rect.y1], np.float32)
        x, y = np.meshgrid(np.arange(rect.x0, rect.x1, dtype=np.float32), np.arange(rect.y0, rect.y1, dtype=np.float32))
        place = np.dstack([x, y])
        local = slit.axes.coordinates(place)
        a, b = local[..., 0], local[..., 1]
        upper = slit.along(slit.upper, a.ravel()).reshape(a.shape)
        lower = slit.along(slit.lower, a.ravel()).reshape(a.shape)
        rim = np.minimum(1.5 / slit.axes.unit_px, 0.12 * (lower - upper))
        opening = (b > upper + rim) & (b < lower - rim) & (a > slit.a[0]) & (a < slit.a[-1])
        self._centre = iris[0, :2] - np.array([rect.x0, rect.y0], np.float32)
        reach = np.hypot(*(iris[1:, :2] - iris[0, :2]).T)
        self._radius = float(
            np.clip(median(reach), _SMALLEST_IRIS * slit.axes.unit_px, _LARGEST_IRIS * slit.axes.unit_px)
        )
        distance = np.hypot(x - iris[0, 0], y - iris[0, 1])
        self._white = self._completed_white(opening, distance)
        # The upper lid shades the ball.
        self._shade = (_UNDER_LID + _IN_LIGHT * smoothstep(-0.01, _SHADOW_END, b - upper))[..., None].astype(np.float32)
        self._iris = self._completed_iris(opening, distance)
        soft = max(1.2, 0.16 * self._radius)
        self._disc = (
            1 - smoothstep(self._radius * _DISC - soft / 2, self._radius * _DISC + soft / 2, distance)
        ).astype(np.float32)

    def _completed_white(self, opening: npt.NDArray[np.bool_], distance: Floats) -> Floats:
        known = opening & (distance > 1.18 * self._radius)
        if known.sum() < 6:
            # A small or narrow eye: the brightest of what shows is its white.
            level = np.where(opening, self.own.sum(2), -1)
            known = opening & (level >= quantile(level[opening], 0.7)) if opening.any() else level < 0
        if not known.any():  # so small an eye that no pixel lies in its opening
            return self.own.astype(np.float32)
        # The median keeps veins and glints from being smeared all over.
        colour = median(self.own[known].astype(np.float32))
        filled = np.where(known[..., None], self.own, 0).astype(np.float32)
        sigma = max(0.9 * self._radius, 1.5)
        mass = cv2.GaussianBlur(known.astype(np.float32), (0, 0), sigma)[..., None]
        blurred = cv2.GaussianBlur(filled, (0, 0), sigma)
        around = (blurred + 0.02 * colour) / (mass + 0.02)
        own_share = cv2.GaussianBlur(known.astype(np.float32), (0, 0), 1.0)[..., None]
        white: Floats = (around * (1 - own_share) + self.own * own_share).astype(np.float32)
        return white

    def _completed_iris(self, opening: npt.NDArray[np.bool_], distance: Floats) -> Floats:
        """The iris's disc; what lids hide is mirrored from its other half, or has its ring's mean colour."""
        known = (opening & (distance < 1.1 * self._radius)).astype(np.float32)
        centre_y = float(self._centre[1])
        flip = np.array([[1, 0, 0], [0, -1, 2 * centre_y]], np.float64)
        size = (self.own.shape[1], self.own.shape[0])
        own = self.own.astype(np.float32)
        mirrored = cv2.warpAffine(own, flip, size, borderMode=cv2.BORDER_REPLICATE)
        mirrored_known = cv2.warpAffine(known, flip, size)
        rings = np.minimum((distance / max(self._radius, 1) * 8).astype(int), 12)
        mass = np.bincount(rings.ravel(), known.ravel(), 13)
        ring = np.stack([np.bincount(rings.ravel(), (known * own[..., c]).ravel(), 13) for c in range(3)], 1)
        mean = ring.sum(0) / max(mass.sum(), 1e-6)
        colours = ((ring + 0.5 * mean) / (mass + 0.5)[:, None])[rings]
        known_soft = cv2.GaussianBlur(known, (0, 0), 0.8)[..., None]
        mirror_soft = cv2.GaussianBlur(mirrored_known, (0, 0), 0.8)[..., None]
        hidden = mirrored * mirror_soft + colours * (1 - mirror_soft)
        iris: Floats = (own * known_soft + hidden * (1 - known_soft)).astype(np.float32)
        return iris

    def looking(self, gaze: Gaze, around: Floats | None = None) -> tuple[Pixels, tuple[int, int]]:
        """The ball with its iris moved by `gaze`.

        Returns:
            Its pixels (h, w, 3), all of them or those about the places `around` (..., 2) in the portrait, and the
            (x, y) of the first one.
        """
        (x, y, wide), part = gaze, self.rect if around is None else self._about(around)
        inner, origin = part.within(self.rect), (part.x0, part.y0)
        rebuilt = float(smoothstep(0.0, _REBUILT_AT, np.array(max(np.hypot(x, y), wide), np.float32)))
        if rebuilt <= 0:
            return self.own[inner], origin
        dx, dy = (np.array([x * GAZE_X, y * GAZE_Y]) @ self._axes.to_px.T).tolist()
        shift = np.array([[1, 0, self.rect.x0 - part.x0 + dx], [0, 1, self.rect.y0 - part.y0 + dy]], np.float64)
        size = (part.x1 - part.x0, part.y1 - part.y0)
        ball = cv2.warpAffine(self._iris, shift, size, borderMode=cv2.BORDER_REPLICATE)
        disc = cv2.warpAffine(self._disc, shift, size)[..., None]
        white, own = self._white[inner], self.own[inner]
        ball -= white
        ball *= disc
        ball += white
        ball *= self._shade[inner]
        ball -= own
        ball *= rebuilt
        ball += own
        ball += 0.5
        return np.clip(ball, 0, 255, out=ball).astype(np.uint8), origin

    def _about(self, places: Floats) -> Rect:
        """The rectangle of the ball that cubic interpolation at `places` reads."""
        low = np.floor(places.reshape(-1, 2).min(0)).astype(int) - _CUBIC_REACH
        high = np.ceil(places.reshape(-1, 2).max(0)).astype(int) + _CUBIC_REACH + 1
        found = Rect(int(low[0]), int(low[1]), int(high[0]), int(high[1])).common(self.rect)
        return self.rect if found.empty else found
