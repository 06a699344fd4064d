"""Rows of teeth, painted once per portrait: an arch as the picture sees it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from talkinghead.core.types import Floats
from talkinghead.renderers.warp.fields import smoothstep
from talkinghead.renderers.warp.slit import Slit
from talkinghead.renderers.warp.tones import Tones

# A millimetre in D: adults' pupils are 63 mm apart. Half a mouth at rest, in D. The dental arch's radius.
_MM, _REST_HALF_WIDTH, _ARCH_MM = 1 / 63, 0.40, 29.0
# Half a mouth whose teeth are painted is no narrower than this, in D. Of what a narrow mouth's teeth are smaller, the
# share by which its arch is: a spread mouth shows more of them. The most that an arch is turned, as a sine.
_LEAST_HALF, _ARCH_SHRINKS, _MOST_TURNED = 0.30, 0.4, 0.5


@dataclass(frozen=True)
class Jaw:
    """One jaw's teeth from the middle outwards.

    `widths_mm`; `shorter`, in D, than the middle ones; `edge` of the middle ones under the lips' line, in D; `up` is
    1 where they point down and -1 where up; the `corner`s' roundness; how much `light` reaches them, and how much
    darker the lines `between` them are.
    """

    widths_mm: tuple[float, ...]
    shorter: tuple[float, ...]
    edge: float
    scale: float
    up: float
    corner: int
    light: float
    between: float


UPPER = Jaw((8.6, 6.6, 7.6, 7.0, 6.8, 10.0), (0.0, 0.010, 0.002, 0.014, 0.022, 0.03), 0.040, 1.0, 1.0, 4, 1.0, 0.22)
LOWER = Jaw((5.4, 5.9, 6.8, 7.0, 7.0, 10.0), (0.0, 0.001, -0.003, 0.006, 0.01, 0.02), 0.026, 0.86, -1.0, 6, 0.80, 0.13)


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


def no_teeth(sheet: Sheet) -> Row:
    """What a muzzle shows that is no person's."""
    size = (len(sheet.b), len(sheet.a))
    return Row(np.zeros((*size, 3), np.float32), np.zeros(size, np.float32))


def painted_teeth(sheet: Sheet, tones: Tones, jaw: Jaw) -> Row:
    """One jaw's teeth at rest."""
    arch = _Arch.of(sheet.slit, jaw)
    place = np.clip(sheet.a / arch.radius + arch.turned, -1, 1)
    along = np.abs(np.arcsin(place) - np.arcsin(arch.turned)) * arch.radius  # from the middle, on the arch
    ends = np.cumsum((0.0, *jaw.widths_mm)) * arch.mm
    tooth = np.clip(np.searchsorted(ends, along, side="right") - 1, 0, len(jaw.widths_mm) - 1)
    half_width = (ends[tooth + 1] - ends[tooth]) / 2
    across = np.clip((along - ends[tooth]) / half_width - 1, -1, 1)
    tip = jaw.edge - jaw.up * (np.array(jaw.shorter)[tooth] + 0.013 * np.abs(across) ** jaw.corner)
    b = sheet.b[:, None] - sheet.rest
    into = jaw.up * (tip - b)  # from the biting edge towards the gum
    inside = (1 - smoothstep(0.96, 1.04, along / ends[-1])) * (np.abs(place) < 1)
    cover = smoothstep(-0.5, 0.5, into / sheet.edge_width) * inside
    seen_width = (1 - np.abs(across)) * half_width * np.sqrt(1 - place**2)
    between = np.exp(-((seen_width / 0.006) ** 2))
    light = jaw.light * (1 - 0.10 * across**2) * (1 - 0.50 * place**2) * (1 - jaw.between * between)
    light = light * (0.90 + 0.10 * smoothstep(0.0, 0.03, into)) * (1 - 0.25 * smoothstep(0.05, 0.18, into))
    gum = smoothstep(0.135, 0.155, into + 0.02 * (across**2 - 0.5))
    colour = tones.teeth * (light * (1 - gum))[..., None] + tones.gum * (0.8 * gum)[..., None]
    return Row(colour.astype(np.float32), cover.astype(np.float32))


@dataclass(frozen=True)
class _Arch:
    """The dental arch as a picture shows it: its `radius` in D, the sine of how far it is `turned` (to the picture's
    left: what is right of its middle is the nearer and the wider half), and a tooth's `mm` in D."""

    radius: float
    turned: float
    mm: float

    @classmethod
    def of(cls, slit: Slit, jaw: Jaw) -> _Arch:
        """A mouth's."""
        half = max((slit.left + slit.right) / 2, _LEAST_HALF)
        size = half / _REST_HALF_WIDTH
        wide = size + (1 - _ARCH_SHRINKS) * max(1 - size, 0.0)
        turned = float(np.clip((slit.left - slit.right) / (slit.left + slit.right), -_MOST_TURNED, _MOST_TURNED))
        return cls(_ARCH_MM * _MM * jaw.scale * wide, turned, _MM * jaw.scale * size)
