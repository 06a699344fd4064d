"""The teeth that a picture shows, and what a video has shown of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from talkinghead.core.types import Floats, Pixels
from talkinghead.renderers.warp.fields import smoothstep
from talkinghead.renderers.warp.grin import teeth_fall
from talkinghead.renderers.warp.quantile import median, quantile
from talkinghead.renderers.warp.teeth import Row, Sheet
from talkinghead.renderers.warp.tones import LUMA, Tones

# The middle teeth of a picture reach so far to both sides, in D; beyond, by how much their row's edge rises at least,
# per D.
_MIDDLE_TEETH, _EDGE_RISES = 0.10, 0.20
# Holes between its teeth narrower than this are none, and its last ones are so wide, in D.
_HOLES, _LAST_TEETH = 0.03, 0.06
# How bright teeth beside the last ones that are seen are.
_IN_CHEEKS = 0.85
# A video's own teeth are drawn once its mouth is open by so much, in D: from the first, wholly from the second. How far
# one frame moves that share, and the teeth's tone.
_VIDEO_GAP, _SHARE_RATE, _TONE_RATE = (0.10, 0.16), 0.35, 0.15


@dataclass(frozen=True)
class SeenTeeth(Row):
    """A row that the picture shows.

    Its `tone` is the RGB colour (3,) of what light falls on fully; its biting `edge` (w,) in D, also where its teeth
    are hidden; `columns` (w,), 0..1, where they are seen.
    """

    tone: Floats
    edge: Floats
    columns: Floats

    def fallen(self, sheet: Sheet) -> SeenTeeth:
        """These teeth on `sheet` behind lips that have let go of a grin."""
        down = sheet.slit.along(teeth_fall(sheet.slit), sheet.a) * np.float32(sheet.unit)
        columns, rows = (np.arange(count, dtype=np.float32) for count in self.cover.shape[::-1])
        moved = self.moved(*np.broadcast_arrays(columns, rows[:, None] - down))
        return replace(self, colour=moved.colour, cover=moved.cover)


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
    edge, share = _extent(sheet, columns, last)
    last = cv2.GaussianBlur(np.where(columns, last, edge)[None].astype(np.float32), (0, 0), 0.02 * sheet.unit)[0]
    row = np.clip(np.searchsorted(sheet.b, upper), 0, len(sheet.b) - 1)
    continued = seen[row, np.arange(len(sheet.a))] * (1 - 0.3 * np.clip((upper - b) / 0.12, 0, 1)[..., None])
    colour = np.where((b < upper)[..., None], continued, seen)
    cover = smoothstep(-0.5, 0.5, (last - b) / sheet.edge_width) * columns
    cover = cv2.GaussianBlur(cover.astype(np.float32), (0, 0), 0.008 * sheet.unit)
    tone = quantile(seen[bright], 0.75).astype(np.float32)
    return SeenTeeth(colour.astype(np.float32), cover, tone, edge, share)


def _extent(sheet: Sheet, columns: npt.NDArray[np.bool_], last: Floats) -> tuple[Floats, Floats]:
    """(edge, columns) of `SeenTeeth`, from the `columns` with teeth and their `last` rows."""
    share = cv2.blur(columns.astype(np.float32)[None], (2 * round(_HOLES * sheet.unit) + 1, 1))[0]
    middle, numbers = int(np.abs(sheet.a).argmin()), np.arange(len(share), dtype=np.float32)
    left = middle - int((share[middle::-1] < 0.5).argmax())
    right = middle + int((share[middle:] < 0.5).argmax())
    near = _LAST_TEETH * sheet.unit
    seen: Floats = smoothstep(left, left + near, numbers) * (1 - smoothstep(right - near, right, numbers))
    sure = columns & (seen > 0.99)
    if sure.sum() < near:
        return last, seen
    # An arch's edge is a bow; beyond what is seen it is the same one.
    bow = np.polynomial.Polynomial.fit(sheet.a[sure], last[sure], 2)
    return bow(sheet.a).astype(np.float32), seen


def continued(seen: SeenTeeth, painted: Row) -> SeenTeeth:
    """The picture's teeth with `painted` ones beside them, as far as lips that let go of a grin may show them."""
    beside = seen.columns < 1
    share, cover, colour = seen.columns[beside], seen.cover[:, beside], seen.colour[:, beside]
    other = painted.colour[:, beside]
    # They lie in the shade of the cheeks, like the last ones that are seen, and deeper.
    weight = share * (1 - share) * np.minimum(cover, painted.cover[:, beside])
    bright = float((weight * (other @ LUMA)).sum())
    as_bright = min(float((weight * (colour @ LUMA)).sum()) / bright, 1.0) if bright > 0 else 1.0
    other *= np.float32(_IN_CHEEKS * as_bright)
    both, covered = seen.colour.copy(), seen.cover.copy()
    both[:, beside] = other + share[:, None] * (colour - other)
    covered[:, beside] = painted.cover[:, beside] + share * (cover - painted.cover[:, beside])
    return replace(seen, colour=both, cover=covered)
