"""Displacement fields of the mouth, cheeks and jaw, one per control, built once per picture.

Amplitudes are in pupil distances D.
"""

from __future__ import annotations

import numpy as np

from audio2motion import MOUTH_AMPLITUDES, WIDTH_AMPLITUDES
from talkinghead.core.types import Floats
from talkinghead.faces import mesh
from talkinghead.motion.proportions import CHIN_SHARE
from talkinghead.renderers.warp import anatomy
from talkinghead.renderers.warp.fields import FieldMaker, SkinRegion, bell, opening_profile, smoothstep
from talkinghead.renderers.warp.grid import Grid, Rect
from talkinghead.renderers.warp.grin import excess_width, fall, grin, upper_lip_share
from talkinghead.renderers.warp.slit import Slit

# Shared with the speech model's targets, with tracking and with the self-check.
JAW, RAISE, LOWER = MOUTH_AMPLITUDES.jaw_open, MOUTH_AMPLITUDES.upper_lip_up, MOUTH_AMPLITUDES.lower_lip_down
PRESS = MOUTH_AMPLITUDES.lip_press
SPREAD = WIDTH_AMPLITUDES["mouthStretch"] / 2  # each corner
# The lower lip under the teeth of f and v (study); the corners up, outwards with it, and down.
BITE, SMILE, SMILE_OUT, FROWN = 0.075, 0.11, 0.05, 0.08
# The share of its distance from the middle by which a corner comes in for a full pucker (study).
NARROW = 0.34
# The share of the jaw's way by which the corners of the mouth, and the skin over and under them, follow it.
CORNERS_FOLLOW = 0.17
# The chin: aside, and down where it comes forward. Chin and lips up in a shrug. The lips aside.
JAW_ASIDE, JAW_FORWARD, SHRUG, LIPS_ASIDE = 0.11, 0.025, 0.055, 0.13
# How much thicker each lip is once it has let go of a grin.
FILLED = 0.02
# How far over the lips' line skin goes along with corners that let go of a grin, in D: less and less, and not at all.
_RELAXES_TO = 0.35, 0.70
# From the lips' line up to where skin is no lower lip's any more, in D: under the lids' reach, over the line's canvas.
_OVER_THE_MOUTH = 0.20, 0.42
# Puffed cheeks outwards; cheeks up in a smile; the wings of the nose up.
PUFF, CHEEK_UP, SNEER = 0.13, 0.065, 0.06


class MouthCoordinates:
    """What the mouth's fields are made of, at the nodes of a region (each (h, w), in D)."""

    def __init__(self, points: Floats, slit: Slit, grid: Grid, rect: Rect) -> None:
        at = slit.axes.coordinates(grid.points(rect))
        self.a, self.b = at[..., 0], at[..., 1]
        self.u = slit.u(self.a)
        columns = self.a.ravel()
        self.over = (slit.along(slit.upper, columns)).reshape(self.a.shape) - self.b
        self.under = self.b - slit.along(slit.lower, columns).reshape(self.a.shape)
        self.lip_over = float((slit.upper - slit.upper_outer).max())
        self.lip_under = float((slit.lower_outer - slit.lower).max())
        nose = slit.axes.coordinates(points[mesh.SUBNASALE, :2])
        self.nose = float(max(slit.upper[len(slit.a) // 2] - nose[1], self.lip_over + 0.12))
        sides = slit.axes.coordinates(points[[mesh.LEFT_SIDE, mesh.RIGHT_SIDE], :2])[:, 0]
        self.reach_left, self.reach_right = max(-sides[0], 0.45), max(sides[1], 0.45)
        self.profile = opening_profile(self.u)
        self.to_right = smoothstep(-0.4, 0.4, self.u)
        self.vertical = np.where(self.over > 0, bell(self.over / 0.36), bell(np.maximum(self.under, 0) / 0.46))


def mouth_region(points: Floats, slit: Slit, grid: Grid, window: Floats) -> SkinRegion:
    """Fields of every mouth, jaw, cheek and nose control."""
    outline = slit.axes.coordinates(points[list(mesh.FACE_OVAL), :2])
    cheeks = slit.axes.coordinates(points[[anatomy.LEFT_CHEEK[0], anatomy.RIGHT_CHEEK[0]], :2])
    low, high = outline.min(0) - 0.3, outline.max(0) + np.array([0.3, 0.75])
    rect = grid.rect_of(slit.axes, (low[0], cheeks[:, 1].min() - 0.75), (high[0], high[1]))
    region, c = SkinRegion(rect), MouthCoordinates(points, slit, grid, rect)
    # Skin under a lid, which has an under of its own, lies over the mouth: it moves as that does, or a seam is seen.
    make = FieldMaker(region, slit.axes, window, over=smoothstep(*_OVER_THE_MOUTH, c.over))
    _jaw_fields(c, make)
    _lip_fields(c, make)
    for sign, side in ((-1.0, "l"), (1.0, "r")):
        _corner_fields(c, slit, make, sign, side)
    _cheek_fields(points, slit, c, make)
    _closing_field(slit, c, make)
    _relaxing_field(slit, c, make)
    return region


def _jaw_fields(c: MouthCoordinates, make: FieldMaker) -> None:
    deep = smoothstep(0.0, 0.55, c.under)
    reach = np.where(c.a < 0, c.reach_left, c.reach_right)
    wide = 1 - smoothstep(0.28, 1.15 * reach, np.abs(c.a))
    # The corners follow the jaw a little, and the skin over and under them with it.
    corner = bell((np.abs(c.u) - 1) / 0.6) * np.where(c.over > 0, bell(c.over / 0.42), 1 - deep)
    make.add("chin", both=(0.0, CORNERS_FOLLOW * JAW * corner), below=(0.0, JAW * deep * wide))
    make.add("lip_drop", below=(0.0, JAW * (1 - deep) * c.profile))
    make.add("jaw_shift", below=(JAW_ASIDE * (0.5 * (1 - deep) * c.profile + deep * wide), 0.0))
    make.add("jaw_forward", below=(0.0, JAW_FORWARD * deep * wide))
    lips_and_chin = np.where(c.over > 0, bell(c.over / 0.3), bell(np.maximum(c.under, 0) / 0.55))
    make.add("shrug", both=(0.0, -SHRUG * bell(c.a / 0.5) * lips_and_chin))
    make.add("shift", both=(LIPS_ASIDE * bell(c.a / 0.7) * c.vertical, 0.0))


def _closing_field(slit: Slit, c: MouthCoordinates, make: FieldMaker) -> None:
    """Closes a mouth that is open in the picture, from the upper lip and from the lower, which takes the chin along."""
    open_by = float(slit.gap.max())
    if open_by <= 0:
        return
    gap = slit.along(slit.gap, c.a.ravel()).reshape(c.a.shape) * (np.abs(c.u) < 1)
    share = upper_lip_share(slit)
    over = 1 - smoothstep(c.lip_over, c.nose + 0.05, c.over)
    deep = smoothstep(0.0, 0.5, c.under)
    reach = np.where(c.a < 0, c.reach_left, c.reach_right)
    wide = 1 - smoothstep(0.22, reach, np.abs(c.a))
    make.add(
        "close",
        above=(0.0, share * gap * over),
        below=(0.0, -(1 - share) * (gap * (1 - deep) + CHIN_SHARE * open_by * deep * wide)),
    )


def _relaxing_field(slit: Slit, c: MouthCoordinates, make: FieldMaker) -> None:
    """Lets go of a grin: the corners come in and down until the lips' line is one at rest, and the lips fill out."""
    if grin(slit) <= 0:
        return
    half = np.where(c.a < 0, slit.left, slit.right)
    outward, beyond = np.abs(c.a), np.abs(c.a) - half
    pull = np.minimum(outward, half) * (1 - smoothstep(0.0, 0.75, beyond))
    down = slit.along(fall(slit), c.a.ravel()).reshape(c.a.shape) * bell(np.maximum(beyond, 0) / 0.40)
    line = slit.along((slit.upper + slit.lower) / 2, c.a.ravel()).reshape(c.a.shape)
    # The eyes of a video are its own: nothing of this may reach them.
    near = 1 - smoothstep(*_RELAXES_TO, c.over)
    over = (1 - smoothstep(c.lip_over, c.nose, c.over)) * smoothstep(0.0, c.lip_over, c.over)
    under = (1 - smoothstep(c.lip_under, c.lip_under + 0.30, c.under)) * smoothstep(0.0, c.lip_under, c.under)
    make.add(
        "relax",
        both=(
            -np.sign(c.a) * excess_width(slit) * pull * c.vertical * near,
            down * bell((c.b - line) / 0.40) * near,
        ),
        above=(0.0, -FILLED * over * c.profile),
        below=(0.0, FILLED * under * c.profile),
    )


def _lip_fields(c: MouthCoordinates, make: FieldMaker) -> None:
    over = 1 - smoothstep(c.lip_over, c.nose, c.over)
    under = 1 - smoothstep(c.lip_under, c.lip_under + 0.36, c.under)
    spread_over = smoothstep(0.0, c.lip_over + 0.25, c.over)
    spread_under = smoothstep(0.0, c.lip_under + 0.25, c.under)
    lateral_over = c.profile * (1 - spread_over) + bell(c.a / 0.62) * spread_over
    lateral_under = c.profile * (1 - spread_under) + bell(c.a / 0.62) * spread_under
    for side, weight in (("l", 1 - c.to_right), ("r", c.to_right)):
        make.add(f"raise_{side}", above=(0.0, -RAISE * over * lateral_over * weight))
        make.add(f"lower_{side}", below=(0.0, LOWER * under * lateral_under * weight))
    flat = (1 - np.minimum(np.abs(c.u), 1) ** 5).astype(np.float32)
    make.add("press_upper", above=(0.0, PRESS * flat * (1 - smoothstep(c.lip_over, c.lip_over + 0.22, c.over))))
    make.add("press_lower", below=(0.0, -PRESS * flat * (1 - smoothstep(c.lip_under, c.lip_under + 0.24, c.under))))
    make.add("bite", below=(0.0, -BITE * flat * (1 - smoothstep(c.lip_under, c.lip_under + 0.30, c.under))))
    swell_over = smoothstep(0.0, c.lip_over, c.over) * over
    swell_under = smoothstep(0.0, c.lip_under, c.under) * under
    make.add("pout", above=(0.0, -0.030 * swell_over * lateral_over), below=(0.0, 0.035 * swell_under * lateral_under))
    make.add("funnel", above=(0.0, -(0.050 + 0.015 * swell_over) * over * lateral_over),
        below=(0.0, (0.075 + 0.02 * swell_under) * under * lateral_under))  # fmt: skip


def _corner_fields(c: MouthCoordinates, slit: Slit, make: FieldMaker, sign: float, side: str) -> None:
    half = slit.left if sign < 0 else slit.right
    outward = np.maximum(sign * c.a, 0)
    pull = np.minimum(outward, half) * (1 - smoothstep(0.0, 0.75, outward - half))
    make.add(f"narrow_{side}", both=(-sign * NARROW * pull * c.vertical, 0.0))
    make.add(f"spread_{side}", both=(sign * SPREAD * pull / half * c.vertical, 0.0))
    corner_b = float(slit.upper[0] if sign < 0 else slit.upper[-1])
    # Corners rise and fall by themselves: the middle of the lips stays.
    sideways = np.where(outward < half, np.clip(outward / half, 0, 1) ** 1.7, bell((outward - half) / 0.40))
    near = sideways * bell((c.b - corner_b) / 0.40)
    make.add(f"smile_{side}", both=(sign * SMILE_OUT * near, -SMILE * near))
    make.add(f"frown_{side}", both=(0.0, FROWN * near))


def _cheek_fields(points: Floats, slit: Slit, c: MouthCoordinates, make: FieldMaker) -> None:
    def bump(indices: tuple[int, ...], width: float, height: float) -> Floats:
        centre = slit.axes.coordinates(points[list(indices), :2].mean(0))
        return bell((c.a - centre[0]) / width) * bell((c.b - centre[1]) / height)

    puff = PUFF * (bump(anatomy.RIGHT_CHEEK[1:], 0.36, 0.42) - bump(anatomy.LEFT_CHEEK[1:], 0.36, 0.42))
    make.add("puff", both=(puff, 0.0))
    make.add("cheek_l", both=(0.0, -CHEEK_UP * bump(anatomy.LEFT_CHEEK[:1], 0.34, 0.28)))
    make.add("cheek_r", both=(0.0, -CHEEK_UP * bump(anatomy.RIGHT_CHEEK[:1], 0.34, 0.28)))
    make.add("sneer_l", both=(0.0, -SNEER * bump(anatomy.LEFT_NOSE_WING, 0.17, 0.17)))
    make.add("sneer_r", both=(0.0, -SNEER * bump(anatomy.RIGHT_NOSE_WING, 0.17, 0.17)))
