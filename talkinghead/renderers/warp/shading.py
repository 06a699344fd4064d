"""Light and shade that a warp alone lacks: folds of a smile, hollow cheeks, pushed-out lips, a furrowed brow.

A shade is a map of relative brightness at weight 1, on the nodes of a region: -0.1 darkens by a tenth. Widths are in
pupil distances D.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np

from talkinghead.core.types import Floats, Pixels
from talkinghead.faces import mesh
from talkinghead.renderers.warp import anatomy
from talkinghead.renderers.warp.backward import Backward
from talkinghead.renderers.warp.fields import bell, smoothstep
from talkinghead.renderers.warp.grid import Grid, Rect
from talkinghead.renderers.warp.grin import grin
from talkinghead.renderers.warp.mouth_fields import MouthCoordinates
from talkinghead.renderers.warp.slit import Slit

Shades = dict[str, Floats]
# Blendshapes beyond their sum would paint, not shade.
_DARKEST, _BRIGHTEST = -0.22, 0.14
# Weights of controls that shade nothing; the controls whose shades lie on the cheeks.
_LEAST_WEIGHT = 0.02
_OF_CHEEKS = "smile_l", "smile_r", "sneer_l", "sneer_r", "cheek_l", "cheek_r"
# Shares of brightness that round to nothing.
_UNSEEN = 0.004
# Skin this near to white, in levels of its brightest channel, takes less of any more light, and at white none: a
# highlight that is cut off is a hole in the skin.
_HEADROOM = 60.0
# By how much less red, and more green and blue, a shade takes: light in a fold comes from skin, too.
_SHADE_TINT = np.array([-0.30, 0.06, 0.20], np.float32)


class _Fold(NamedTuple):
    """How a fold runs: first down (`bow` over 1) or first outwards; its widths; where it ends, over and under its
    end."""

    bow: float
    inner: float
    outer: float
    beyond: tuple[float, float]


_SNEER_FOLD, _SMILE_FOLD = _Fold(1.3, 0.035, 0.075, (0.06, 0.14)), _Fold(0.8, 0.04, 0.10, (0.10, 0.10))
# A smile's fold ends beside its raised corner: from where that is at rest, outwards and down.
_SMILE_FOLD_OUT, _SMILE_FOLD_DOWN = 0.19, -0.03


class MouthShades:
    """Shades of the mouth's controls on the picture `pixels`, those of the cheeks only once a frame asks for them."""

    def __init__(self, points: Floats, pixels: Pixels, slit: Slit, grid: Grid, rect: Rect, window: Floats) -> None:
        self._points, self._pixels, self._slit, self._grid, self._rect = points, pixels, slit, grid, rect
        self._clip = window[rect.slices]
        self._at = MouthCoordinates(points, slit, grid, rect)
        # Where the folds beside a mouth at rest end.
        self._bottom = float(slit.upper.max()) + 0.10

    def asked(self, controls: Mapping[str, float]) -> Shades:
        """All that `controls` may ask for."""
        if any(controls.get(name, 0.0) > _LEAST_WEIGHT for name in _OF_CHEEKS):
            return self._lips | self._cheeks
        return self._lips

    @cached_property
    def _lips(self) -> Shades:
        c, slit, clip = self._at, self._slit, self._clip
        hollow = np.zeros_like(c.a)
        for sign, half in ((-1.0, slit.left), (1.0, slit.right)):
            hollow += bell((sign * c.a - half - 0.16) / 0.16) * bell((c.b - self._bottom + 0.06) / 0.30)
        centre = bell(c.a / 0.30)
        under_lip = bell((c.under - c.lip_under - 0.07) / 0.06)
        on_lip = bell((c.under - 0.45 * c.lip_under) / max(0.45 * c.lip_under, 0.02)) * bell(c.a / 0.12)
        puffed = bell((np.abs(c.a) - 0.62) / 0.24) * bell((c.b + 0.05) / 0.30)
        beside = bell((np.abs(c.a) - max(slit.left, slit.right) - 0.04) / 0.06) * bell(c.b / 0.2)
        return _contiguous(
            {
                "chin": clip * (-0.11 * hollow),
                "pout": clip * (0.10 * on_lip - 0.11 * centre * under_lip),
                "funnel": clip * (0.06 * on_lip - 0.07 * centre * under_lip),
                "shrug": clip * (-0.10 * centre * under_lip),
                "puff": clip * (0.08 * puffed - 0.06 * beside),
            }
        )

    @cached_property
    def _cheeks(self) -> Shades:
        c, slit, clip = self._at, self._slit, self._clip
        light = _headroom(self._pixels, self._grid, self._rect)
        shades: Shades = {}
        fresh = 1 - grin(slit)  # a grin has its folds, where it has them: a second pair beside them are smudges
        sides = (("l", -1.0, anatomy.LEFT_NOSE_WING, slit.left), ("r", 1.0, anatomy.RIGHT_NOSE_WING, slit.right))
        for side, sign, wing, half in sides:
            outward = sign * c.a
            wing_a, wing_b = slit.axes.coordinates(self._points[wing[-1], :2])
            nose = sign * float(wing_a), float(wing_b)
            fold = _fold(c.b, outward, nose, (half + 0.13, self._bottom), _SNEER_FOLD)
            corner = float(slit.upper[0] if sign < 0 else slit.upper[-1])
            smiled = _fold(c.b, outward, nose, (half + _SMILE_FOLD_OUT, corner + _SMILE_FOLD_DOWN), _SMILE_FOLD)
            apple = light * bell((outward - half - 0.28) / 0.22) * bell((c.b - nose[1] - 0.02) / 0.20)
            shades[f"smile_{side}"] = clip * (0.075 * apple - fresh * 0.10 * smiled)
            shades[f"sneer_{side}"] = clip * (-0.10 * fold)
            shades[f"cheek_{side}"] = clip * (0.05 * apple)
        return _contiguous(shades)


def _contiguous(shades: Shades) -> Shades:
    return {name: np.ascontiguousarray(shade, np.float32) for name, shade in shades.items()}


def _fold(b: Floats, outward: Floats, wing: tuple[float, float], end: tuple[float, float], kind: _Fold) -> Floats:
    """(h, w) the line from the nose's `wing` down to `end`, both (outward, b), sharper on its inner side."""
    top, bottom = wing[1], max(end[1], wing[1] + 0.15)
    along = np.clip((b - top) / (bottom - top), 0, 1)
    off = outward - wing[0] - (end[0] - wing[0]) * along**kind.bow
    over, under = kind.beyond
    ends = smoothstep(top - 0.02, top + 0.14, b) * (1 - smoothstep(bottom - over, bottom + under, b))
    fold: Floats = np.where(off < 0, bell(off / kind.inner), bell(off / kind.outer)) * ends
    return fold


def _headroom(pixels: Pixels, grid: Grid, rect: Rect) -> Floats:
    """(h, w) on the nodes of `rect`: how much of more light the skin there takes, 0..1."""
    (rows, columns), part = (rect.y1 - rect.y0, rect.x1 - rect.x0), grid.pixels_of(rect).slices
    small = cv2.resize(pixels[part], (columns, rows), interpolation=cv2.INTER_AREA)
    bright = cv2.GaussianBlur(small, (0, 0), 2).max(-1).astype(np.float32)
    return np.asarray(np.clip((255 - bright) / _HEADROOM, 0, 1), np.float32)


def shade_tint(warmth: float) -> Floats:
    """(3, 2) the gain of red, green and blue from a shade: its share, and 1; of skin of some `warmth` (see `Tones`)."""
    return np.column_stack([1 + warmth * _SHADE_TINT, np.ones(3)]).astype(np.float32)


def brow_shades(points: Floats, grid: Grid, rect: Rect, unit_px: float) -> Shades:
    """Shades of the brows' controls: faint lines across the forehead, two between the brows."""
    axes = anatomy.slit_axes(points, 55, 285, unit_px)
    at = axes.coordinates(grid.points(rect))
    a, b = at[..., 0], at[..., 1]
    top = float(axes.coordinates(points[mesh.FOREHEAD, :2])[1])
    lines = sum(bell((b - top * share - 0.035 * np.cos(2.2 * a)) / 0.022) for share in (0.36, 0.54, 0.72))
    between = (bell((np.abs(a) - 0.075) / 0.03)) * bell((b + 0.02) / 0.11)
    shades = {
        "brow_inner": -0.045 * lines * bell(a / 0.42),
        "brow_outer_l": -0.03 * lines * bell((a + 0.5) / 0.3),
        "brow_outer_r": -0.03 * lines * bell((a - 0.5) / 0.3),
        "brow_down_l": -0.05 * between,
        "brow_down_r": -0.05 * between,
    }
    return _contiguous(shades)


def shade(
    out: Pixels, shades: Shades, controls: Mapping[str, float], rect: Rect, backward: Backward, tint: Floats
) -> None:
    """Darken and brighten `out` in place by what `controls` ask of `shades` (on `rect`), in a `tint`."""
    total: Floats | None = None
    for name, values in shades.items():
        weight = controls.get(name, 0.0)
        if weight > _LEAST_WEIGHT:
            total = values * np.float32(weight) if total is None else cv2.scaleAdd(values, weight, total, total)
    if total is None:
        return
    x0, y0, wide, tall = cv2.boundingRect((np.abs(total) > _UNSEEN).view(np.uint8))
    if not wide:
        return
    x1, y1 = x0 + wide, y0 + tall
    gain = np.clip(total[y0:y1, x0:x1], _DARKEST, _BRIGHTEST)
    where = rect = Rect(rect.x0 + x0, rect.y0 + y0, rect.x0 + x1, rect.y0 + y1)
    if backward.turn is not None:
        where = backward.beyond(rect)
        gain = backward.turned(gain, rect, where)
    pixels = backward.grid.pixels_of(where)
    full = cv2.transform(backward.grid.full_size(gain, where), tint)
    view = out[pixels.slices]
    view[...] = cv2.multiply(view, full, dtype=cv2.CV_8U)
