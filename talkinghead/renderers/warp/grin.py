"""A grin in the picture: how much of one it is, and what its face does where it has to let go of it.

A mouth that grins with its teeth is no mouth at rest with a gap between its lips: its corners are up and apart, its
upper lip is drawn up from the teeth, and both lips are thin. Lips that merely met would go on smiling.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from talkinghead.core.types import Floats
from talkinghead.motion.proportions import CHIN_SHARE, UPPER_LIP_SHARE
from talkinghead.renderers.warp.slit import Slit

# A mouth at rest, in D: its width, and how far its corners stand above its middle; how much more makes a full grin.
_REST_WIDTH, _GRIN_WIDER = 0.74, 0.20
_REST_LIFT, _GRIN_LIFTS = -0.02, 0.08
# Less of a grin than this is none: faces at rest differ.
_NONE = 0.05
# Of a full grin's gap the share that the upper lip closes: teeth stay where they are, and a mouth at rest covers all
# but the edges of the upper ones.
_GRIN_UPPER_SHARE = 0.56
# What is left, at rest, of a grin's rise towards the corners: the cheeks go on smiling a little.
_KEPT_RISE = 0.15
# Of what the lips of a grin fall as it is let go, towards the corners, the share that is the bow of its teeth, too.
_TEETH_FALL = 0.85
# By how much more the corners of a grin that stays come in for rounded lips.
_ROUNDED_MORE = 0.45

Controls = Mapping[str, float]


def grin(slit: Slit) -> float:
    """How much of a grin a mouth is, 0..1: wider than one at rest, with its corners up."""
    middle = (slit.upper + slit.lower) / 2
    centre = len(middle) // 2
    lift = float(middle[centre - 8 : centre + 9].mean() - (middle[0] + middle[-1]) / 2)
    wide = float(np.clip((slit.left + slit.right - _REST_WIDTH) / _GRIN_WIDER, 0, 1))
    much = wide * float(np.clip((lift - _REST_LIFT) / _GRIN_LIFTS, 0, 1))
    return max(0.0, (much - _NONE) / (1 - _NONE))


def upper_lip_share(slit: Slit) -> float:
    """Of the gap between the lips of a mouth that is open in the picture, the share that the upper lip closes."""
    return UPPER_LIP_SHARE + (_GRIN_UPPER_SHARE - UPPER_LIP_SHARE) * grin(slit)


def closed_line(slit: Slit) -> Floats:
    """(n,) where the lips meet once a mouth that is open in the picture is closed."""
    share = upper_lip_share(slit)
    line: Floats = (1 - share) * slit.upper + share * slit.lower
    return line


def fall(slit: Slit) -> Floats:
    """(n,) how far down the closed line goes, in D, until it is a mouth's at rest; the middle stays."""
    line, centre = closed_line(slit), len(slit.a) // 2
    down: Floats = np.float32(1 - _KEPT_RISE) * (line[centre - 4 : centre + 5].mean() - line)
    return down


def teeth_fall(slit: Slit) -> Floats:
    """(n,) how far down a grin's teeth go with lips that let go of it, in D: they have most of their bow in common."""
    down: Floats = np.float32(_TEETH_FALL * grin(slit)) * fall(slit)
    return down


def picture_jaw(slit: Slit) -> float:
    """How far the jaw of a mouth that is open in the picture has dropped there, in D."""
    return CHIN_SHARE * (1 - upper_lip_share(slit)) * float(slit.gap.max())


def excess_width(slit: Slit) -> float:
    """The share of its width by which a mouth is wider than one at rest, 0 where it is not."""
    return max(0.0, 1 - _REST_WIDTH / (slit.left + slit.right))


def let_go(smile: float, openness: float, controls: Controls) -> Controls:
    """A frame's `controls` with what a grin of the picture, `smile` (0..1), needs on top.

    It is let go where its mouth is closed, where lips are rounded, and where a frown takes it back; the last two close
    a mouth that would have been kept open: who frowns shows no teeth.
    """
    if smile <= 0:
        return controls
    changed = dict(controls)
    narrow = max(0.0, (changed.get("narrow_l", 0.0) + changed.get("narrow_r", 0.0)) / 2)
    frown = max(0.0, (changed.get("frown_l", 0.0) + changed.get("frown_r", 0.0)) / 2)
    lost = min(narrow + frown, 1.0)
    close = changed.get("close", 1.0)
    if openness > 0:
        changed["close"] = close = max(close, smile * lost)
    changed["relax"] = smile * max(openness * close, lost)
    for side in "lr":
        rounded = changed.get(f"narrow_{side}", 0.0)
        changed[f"narrow_{side}"] = rounded * (1 + _ROUNDED_MORE * smile * (1 - openness))
    return changed
