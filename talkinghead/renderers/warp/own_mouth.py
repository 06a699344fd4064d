"""What the picture itself shows between its lips, and how it goes along with them."""

from __future__ import annotations

import cv2
import numpy as np

from talkinghead.core.types import Floats, Pixels
from talkinghead.renderers.warp.fields import ramp, smoothstep
from talkinghead.renderers.warp.grin import teeth_fall
from talkinghead.renderers.warp.lips import Lips
from talkinghead.renderers.warp.slit import Slit
from talkinghead.renderers.warp.teeth import Row, Sheet

# Half-widths of the mouth between which what is seen at its corners begins to go along with them; by how much wider a
# mouth may open, in D, until what the picture shows in it has given way to what is painted.
_CORNERS_FOLLOW, _WIDER_OPEN = (0.40, 0.85), (0.02, 0.10)
# The same of a single place at the corners, whose dark is a shadow until there is a cavity behind it.
_CORNERS_OPEN = 0.0, 0.06


class OwnMouth:
    """The opening of one picture's mouth. On a canvas, `a` (w,) and `b` (h, 1) are places in D."""

    def __init__(self, slit: Slit, pixels: Pixels) -> None:
        self._slit, self._pixels = slit, pixels
        self._fall = teeth_fall(slit)

    def lay(self, view: Floats, lips: Lips, a: Floats, b: Floats, kept: float) -> None:
        """All that the picture shows, onto `view` (h, w, 3) over what is painted, while hardly wider open than there.

        `lips` on the columns `a`; `kept`, 0..1: how far the mouth is kept open as it is.
        """
        wider = float(lips.gap.max()) - kept * float(self._slit.gap.max())
        share = kept * (1 - float(smoothstep(*_WIDER_OPEN, np.array(wider))))
        if share <= 0:
            return
        places = np.dstack(self._in_picture(lips, a, b, kept, kept))
        at = self._slit.axes.pixels(places).astype(np.float32)
        own = cv2.remap(self._pixels, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        view += np.float32(share) * (own.astype(np.float32) - view)

    def teeth(self, row: Row, sheet: Sheet, lips: Lips, a: Floats, b: Floats, kept: float) -> Row:
        """Its own teeth, a `row` on `sheet`; at the corners of a mouth that is `kept` open (0..1), and no wider open
        than there, all that it shows."""
        slit = self._slit
        a_there, b_there = self._in_picture(lips, a, b, kept, 0.0)
        fallen = np.float32(1 - kept) * slit.along(self._fall, a_there)
        teeth = row.moved((a_there - sheet.a[0]) * sheet.unit, (b_there - fallen - sheet.b[0]) * sheet.unit)
        wider = lips.gap - slit.along(slit.gap, a_there[0])
        shown = np.float32(kept) * smoothstep(*_CORNERS_FOLLOW, np.abs(slit.u(a_there[0])))
        shown *= 1 - smoothstep(*_CORNERS_OPEN, wider)
        inside = ramp((slit.along(slit.lower, a_there[0]) - b_there) / np.float32(sheet.softness) + 0.5)
        return Row(teeth.colour, np.maximum(teeth.cover, shown * inside))

    def _in_picture(self, lips: Lips, a: Floats, b: Floats, kept: float, anchored: float) -> tuple[Floats, Floats]:
        """Where the picture shows what comes to lie at `a` and `b`: (a, b), each (h, w).

        Teeth stay where they are; at the corners of a mouth that is `kept` open what is seen goes along with the lips.
        `anchored` 1 makes all of it hang on the upper lip.
        """
        slit = self._slit
        half = np.where(a < 0, slit.left, slit.right)
        now = np.maximum(np.where(a < 0, -lips.left, lips.right), 1e-3)
        u = np.clip(np.abs(a) / now, 0, 1)
        # A mouth that widens stretches what lies at its corners; the middle keeps its size.
        wider = np.maximum(now / half, 1)
        there = np.where(now > half, np.sign(a) * half * (u + (wider - 1) * u * (1 - u) ** 2), a).astype(np.float32)
        along = np.float32(kept) * smoothstep(*_CORNERS_FOLLOW, u)
        along = along + (1 - along) * np.float32(anchored)
        upper, lower = slit.along(slit.upper, there), slit.along(slit.lower, there)
        shifted = b + along * (upper - lips.upper)
        if anchored > 0:
            shifted = np.clip(shifted, upper, lower)
        return np.broadcast_to(there, shifted.shape).astype(np.float32), shifted.astype(np.float32)
