"""Drawing one frame from a plan: skin first, then what its openings show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce

import cv2
import numpy as np

from talkinghead.core.types import Floats, Pixels
from talkinghead.renderers.warp.backward import Backward
from talkinghead.renderers.warp.eyeball import Gaze
from talkinghead.renderers.warp.eyes import LidMasks
from talkinghead.renderers.warp.fields import SkinRegion
from talkinghead.renderers.warp.grid import Rect
from talkinghead.renderers.warp.grin import let_go
from talkinghead.renderers.warp.lips import Lips
from talkinghead.renderers.warp.mixing import EYE_CONTROLS, LID_CONTROLS
from talkinghead.renderers.warp.mouth_fields import JAW
from talkinghead.renderers.warp.openings import draw_eye, draw_mouth
from talkinghead.renderers.warp.plan import Plan
from talkinghead.renderers.warp.shading import shade

Controls = Mapping[str, float]
_LID_CONTROLS_OF = {side: tuple(name for name in LID_CONTROLS if name.endswith(side)) for side in "lr"}
_EYE = "gaze_x", "gaze_y", "wide", "lid"
# Weights below this move nothing.
_OFF = 1e-3
# How far funnelled lips part the teeth behind them, in D, and how much of a tunnel a pout makes.
_ROUNDED_BITE, _POUT_TUNNEL = 0.07, 0.8


def draw(plan: Plan, controls: Controls, turn: Floats | None, eyes: bool = True, matte: Pixels | None = None) -> Pixels:
    """One frame of the crop, (h, w, 3) RGB uint8; `matte` (h, w), a copy of the plan's, is moved with it.

    `turn` is the head's backward displacement on the plan's grid, None where it stays; without `eyes` the upper half
    of the face is left as it is.
    """
    controls = let_go(plan.smile, plan.lips.openness, controls)
    closing = plan.lips.openness * controls.get("close", 1.0)
    speaking = closing > 0 or _any(controls, plan.mouth.fields)
    looking = eyes and _any(controls, EYE_CONTROLS)
    lids_move = looking and _any(controls, LID_CONTROLS)
    regions = [plan.mouth] * speaking + ([plan.upper] if looking else [])
    if not regions:
        out: Pixels = plan.pixels.copy()
        if turn is not None:
            plan.picture.draw_over(out, plan.grid, turn, plan.grid.whole)
            _move_matte(plan, matte, turn, plan.grid.whole)
        return out
    rect = reduce(Rect.united, [region.rect for region in regions])
    above, below = _summed(regions, rect, controls)
    openings = [plan.mouth_opening] * speaking + ([plan.lids_opening] if lids_move else [])
    backward = Backward(plan.grid, turn, rect, above, below, openings)
    lips = _lips(plan, controls, closing, above, below, rect) if speaking else None
    masks = _lids(plan, above, below, rect) if lids_move else ()
    out = _skin(plan, backward, lips, lids_move, matte)
    if lips is not None:
        draw_mouth(out, plan, backward, lips, closing)
    for index, (side, lids) in enumerate(zip("lr", masks)):
        if _any(controls, _LID_CONTROLS_OF[side]):
            look_x, look_y, wide, shut = (controls.get(f"{name}_{side}", 0.0) for name in _EYE)
            draw_eye(out, plan, backward, index, lids, shut, Gaze(look_x, look_y, max(wide, 0.0)))
    if speaking:
        shade(out, plan.mouth_shades.asked(controls), controls, plan.mouth.rect, backward, plan.shade_tint)
    if looking:
        shade(out, plan.brow_shades, controls, plan.upper.rect, backward, plan.shade_tint)
    return out


def _any(controls: Controls, names: Iterable[str]) -> bool:
    return any(abs(controls.get(name, 0.0)) > _OFF for name in names if name != "close")


def _summed(regions: list[SkinRegion], rect: Rect, controls: Controls) -> tuple[Floats, Floats]:
    """Forward displacement over and under the openings, on `rect`."""
    shape = (rect.y1 - rect.y0, rect.x1 - rect.x0, 2)
    above, below = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for region in regions:
        part = region.rect.within(rect)
        up, down = region.summed(controls)
        cv2.add(above[part], up, above[part])
        cv2.add(below[part], down, below[part])
    return above, below


def _lips(plan: Plan, controls: Controls, closing: float, above: Floats, below: Floats, rect: Rect) -> Lips:
    slit = plan.lips
    upper, lower = plan.grid.sample(above, rect, slit.upper_px), plan.grid.sample(below, rect, slit.lower_px)
    funnel, pout = max(controls.get("funnel", 0.0), 0.0), max(controls.get("pout", 0.0), 0.0)
    # Behind rounded lips the teeth are apart, and in a mouth that is open in the picture its jaw has dropped.
    jaw = JAW * max(controls.get("chin", 0.0), 0.0) + _ROUNDED_BITE * funnel
    jaw += (slit.openness - closing) * plan.jaw
    return plan.canvas.edges(upper, lower, jaw, min(funnel + _POUT_TUNNEL * pout, 1.0))


def _lids(plan: Plan, above: Floats, below: Floats, rect: Rect) -> tuple[LidMasks, ...]:
    return tuple(
        canvas.masks(plan.grid.sample(above, rect, slit.upper_px), plan.grid.sample(below, rect, slit.lower_px))
        for slit, canvas in zip(plan.eyes, plan.eye_canvases)
    )


def _skin(plan: Plan, backward: Backward, lips: Lips | None, lids_move: bool, matte: Pixels | None) -> Pixels:
    """Everything but the openings themselves: each node from over or under its opening."""
    back, rect = backward.above, backward.rect
    if lips is not None:
        back = back.copy()
        _take(back, backward.below, plan.under_lips(lips.middle), plan.mouth_opening, rect)
    for part, under_lids in plan.under_lids if lids_move else ():
        back = back.copy() if back is backward.above else back
        _take(back, backward.below, under_lids, part, rect)
    out: Pixels = plan.pixels.copy()
    field, nodes = backward.whole(back)
    plan.picture.draw_over(out, plan.grid, field, nodes)
    _move_matte(plan, matte, field, nodes)
    return out


def _move_matte(plan: Plan, matte: Pixels | None, field: Floats, nodes: Rect) -> None:
    """Draw the plan's matte through the displacement of the skin over `matte`, where one is wanted."""
    if matte is not None and plan.matte is not None:
        plan.matte[1].draw_over(matte, plan.grid, field, nodes)


def _take(back: Floats, other: Floats, where: Pixels, part: Rect, rect: Rect) -> None:
    """Replace `back` by `other` where `where` (on `part`) is not 0; both arrays lie on `rect`."""
    slices = part.within(rect)
    cv2.copyTo(other[slices], where, back[slices])
