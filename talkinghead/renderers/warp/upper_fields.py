"""Displacement fields of brows and lids, built once per picture."""

from __future__ import annotations

import cv2
import numpy as np

from talkinghead.core.types import Floats, Pixels
from talkinghead.faces import mesh
from talkinghead.renderers.warp import anatomy
from talkinghead.renderers.warp.fields import FieldMaker, SkinRegion, bell, smoothstep
from talkinghead.renderers.warp.grid import Grid, Rect
from talkinghead.renderers.warp.quantile import median
from talkinghead.renderers.warp.slit import Slit

# How far brows rise (study), fall and come together, in D.
BROW_UP, BROW_DOWN, BROW_PINCH = 0.11, 0.065, 0.035
# Shares of the lid gap: what each lid closes (study: 0.92 and 0.10; together a little more than all of it), by how much
# wide eyes raise the upper and lower the lower lid, and by how much a squint raises the lower.
LID_UPPER, LID_LOWER, WIDE, WIDE_LOWER, UNDER = 0.92, 0.11, 0.17, 0.05, 0.26
# A frame's upper rim lies on the brows: what moved it far would bend it. Behind glasses brows move by this share, and
# lids pull the skin this much less far up and only so far down (D).
_GLASSES_BROWS, _GLASSES_REACH = 0.45, 0.62
_LID_REACH_DOWN, _GLASSES_REACH_DOWN = 0.26, 0.16
# From the lid to the brow, at least, in D.
_LEAST_BROW_DISTANCE = 0.12
# A frame over the bridge of the nose makes a jump of more than this share of the skin's grey (its level at least that).
_FRAME_JUMP, _LEAST_GREY = 0.13, 30.0


def upper_region(points: Floats, eyes: tuple[Slit, Slit], grid: Grid, window: Floats, glasses: bool) -> SkinRegion:
    """Fields of every brow and lid control."""
    axes = eyes[0].axes
    outline = axes.coordinates(points[list(mesh.FACE_OVAL), :2])
    irises = axes.coordinates(points[[mesh.LEFT_IRIS[0], mesh.RIGHT_IRIS[0]], :2])
    low, high = outline.min(0) - (0.25, 0.5), outline.max(0) + 0.25
    rect = grid.rect_of(axes, (low[0], low[1]), (high[0], irises[:, 1].max() + 0.75))
    region, at = SkinRegion(rect), grid.points(rect)
    for side, slit, brow in (("l", eyes[0], mesh.LEFT_BROW_LOWER), ("r", eyes[1], mesh.RIGHT_BROW_LOWER)):
        _eye_fields(FieldMaker(region, slit.axes, window), points, slit, brow, side, at, glasses)
    return region


def brow_distance(points: Floats, slit: Slit, brow: tuple[int, ...]) -> float:
    """From the upper lid to the brow's lower edge, in D."""
    lower = slit.axes.coordinates(points[list(brow), :2])[1:4, 1].mean()
    return float(max(slit.upper.min() - lower, _LEAST_BROW_DISTANCE))


def _eye_fields(
    make: FieldMaker, points: Floats, slit: Slit, brow: tuple[int, ...], side: str, at: Floats, glasses: bool
) -> None:
    local = slit.axes.coordinates(at)
    a, b = local[..., 0], local[..., 1]
    over = slit.along(slit.upper, a.ravel()).reshape(a.shape) - b
    under = b - slit.along(slit.lower, a.ravel()).reshape(a.shape)
    reach = brow_distance(points, slit, brow)
    strength = _GLASSES_BROWS if glasses else 1.0
    _brow_fields(make, slit.axes.coordinates(points[list(brow), :2]), a, b, reach, side, strength)
    gap = slit.along(slit.gap, a.ravel()).reshape(a.shape)
    widest = float(slit.gap.max())
    # Past the corners, and towards the brow, the lid's pull is spread sideways.
    spread = widest * bell(a / (0.75 * max(slit.left, slit.right))) * 0.9
    far = smoothstep(0.0, 0.8 * reach, over)
    pull = gap * (1 - far) + spread * far
    if glasses:
        reach *= _GLASSES_REACH
    lid = (1 - 0.18 * smoothstep(0.0, 0.35 * reach, over)) * (1 - smoothstep(0.22 * reach, 0.98 * reach, over))
    # Under the eye the upper lid's pull must be gone before the lower lid's skin is drawn from it.
    lid = lid * (1 - smoothstep(0.0, 0.12, under))
    low = 1 - smoothstep(0.0, _GLASSES_REACH_DOWN if glasses else _LID_REACH_DOWN, under)
    make.add(f"lid_{side}", above=(0.0, LID_UPPER * pull * lid), below=(0.0, -LID_LOWER * gap * low))
    make.add(f"wide_{side}", above=(0.0, -WIDE * pull * lid), below=(0.0, WIDE_LOWER * gap * low))
    cheek = bell(a / (0.9 * max(slit.left, slit.right))) * widest
    raised = gap * low + 0.25 * cheek * smoothstep(0.0, 0.1, under) * low
    make.add(f"under_{side}", below=(0.0, -UNDER * raised))


def _brow_fields(
    make: FieldMaker, brow: Floats, a: Floats, b: Floats, reach: float, side: str, strength: float
) -> None:
    """`brow` (n, 2) is the brow's lower edge from the picture's left, in the eye's frame."""
    line = np.interp(a.ravel(), brow[:, 0], brow[:, 1]).reshape(a.shape)
    above = line - b
    vertical = np.where(above > 0, bell(np.maximum(above - 0.12, 0) / 0.52), 1 - smoothstep(0.02, 0.95 * reach, -above))
    vertical = strength * vertical
    inner, outer = (brow[-1, 0], brow[0, 0]) if side == "l" else (brow[0, 0], brow[-1, 0])
    t = (a - inner) / (outer - inner)  # 0 at the nose, 1 at the temple
    inwards = (1 - smoothstep(0.05, 0.85, t)) * (1 - smoothstep(0.0, 0.55, -t))
    outwards = smoothstep(0.05, 0.7, t) * (1 - smoothstep(1.0, 1.45, t))
    fields = make.region.fields
    other = fields.get("brow_inner")
    make.add("brow_inner", both=(0.0, -BROW_UP * inwards * vertical))
    own = fields["brow_inner"]
    if other is not None and other.both is not None and own.both is not None:
        # Both brows reach into the middle: there the stronger one moves the skin, not their sum.
        own.both = np.where(np.abs(other.both) > np.abs(own.both), other.both, own.both)
    make.add(f"brow_outer_{side}", both=(0.0, -BROW_UP * outwards * vertical))
    whole = np.maximum(inwards, outwards * 0.75) * vertical
    pinch = (1.0 if side == "l" else -1.0) * BROW_PINCH * inwards * vertical
    make.add(f"brow_down_{side}", both=(pinch, BROW_DOWN * whole))


def wears_glasses(pixels: Pixels, points: Floats, unit_px: float) -> bool:
    """Whether a frame crosses the bridge of the nose: a strong edge along the eye line where skin is smooth."""
    left, right = points[mesh.LEFT_IRIS[0], :2], points[mesh.RIGHT_IRIS[0], :2]
    across = (right - left) / max(float(np.linalg.norm(right - left)), 1e-3)
    down = anatomy.face_down(points)
    centre = points[mesh.NOSE_BRIDGE[0], :2] + 0.08 * unit_px * down
    a, b = np.meshgrid(np.linspace(-0.10, 0.10, 15, dtype=np.float32), np.linspace(-0.22, 0.22, 45, dtype=np.float32))
    at = (centre + (a[..., None] * across + b[..., None] * down) * unit_px).astype(np.float32)
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    patch = cv2.GaussianBlur(cv2.remap(grey, at, None, cv2.INTER_LINEAR).astype(np.float32), (5, 3), 0)
    profile = patch.mean(1)
    jumps = np.abs(profile[3:] - profile[:-3])
    return bool(jumps.max() > _FRAME_JUMP * max(float(median(patch.ravel())), _LEAST_GREY))


def eye_rect(slit: Slit, grid: Grid) -> Rect:
    """The nodes around an eye's opening."""
    low = float(slit.a[0]) - 0.12, float(slit.upper.min()) - 0.22
    high = float(slit.a[-1]) + 0.12, float(slit.lower.max()) + 0.28
    return grid.rect_of(slit.axes, low, high)
