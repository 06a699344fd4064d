"""The inside of the mouth: cavity, tongue and teeth, painted on a canvas that is aligned with the lips.

On the canvas the lips' edges are one number per column, so everything is columns and rows; the canvas is brought into
the picture with the head's map.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import cv2
import numpy as np

from talkinghead.core.types import Floats, Pixels
from talkinghead.renderers.warp.fields import clipped, ramp, smoothstep
from talkinghead.renderers.warp.grin import closed_line
from talkinghead.renderers.warp.lips import Lips
from talkinghead.renderers.warp.own_mouth import OwnMouth
from talkinghead.renderers.warp.seen_teeth import TeethMemory, continued, seen_teeth
from talkinghead.renderers.warp.slit import Slit
from talkinghead.renderers.warp.teeth import LOWER, UPPER, Row, Sheet, no_teeth, painted_teeth
from talkinghead.renderers.warp.tones import Tones

_MIN_UNIT_PX, _MAX_UNIT_PX = 90.0, 160.0
# Grain below this many levels is not seen.
_SMOOTH_GRAIN = 1.5
# Light that reaches teeth in the shade has been reflected by lips and gums: of red there is more, of blue less.
_IN_SHADE = np.array([0.26, -0.10, -0.20], np.float32)
# A mouth open by more than this in the picture, in D, shows its own teeth.
_OWN_TEETH_GAP = 0.12
# By how much a narrow mouth's sides are darker, from where to where in half-widths, and how narrow that is, in D.
_NARROW_SHADE, _NARROW_SIDES, _NARROW_GAP = 0.85, (0.15, 0.75), 0.07
# How far the lower teeth stand out of the lip, in D, where they begin to be seen, and where they are.
_TIPS = 0.012, 0.045
# Columns and rows around what is covered that are painted too; how far the line between lips reaches, in its widths:
# beyond, it covers less than a ten-thousandth.
_RIM, _LINE_REACH = 2, 3.1


class MouthCanvas:
    """The canvas of one portrait's mouth, with its teeth."""

    def __init__(
        self, slit: Slit, tones: Tones, pixels: Pixels, *, teeth: bool = True, memory: TeethMemory | None = None
    ) -> None:
        """`pixels`: the picture, whose own teeth are used where it shows them; `teeth`: whether others are painted.

        `memory` is a video's, whose frames show their teeth now and then.
        """
        self.slit, self.tones = slit, tones
        unit = float(np.clip(slit.axes.unit_px, _MIN_UNIT_PX, _MAX_UNIT_PX))
        self.unit = unit
        self.a0, self.b0 = -(slit.left + 0.30), float(slit.upper.min()) - 0.34
        columns = round((slit.right + 0.30 - self.a0) * unit)
        rows = round((float(slit.lower.max()) + 0.66 - self.b0) * unit)
        self.a = (self.a0 + np.arange(columns, dtype=np.float32) / unit).astype(np.float32)
        self.b = (self.b0 + np.arange(rows, dtype=np.float32) / unit).astype(np.float32)
        self.softness = tones.softness_px / slit.axes.unit_px
        self.rest = self._rest_line()
        self._contact, self._in_shade = tones.contact, np.float32(tones.warmth) * _IN_SHADE
        self._grain = self._grain_like(tones.grain)
        self._sheet = sheet = Sheet(slit, self.a, self.b, self.rest, unit, self.softness)
        seen = seen_teeth(sheet, tones, pixels) if float(slit.gap.max()) > _OWN_TEETH_GAP else None
        tone = seen.tone if seen is not None else None
        if memory is not None:
            memory.follow(seen, float(slit.gap.max()))
            tone = memory.tone
        if tone is not None:
            tones = tones._replace(teeth=tone)
        self._lower_teeth = painted_teeth(sheet, tones, LOWER) if teeth else no_teeth(sheet)
        self.shows_own_teeth = seen is not None and memory is None
        self._own = OwnMouth(slit, pixels) if memory is None and slit.openness >= 1 else None
        # Beside teeth that are seen, painted ones go on at their edge; a video's, which come and go, where they are.
        if seen is not None and memory is None:
            sheet = replace(sheet, rest=seen.edge - np.float32(UPPER.edge))
        painted = painted_teeth(sheet, tones, UPPER) if teeth else no_teeth(sheet)
        if seen is not None and teeth:
            seen = continued(seen, painted)
        if seen is not None and memory is not None:
            seen = seen.fallen(sheet)
        self._upper_teeth: Row = memory.mixed(seen, painted) if memory is not None else seen or painted

    def _rest_line(self) -> Floats:
        """(columns,) where the lips meet at rest, as teeth see it: its height and part of its bend."""
        slit, line = self.slit, closed_line(self.slit)
        inner = np.abs(slit.u(slit.a)) < 0.75
        bend, _, height = np.polyfit(slit.a[inner], line[inner], 2)
        rest: Floats = (height + 0.6 * bend * np.clip(self.a, -slit.left, slit.right) ** 2).astype(np.float32)
        return rest

    @cached_property
    def to_canvas(self) -> Floats:
        """(2, 3): crop pixels to canvas pixels (column, row)."""
        axes = self.slit.axes
        linear = axes.from_px * self.unit
        shift = -linear @ axes.origin - self.unit * np.array([self.a0, self.b0])
        return np.column_stack([linear, shift]).astype(np.float32)

    @cached_property
    def box_px(self) -> tuple[Floats, Floats]:
        """(low, high), each (2,): crop pixels of a rectangle around the canvas."""
        ends = [(x, y) for x in (self.a[0], self.a[-1]) for y in (self.b[0], self.b[-1])]
        corners = self.slit.axes.pixels(np.array(ends, np.float32))
        return corners.min(0), corners.max(0)

    def edges(self, above: Floats, below: Floats, jaw: float, tunnel: float) -> Lips:
        """Lips from the displacement (n, 2), in pixels, of the slit's upper and lower curve."""
        slit = self.slit
        up, down = above @ slit.axes.from_px.T, below @ slit.axes.from_px.T
        upper = np.interp(self.a, slit.a + up[:, 0], slit.upper + up[:, 1])
        lower = np.interp(self.a, slit.a + down[:, 0], slit.lower + down[:, 1])
        left, right = slit.a[0] + up[0, 0], slit.a[-1] + up[-1, 0]
        outside = (self.a <= left) | (self.a >= right)
        middle = (upper + lower) / 2
        upper, lower = np.where(outside, middle, upper), np.where(outside, middle, lower)
        return Lips(upper.astype(np.float32), lower.astype(np.float32), jaw, tunnel, float(left), float(right))

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return len(self.b), len(self.a)

    def paint(self, lips: Lips, closed_line: float, kept: float = 0.0) -> tuple[Pixels, Floats, Floats]:
        """(colour (h, w, 3) of what is covered, cover (h, w) 0..1, side (h, w): 1 under the lips' middle).

        `kept`, 0..1: how far a mouth that is open in the picture is kept open, and shows what it shows there.
        """
        px = 1 / self.unit
        side = (self.b[:, None] - lips.middle) * np.float32(self.unit) + np.float32(0.5)
        clipped(side, side)
        colour, cover = np.zeros((*self.shape, 3), np.uint8), np.zeros(self.shape, np.float32)
        soft = max(self.softness, 1.2 * px)
        line = self._line_strength(lips, closed_line)
        part = self._painted(lips, soft / 2, line)
        if part is None:
            return colour, cover, side
        rows, columns = part
        b = self.b[rows, None]
        covered = ramp((b - lips.upper[columns]) / soft + 0.5)
        covered *= ramp((lips.lower[columns] - b) / soft + 0.5)
        covered *= clipped(lips.gap[columns] / (1.5 * px))
        painted = np.broadcast_to(self.tones.cavity, (*covered.shape, 3)).copy()
        open_rows = np.flatnonzero((covered > 0.002).any(1))
        if len(open_rows):
            first, last = int(open_rows[0]), int(open_rows[-1]) + 1
            part_rows = slice(rows.start + first, rows.start + last)
            self._paint_open(painted[first:last], lips, part_rows, columns, kept)
            if self._own is not None:
                here = self.b[part_rows, None]
                self._own.lay(painted[first:last], lips.on(columns), self.a[columns], here, kept)
        if line is not None:
            # Where lips touch they shade each other: a dark red, not the dark of the cavity.
            contact = self._contact_line(lips, line, b, columns)
            share = contact / (contact + covered + 1e-6)
            painted += (self._contact - painted) * share[..., None]
            covered = np.maximum(covered, contact)
        colour[part], cover[part] = np.clip(painted + 0.5, 0, 255).astype(np.uint8), covered
        return colour, cover, side

    def _painted(self, lips: Lips, soft: float, line: Floats | None) -> tuple[slice, slice] | None:
        """(rows, columns) of the canvas that lips, `soft` at their edges, and the line between them can cover."""
        columns = np.flatnonzero((self.a > lips.left) & (self.a < lips.right))
        if not len(columns):
            return None
        inside = slice(max(int(columns[0]) - _RIM, 0), min(int(columns[-1]) + 1 + _RIM, len(self.a)))
        top, bottom = float(lips.upper[inside].min()) - soft, float(lips.lower[inside].max()) + soft
        if line is not None:
            reach, middle = _LINE_REACH * self._line_width, lips.middle[inside]
            top, bottom = min(top, float(middle.min()) - reach), max(bottom, float(middle.max()) + reach)
        low, high = (round((edge - self.b0) * self.unit) for edge in (top, bottom))
        rows = slice(max(low - _RIM, 0), min(high + 1 + _RIM, len(self.b)))
        return (rows, inside) if rows.stop > rows.start else None

    @property
    def _line_width(self) -> float:
        return max(0.016, 0.7 * self.softness)

    def _line_strength(self, lips: Lips, closed_line: float) -> Floats | None:
        """(columns,) of the dark line between lips that meet: pressed lips, and an open mouth that was closed, have
        lost theirs. None where there is none."""
        overlap = clipped(-lips.gap / 0.05)
        strength = np.maximum(0.55 * overlap, closed_line * clipped(1 - lips.gap / 0.02))
        if float(strength.max()) < 0.01:
            return None
        inside = smoothstep(0.0, 0.14, self.a - lips.left) * smoothstep(0.0, 0.14, lips.right - self.a)
        lines: Floats = (strength * inside).astype(np.float32)
        return lines

    def _contact_line(self, lips: Lips, strength: Floats, b: Floats, columns: slice) -> Floats:
        distance = (b - lips.middle[columns]) / np.float32(self._line_width)
        line: Floats = strength[columns] * np.exp(-distance * distance)
        return line

    def _paint_open(self, view: Floats, lips: Lips, rows: slice, columns: slice, kept: float) -> None:
        """Cavity, tongue and teeth onto `view`, the canvas's `rows` and `columns`."""
        b, a, rest = self.b[rows, None], self.a[None, columns], self.rest[columns]
        upper_lip, lower_lip, gap = lips.upper[columns], lips.lower[columns], lips.gap[columns]
        half = max(self.slit.left, self.slit.right)
        # The far end of the cavity is darkest under the palate; light comes in over the lower lip.
        depth = clipped((b - upper_lip) / np.maximum(gap, 0.05))
        view *= (0.62 + 0.75 * depth * depth)[..., None]
        # The tongue lies in the jaw; the less the jaw drops, the more of the cavity it fills.
        middle = 0.80 * lips.jaw + rest + 0.045
        tongue = 1 - smoothstep(0.45, 1.0, np.hypot(a / (0.80 * half), (b - middle) / 0.16))
        light = 0.55 + 0.47 * smoothstep(middle - 0.14, middle + 0.03, b) - 0.07 * np.exp(-((a / 0.035) ** 2))
        _lay(view, self.tones.tongue * light[..., None], 0.95 * tongue)
        lower = self._lower_teeth.dropped(lips.jaw * self.unit, rows, columns)
        # Tips that just look over the lip lie in its shade: they would be a row of dashes.
        out_by = lower_lip - (rest + np.float32(LOWER.edge + lips.jaw))
        lower = replace(lower, cover=lower.cover * smoothstep(*_TIPS, out_by))
        upper = self._upper_teeth.cut(rows, columns)
        if self._own is not None and self.shows_own_teeth:
            upper = self._own.teeth(self._upper_teeth, self._sheet, lips.on(columns), self.a[columns], b, kept)
        _lay(view, lower.colour, lower.cover)
        _lay(view, upper.colour, upper.cover)
        # What the lips shade: under the upper lip, at the corners, a little over the lower lip.
        shadow = 1 - 0.30 * np.exp(-np.maximum(b - upper_lip, 0) / 0.022)
        shadow *= 1 - 0.20 * np.exp(-np.maximum(lower_lip - b, 0) / 0.025)
        shadow *= 1 - 0.40 * smoothstep(0.45, 1.05, np.abs(self.slit.u(self.a[columns])))
        shadow *= 1 - 0.42 * lips.tunnel
        # Little light falls through a narrow gap, and least to the sides: the teeth of f and v are no even strip.
        shadow *= 1 - 0.70 * np.exp(-gap / 0.045)
        sides = smoothstep(*_NARROW_SIDES, np.abs(self.slit.u(self.a[columns])))
        shadow *= 1 - _NARROW_SHADE * float(np.exp(-((float(lips.gap.max()) / _NARROW_GAP) ** 2))) * sides
        if self._grain is not None:
            view += self._grain[rows, columns]
        shade = shadow[..., None].astype(np.float32)
        teeth = np.maximum(lower.cover, upper.cover)[..., None]
        view *= shade * (1 + self._in_shade * ((1 - shade) * teeth))

    def _grain_like(self, level: float) -> Floats | None:
        """(h, w, 1) noise as coarse and strong as the picture's, or None where it has none to speak of."""
        if level < _SMOOTH_GRAIN:
            return None
        shrink = min(self.slit.axes.unit_px / self.unit, 1.0)
        size = max(2, round(len(self.a) * shrink)), max(2, round(len(self.b) * shrink))
        noise = np.random.default_rng(0).normal(0, 0.6 * level, size[::-1]).astype(np.float32)
        grain: Floats = cv2.resize(noise, (len(self.a), len(self.b)), interpolation=cv2.INTER_CUBIC)
        return grain[..., None]


def _lay(view: Floats, colour: Floats, cover: Floats) -> None:
    """`colour` over `view`, in place."""
    view += (colour - view) * cover[..., None].astype(np.float32)
