"""Drawing one frame from a plan: skin first, then what its openings show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import cv2
import numpy as np
import numpy.typing as npt

from talkinghead.core.types import Floats, Pixels
from talkinghead.renderers.warp.backward import Backward, sampled
from talkinghead.renderers.warp.eyes import LidMasks
from talkinghead.renderers.warp.fields import SkinRegion, smoothstep
from talkinghead.renderers.warp.grid import Grid, Rect
from talkinghead.renderers.warp.mixing import EYE_CONTROLS, LID_CONTROLS
from talkinghead.renderers.warp.mouth import Lips
from talkinghead.renderers.warp.mouth_fields import JAW
from talkinghead.renderers.warp.plan import Plan
from talkinghead.renderers.warp.shading import shade
from talkinghead.renderers.warp.slit import Slit
from talkinghead.renderers.warp.upper_fields import eye_rect

Controls = Mapping[str, float]
# Weights below this move nothing.
_OFF = 1e-3
# How strong the line is between lips that were open in the picture.
_CLOSED_LINE = 0.6
# How far funnelled lips part the teeth behind them, in D, and how much of a tunnel a pout makes.
_ROUNDED_BITE, _POUT_TUNNEL = 0.07, 0.8
# A full grin in the picture: how much more its corners come in for rounded lips, and at all once its mouth is closed;
# how far they fall once it is closed, for rounded lips, and at most.
_GRIN_NARROWS, _GRIN_RELAXES = 0.45, 0.22
_GRIN_FALLS, _GRIN_FALLS_ROUNDED, _GRIN_FALLS_MOST = 0.35, 0.55, 0.9
# Blink weights between which a lid takes on the skin of a closed eye.
_FALLING_ASLEEP = 0.1, 0.65
# Where skin parts between lids: the shares that the open eye's upper and lower lid have in that line.
_OF_UPPER_LID, _OF_LOWER_LID = 0.1, 0.9


def draw(plan: Plan, controls: Controls, turn: Floats | None, eyes: bool = True) -> Pixels:
    """One frame of the crop, (h, w, 3) RGB uint8.

    `turn` is the head's backward displacement on the plan's grid, None where it stays; without `eyes` the upper half
    of the face is left as it is.
    """
    controls = _without_smile(plan, controls)
    closing = plan.lips.openness * controls.get("close", 1.0)
    speaking = closing > 0 or _any(controls, plan.mouth.fields)
    looking = eyes and _any(controls, EYE_CONTROLS)
    lids_move = looking and _any(controls, LID_CONTROLS)
    regions = [plan.mouth] * speaking + ([plan.upper] if looking else [])
    if not regions:
        return plan.pixels.copy() if turn is None else plan.picture(plan.grid, turn, plan.grid.whole)
    rect = _union([region.rect for region in regions])
    above, below = _summed(regions, rect, controls)
    opening = rect if lids_move or not speaking else plan.mouth.rect
    backward = Backward(plan.grid, turn, rect, above, below, opening)
    lips = _lips(plan, controls, above, below, rect) if speaking else None
    masks = _lids(plan, above, below, rect) if lids_move else ()
    out = _skin(plan, backward, lips, lids_move)
    if lips is not None:
        _draw_mouth(out, plan, backward, lips, closing)
    for index, lid in enumerate(masks):
        _draw_eye(out, plan, backward, index, lid, controls)
    if speaking:
        shade(out, plan.mouth_shades, controls, plan.mouth.rect, backward)
    if looking:
        shade(out, plan.brow_shades, controls, plan.upper.rect, backward)
    return out


def _any(controls: Controls, names: Iterable[str]) -> bool:
    return any(abs(controls.get(name, 0.0)) > _OFF for name in names if name != "close")


def _without_smile(plan: Plan, controls: Controls) -> Controls:
    """What a grin in the picture needs on top: relaxed where its mouth is closed, and let go for rounded lips."""
    if plan.smile <= 0:
        return controls
    changed = dict(controls)
    relaxed = plan.lips.openness * controls.get("close", 1.0)
    for side in "lr":
        narrow = changed.get(f"narrow_{side}", 0.0)
        changed[f"narrow_{side}"] = narrow * (1 + _GRIN_NARROWS * plan.smile) + _GRIN_RELAXES * relaxed * plan.smile
        let_go = _GRIN_FALLS * relaxed + _GRIN_FALLS_ROUNDED * max(narrow, 0.0)
        changed[f"frown_{side}"] = changed.get(f"frown_{side}", 0.0) + plan.smile * min(let_go, _GRIN_FALLS_MOST)
    return changed


def _summed(regions: list[SkinRegion], rect: Rect, controls: Controls) -> tuple[Floats, Floats]:
    """Forward displacement over and under the openings, on `rect`."""
    shape = (rect.y1 - rect.y0, rect.x1 - rect.x0, 2)
    above, below = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for region in regions:
        part = region.rect.within(rect)
        up, down = region.summed(controls)
        above[part] += up
        below[part] += down
    return above, below


def _edge_motion(grid: Grid, slit: Slit, curve: Floats, field: Floats, rect: Rect) -> Floats:
    """(n, 2) displacement of an opening's edge, in pixels."""
    return grid.sample(field, rect, slit.axes.pixels(np.column_stack([slit.a, curve])))


def _lips(plan: Plan, controls: Controls, above: Floats, below: Floats, rect: Rect) -> Lips:
    slit = plan.lips
    upper = _edge_motion(plan.grid, slit, slit.upper, above, rect)
    lower = _edge_motion(plan.grid, slit, slit.lower, below, rect)
    funnel, pout = max(controls.get("funnel", 0.0), 0.0), max(controls.get("pout", 0.0), 0.0)
    # Behind rounded lips the teeth are apart.
    jaw = JAW * max(controls.get("chin", 0.0), 0.0) + _ROUNDED_BITE * funnel
    return plan.canvas.edges(upper, lower, jaw, min(funnel + _POUT_TUNNEL * pout, 1.0))


def _lids(plan: Plan, above: Floats, below: Floats, rect: Rect) -> tuple[LidMasks, ...]:
    return tuple(
        canvas.masks(
            _edge_motion(plan.grid, slit, slit.upper, above, rect),
            _edge_motion(plan.grid, slit, slit.lower, below, rect),
        )
        for slit, canvas in zip(plan.eyes, plan.eye_canvases)
    )


def _skin(plan: Plan, backward: Backward, lips: Lips | None, lids_move: bool) -> Pixels:
    """Everything but the openings themselves: each node from over or under its opening."""
    back, rect = backward.above, backward.rect
    if lips is not None:
        back = back.copy()
        a, b = plan.mouth_coordinates
        middle = np.interp(a.ravel(), plan.canvas.a, lips.middle).reshape(a.shape)
        _take(back, backward.below, b > middle, plan.mouth.rect, rect)
    for slit in plan.eyes if lids_move else ():
        part = eye_rect(slit, plan.grid).common(plan.upper.rect)
        at = slit.axes.coordinates(plan.grid.points(part))
        low = np.interp(at[..., 0].ravel(), slit.a, _OF_UPPER_LID * slit.upper + _OF_LOWER_LID * slit.lower).reshape(
            at.shape[:2]
        )
        back = back.copy() if back is backward.above else back
        _take(back, backward.below, at[..., 1] > low, part, rect)
    field, nodes = backward.whole(back)
    drawn = plan.picture(plan.grid, field, nodes)
    if nodes == plan.grid.whole:
        return drawn
    out: Pixels = plan.pixels.copy()
    out[plan.grid.pixels_of(nodes).slices] = drawn
    return out


def _draw_mouth(out: Pixels, plan: Plan, backward: Backward, lips: Lips, closing: float) -> None:
    nodes = backward.around(plan.canvas.corners_px())
    if nodes.empty:
        return
    over = plan.picture(plan.grid, backward.skin(backward.above, nodes), nodes)
    under = plan.picture(plan.grid, backward.skin(backward.below, nodes), nodes)
    colour, cover, side = plan.canvas.paint(lips, _CLOSED_LINE * closing)
    at = cv2.transform(backward.head(nodes), plan.canvas.to_canvas().astype(np.float32))
    painted = _held(colour, at)
    below, open_ = cv2.split(_held(cv2.merge([side, cover]), at))
    skin = cv2.blendLinear(under, over, below, 1 - below)
    _put(out, plan.grid.pixels_of(nodes), cv2.blendLinear(painted, skin, open_, 1 - open_), at, cover)


def _draw_eye(out: Pixels, plan: Plan, backward: Backward, index: int, masks: LidMasks, controls: Controls) -> None:
    side, canvas, ball = "lr"[index], plan.eye_canvases[index], plan.balls[index]
    if not _any(controls, [name for name in LID_CONTROLS if name.endswith(side)]):
        return
    nodes = backward.around(np.array([(ball.rect.x0, ball.rect.y0), (ball.rect.x1, ball.rect.y1)], np.float32))
    if nodes.empty or ball.rect.empty:
        return
    above = backward.skin(backward.above, nodes)
    over = plan.lidded(plan.grid, above, nodes)
    shut = float(smoothstep(*_FALLING_ASLEEP, np.array(controls.get(f"lid_{side}", 0.0), np.float32)))
    if shut > 0:
        over = cv2.addWeighted(plan.asleep(plan.grid, above, nodes), shut, over, 1 - shut, 0.0)
    under = plan.lidded(plan.grid, backward.skin(backward.below, nodes), nodes)
    head = backward.head(nodes)
    at = cv2.transform(head, canvas.to_canvas().astype(np.float32))
    below, cover, lash = cv2.split(_held(cv2.merge([masks.side, masks.cover, masks.lash]), at))
    gaze_x, gaze_y, wide = (controls.get(f"{name}_{side}", 0.0) for name in ("gaze_x", "gaze_y", "wide"))
    looking = ball.looking(gaze_x, gaze_y, max(wide, 0.0))
    seen = sampled(looking, head - np.array([ball.rect.x0, ball.rect.y0], np.float32))
    drawn = cv2.blendLinear(under, over, below, 1 - below)
    drawn = cv2.blendLinear(seen, drawn, cover, 1 - cover)
    lashes = np.empty_like(drawn)
    lashes[:] = canvas.lash
    drawn = cv2.blendLinear(lashes, drawn, lash, 1 - lash)
    _put(out, plan.grid.pixels_of(nodes), drawn, at, masks.cover)


def _held(values: Floats | Pixels, at: Floats) -> npt.NDArray[np.generic]:
    """Values of a canvas at `at`; beyond its border the border's."""
    held: npt.NDArray[np.generic] = cv2.remap(values, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return held


def _put(out: Pixels, pixels: Rect, drawn: Pixels, at: Floats, canvas: Floats) -> None:
    """Copy `drawn` to `pixels` of `out` where `at` lies on the canvas."""
    rows, columns = canvas.shape[:2]
    on_canvas = cv2.inRange(at, (0.5, 0.5), (columns - 1.5, rows - 1.5))
    cv2.copyTo(drawn, on_canvas, out[pixels.slices])


def _union(rects: list[Rect]) -> Rect:
    return Rect(min(r.x0 for r in rects), min(r.y0 for r in rects), max(r.x1 for r in rects), max(r.y1 for r in rects))


def _take(back: Floats, other: Floats, where: npt.NDArray[np.bool_], part: Rect, rect: Rect) -> None:
    """Replace `back` by `other` where `where` (on `part`) says so; both arrays lie on `rect`."""
    slices = part.within(rect)
    np.copyto(back[slices], other[slices], where=where[..., None])
