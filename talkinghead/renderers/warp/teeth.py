"""Rows of teeth, painted once per portrait: an arch seen from the front, or the teeth that the picture shows."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from talkinghead.core.types import Floats, Pixels
from talkinghead.renderers.warp.fields import smoothstep
from talkinghead.renderers.warp.quantile import median, quantile
from talkinghead.renderers.warp.slit import Slit
from talkinghead.renderers.warp.tones import LUMA, Tones

# How much darker the lines between teeth are.
_BETWEEN = 0.22
# A millimetre in D: adults' pupils are 63 mm apart. Half a mouth at rest, in D. The dental arch's radius.
_MM, _REST_HALF_WIDTH, _ARCH_MM = 1 / 63, 0.40, 29.0

# The middle teeth of a picture reach so far to both sides, in D; beyond, by how much their row's edge rises at least,
# per D.
_MIDDLE_TEETH, _EDGE_RISES = 0.10, 0.20
# A video's own teeth are drawn once its mouth is open by so much, in D: from the first, wholly from the second. How far
# one frame moves that share, and the teeth's tone.
_VIDEO_GAP, _SHARE_RATE, _TONE_RATE = (0.10, 0.16), 0.35, 0.15


@dataclass(frozen=True)
class Jaw:
    """One jaw's teeth from the middle outwards.

    `widths_mm`; `shorter`, in D, than the middle ones; `edge` of the middle ones under the lips' line, in D; `up` is
    1 where they point down and -1 where up; the `corner`s' roundness; how much `light` reaches them.
    """

    widths_mm: tuple[float, ...]
    shorter: tuple[float, ...]
    edge: float
    scale: float
    up: float
    corner: int
    light: float


UPPER = Jaw((8.6, 6.6, 7.6, 7.0, 6.8, 10.0), (0.0, 0.010, 0.002, 0.014, 0.022, 0.03), 0.040, 1.0, 1.0, 4, 1.0)
LOWER = Jaw((5.4, 5.9, 6.8, 7.0, 7.0, 10.0), (0.0, 0.001, -0.003, 0.006, 0.01, 0.02), 0.026, 0.86, -1.0, 6, 0.86)


@dataclass(frozen=True)
class Sheet:
    """What teeth are painted on: columns at `a` and rows at `b` in D, `unit` of them to D.

    `rest` is the lips' line at rest per column, `softness` the width of the picture's edges in D.
    """

    slit: Slit
    a: Floats
    b: Floats
    rest: Floats
    unit: float
    softness: float

    @property
    def edge_width(self) -> float:
        """Over how much of D a tooth's edge fades: as soft as the picture, and no sharper than its pixels."""
        return max(0.8 * self.softness, 1.2 / self.unit)


@dataclass(frozen=True)
class Row:
    """A row of teeth: `colour` (h, w, 3) 0..255 and `cover` (h, w) 0..1."""

    colour: Floats
    cover: Floats

    def dropped(self, by: float, rows: slice, columns: slice) -> Row:
        """These teeth `by` a fractional number of rows lower, cut to `rows` and `columns`."""
        matrix = np.array([[1, 0, columns.start], [0, 1, rows.start - by]], np.float64)
        size = (columns.stop - columns.start, rows.stop - rows.start)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        colour = cv2.warpAffine(self.colour, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        cover = cv2.warpAffine(self.cover, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return Row(colour, cover)

    def cut(self, rows: slice, columns: slice) -> Row:
        """These teeth on a part of the canvas."""
        return Row(self.colour[rows, columns], self.cover[rows, columns])

    def moved(self, columns: Floats, rows: Floats) -> Row:
        """These teeth as seen at the places `columns` and `rows` (h, w) of the canvas."""
        colour = cv2.remap(self.colour, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        cover = cv2.remap(self.cover, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return Row(colour, cover)


@dataclass(frozen=True)
class SeenTeeth(Row):
    """A row that the picture shows, and its `tone`: the RGB colour (3,) of what light falls on fully."""

    tone: Floats


@dataclass
class TeethMemory:
    """What a video has shown of its own teeth: their `tone`, and how far they, not painted ones, are drawn by now."""

    tone: Floats | None = None
    share: float = 0.0

    def follow(self, seen: SeenTeeth | None, gap: float) -> None:
        """One more frame, whose lips are `gap` D apart at most."""
        wanted = 0.0 if seen is None else float(smoothstep(*_VIDEO_GAP, np.array(gap)))
        self.share += _SHARE_RATE * (wanted - self.share)
        if seen is not None:
            self.tone = seen.tone if self.tone is None else self.tone + _TONE_RATE * (seen.tone - self.tone)

    def mixed(self, seen: SeenTeeth | None, painted: Row) -> Row:
        """The frame's own teeth, in the light of the last frames, over `painted` ones by its share."""
        if seen is None or self.tone is None:
            return painted
        own = seen.colour * (self.tone / np.maximum(seen.tone, 1))
        cover = painted.cover + np.float32(self.share) * (seen.cover - painted.cover)
        # Where only one of them is, its colour counts.
        weight = (self.share * seen.cover / np.maximum(cover, 1e-3))[..., None]
        return Row((painted.colour + weight * (own - painted.colour)).astype(np.float32), cover)


def no_teeth(sheet: Sheet) -> Row:
    """What a muzzle shows that is no person's."""
    size = (len(sheet.b), len(sheet.a))
    return Row(np.zeros((*size, 3), np.float32), np.zeros(size, np.float32))


def painted_teeth(sheet: Sheet, tones: Tones, jaw: Jaw) -> Row:
    """One jaw's teeth at rest."""
    half = max(min(sheet.slit.left, sheet.slit.right), 0.30)
    size = jaw.scale * _MM * half / _REST_HALF_WIDTH
    arch = _ARCH_MM * size
    bounds = arch * np.sin(np.minimum(np.cumsum((0.0, *jaw.widths_mm)) * size / arch, np.pi / 2))
    a, b = np.abs(sheet.a), sheet.b[:, None] - sheet.rest
    tooth = np.clip(np.searchsorted(bounds, a, side="right") - 1, 0, len(jaw.widths_mm) - 1)
    half_width = (bounds[tooth + 1] - bounds[tooth]) / 2
    across = np.clip((a - bounds[tooth]) / np.maximum(half_width, 1e-4) - 1, -1, 1)
    tip = jaw.edge - jaw.up * (np.array(jaw.shorter)[tooth] + 0.013 * np.abs(across) ** jaw.corner)
    into = jaw.up * (tip - b)  # from the biting edge towards the gum
    cover = smoothstep(-0.5, 0.5, into / sheet.edge_width) * (1 - smoothstep(0.96, 1.04, a / bounds[-1]))
    between = np.exp(-(((1 - np.abs(across)) * half_width / 0.006) ** 2))
    light = jaw.light * (1 - 0.10 * across**2) * (1 - 0.50 * (a / arch) ** 2) * (1 - _BETWEEN * between)
    light = light * (0.90 + 0.10 * smoothstep(0.0, 0.03, into)) * (1 - 0.25 * smoothstep(0.05, 0.18, into))
    gum = smoothstep(0.135, 0.155, into + 0.02 * (across**2 - 0.5))
    colour = tones.teeth * (light * (1 - gum))[..., None] + tones.gum * (0.8 * gum)[..., None]
    return Row(colour.astype(np.float32), cover.astype(np.float32))


def seen_teeth(sheet: Sheet, tones: Tones, pixels: Pixels) -> SeenTeeth | None:
    """The upper teeth that the picture shows between its lips, or None where it shows too few."""
    slit, b = sheet.slit, sheet.b[:, None]
    at = slit.axes.pixels(np.dstack(np.broadcast_arrays(sheet.a[None, :], b)).astype(np.float32))
    seen = cv2.remap(pixels, at, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    rim = max(1.5 / slit.axes.unit_px, sheet.softness)
    upper, lower = slit.along(slit.upper, sheet.a) + rim, slit.along(slit.lower, sheet.a) - rim
    inside = (b > upper) & (b < lower)
    if not inside.any():
        return None
    luma = seen @ LUMA
    level = float(quantile(luma[inside], 0.9))
    reddish = seen[..., 0] - seen[..., 1:].mean(-1) > 0.33 * luma
    bright = inside & (luma > 0.62 * level) & ~reddish
    if level < 0.70 * float(tones.teeth.mean()) or bright.sum() < 0.3 * inside.sum():
        return None
    # In every column the teeth reach from the lip to their last bright row; above the lip they are continued.
    columns = bright.any(0)
    last = np.where(columns, sheet.b[len(sheet.b) - 1 - bright[::-1].argmax(0)], upper)
    # The lower teeth of a wide grin are no part of it: an upper row's edge rises to the sides.
    middle = columns & (np.abs(sheet.a) < _MIDDLE_TEETH)
    if middle.any():
        last = np.minimum(last, median(last[middle]) - _EDGE_RISES * np.maximum(np.abs(sheet.a) - _MIDDLE_TEETH, 0))
    last = cv2.GaussianBlur(last[None].astype(np.float32), (0, 0), 0.02 * sheet.unit)[0]
    row = np.clip(np.searchsorted(sheet.b, upper), 0, len(sheet.b) - 1)
    continued = seen[row, np.arange(len(sheet.a))] * (1 - 0.3 * np.clip((upper - b) / 0.12, 0, 1)[..., None])
    colour = np.where((b < upper)[..., None], continued, seen)
    cover = smoothstep(-0.5, 0.5, (last - b) / sheet.edge_width) * columns
    cover = cv2.GaussianBlur(cover.astype(np.float32), (0, 0), 0.008 * sheet.unit)
    tone = quantile(seen[bright], 0.75).astype(np.float32)
    return SeenTeeth(colour.astype(np.float32), cover, tone)
