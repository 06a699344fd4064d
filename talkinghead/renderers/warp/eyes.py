"""The lids: what of the eyeball they leave open, and the skin that covers it."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np

from talkinghead.core.types import Floats, Pixels
from talkinghead.renderers.warp.fields import clipped, ramp, smoothstep
from talkinghead.renderers.warp.quantile import quantile
from talkinghead.renderers.warp.slit import Slit

_MIN_UNIT_PX = 90.0
# In pupil distances: the lashes' width around an opening, the height of the crease over it, and where skin is neither
# lid nor brow. Then how much of that skin's tone a closed lid takes.
_LASHES, _CREASE, _OVER_LID, _UNDER_LID = 0.03, 0.08, 0.14, 0.10
_TONE = 0.6
# The share of the eye's gap between which closing lids show the line where their lashes meet, and how much it covers.
_LASHES_MEET, _LASH_COVER = (0.08, 0.6), 0.9


class LidMasks(NamedTuple):
    """On an eye's canvas, float32 (h, w) 0..1.

    `cover` is where the eyeball shows, `side` is 1 under the lids' middle, `lash` is the line of closed lids.
    """

    cover: Floats
    side: Floats
    lash: Floats


class EyeCanvas:
    """Masks of one eye's lids, on a canvas aligned with its corners."""

    def __init__(self, slit: Slit, pixels: Pixels) -> None:
        self.slit = slit
        self.unit = max(slit.axes.unit_px, _MIN_UNIT_PX)
        self.a = np.arange(slit.a[0] - 0.12, slit.a[-1] + 0.12, 1 / self.unit, dtype=np.float32)
        self.b = np.arange(slit.upper.min() - 0.22, slit.lower.max() + 0.15, 1 / self.unit, dtype=np.float32)
        self.lash = self._lash_tone(pixels)
        self._inside = ((self.a > slit.a[0]) & (self.a < slit.a[-1])).astype(np.float32)
        self._rest = np.maximum(np.interp(self.a, slit.a, slit.gap), 1e-3)
        t = np.clip((self.a - slit.a[0]) / (slit.a[-1] - slit.a[0]), 0, 1)
        self._taper = _LASH_COVER * smoothstep(0.0, 0.22, t) * (1 - smoothstep(0.78, 1.0, t))

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return len(self.b), len(self.a)

    @cached_property
    def to_canvas(self) -> Floats:
        """(2, 3): crop pixels to canvas pixels (column, row)."""
        linear = self.slit.axes.from_px * self.unit
        shift = -linear @ self.slit.axes.origin - self.unit * np.array([self.a[0], self.b[0]])
        return np.column_stack([linear, shift]).astype(np.float32)

    def _lash_tone(self, pixels: Pixels) -> Floats:
        """The darkest colour along the upper lid, which is what lashes look like here."""
        line = self.slit.axes.pixels(np.column_stack([self.slit.a, self.slit.upper]))
        colours = cv2.remap(pixels, line[None], None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
        order = np.argsort(colours.sum(1))
        darkest: Floats = colours[order[: max(3, len(order) // 5)]].mean(0).astype(np.float32)
        return darkest

    def masks(self, above: Floats, below: Floats) -> LidMasks:
        """What lids displaced by (n, 2) pixels, upper and lower, leave open."""
        slit, b, px = self.slit, self.b[:, None], 1 / self.unit
        up, down = above @ slit.axes.from_px.T, below @ slit.axes.from_px.T
        upper = np.interp(self.a, slit.a + up[:, 0], slit.upper + up[:, 1]).astype(np.float32)
        lower = np.interp(self.a, slit.a + down[:, 0], slit.lower + down[:, 1]).astype(np.float32)
        side = _within((b - (upper + lower) / 2) / px + 0.5)
        soft = max(1.6 / slit.axes.unit_px, 1.2 * px)
        cover = ramp((b - upper) / soft + 0.5)
        cover *= ramp((lower - b) / soft + 0.5)
        cover *= clipped((lower - upper) / (1.5 * px)) * self._inside
        closing = smoothstep(*_LASHES_MEET, clipped(1 - (lower - upper) / self._rest) * self._inside)
        if not closing.any():
            return LidMasks(cover, side, np.zeros_like(side))
        distance = (b - np.minimum(upper, lower) - 0.004) / max(0.022, 1.1 / slit.axes.unit_px)
        lash = self._taper * closing * np.exp(-distance * distance)
        return LidMasks(cover, side, lash.astype(np.float32))


def _within(values: Floats) -> Floats:
    """`values` held between 0 and 1, in place."""
    return clipped(values, values)


def without_eyes(pixels: Pixels, eyes: tuple[Slit, Slit], closed: bool) -> Pixels:
    """A copy of the picture in which lid skin covers the eyeballs: what lids are drawn from.

    For `closed` lids the lashes around the opening and the shadow under its crease go as well, for they are an open
    eye's, and the skin takes the tone of what lies around.
    """
    filled: Pixels = pixels.copy()
    for slit in eyes:
        unit = slit.axes.unit_px
        reach = max(1, round(_LASHES * unit))
        margin = reach + round(_CREASE * unit) + 6
        rise = _CREASE * slit.gap / max(float(slit.gap.max()), 1e-3) if closed else np.zeros_like(slit.gap)
        line = slit.axes.pixels(_ring(slit, slit.upper, slit.lower))
        crease = slit.axes.pixels(_ring(slit, slit.upper - rise, slit.lower))
        low = np.maximum(np.floor(line.min(0)).astype(int) - margin, 0)
        high = np.ceil(line.max(0)).astype(int) + margin + 1
        part = filled[low[1] : high[1], low[0] : high[0]]
        if part.size == 0 or min(part.shape[:2]) < 4:
            continue
        mask = np.zeros(part.shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.round(line - low).astype(np.int32)], 255)
        if closed:
            mask = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1)))
        skin = cv2.inpaint(np.ascontiguousarray(part), mask, 3, cv2.INPAINT_TELEA)
        if closed:
            cv2.fillPoly(mask, [np.round(crease - low).astype(np.int32)], 255)
            share = _TONE * cv2.GaussianBlur(mask, (0, 0), 0.5 * reach + 0.5).astype(np.float32)[..., None] / 255
            skin = np.clip(skin + share * (_lid_tone(pixels, slit) - skin), 0, 255).astype(np.uint8)
        part[...] = skin
    return filled


def _ring(slit: Slit, upper: Floats, lower: Floats) -> Floats:
    """The outline (n, 2) between two curves over `slit.a`."""
    return np.concatenate([np.column_stack([slit.a, upper]), np.column_stack([slit.a, lower])[::-1]]).astype(np.float32)


def _lid_tone(pixels: Pixels, slit: Slit) -> Floats:
    """The colour of the skin around an eye, a little darker: (3,)."""
    at = slit.axes.pixels(_ring(slit, slit.upper - _OVER_LID, slit.lower + _UNDER_LID))[None].astype(np.float32)
    around = cv2.remap(pixels, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
    tone: Floats = (0.92 * quantile(around, 0.6)).astype(np.float32)
    return tone
