"""What a frame's openings show, the mouth's and the eyes', and the skin that meets at them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import cv2
import numpy as np

from talkinghead.core.types import Floats, Pixels
from talkinghead.renderers.warp.backward import Backward, sampled
from talkinghead.renderers.warp.eyeball import Gaze
from talkinghead.renderers.warp.eyes import LidMasks
from talkinghead.renderers.warp.fields import smoothstep
from talkinghead.renderers.warp.grid import Grid, Rect
from talkinghead.renderers.warp.lips import Lips
from talkinghead.renderers.warp.plan import Plan

# How strong the line is between lips that were open in the picture.
_CLOSED_LINE = 0.6
# Blink weights between which a lid takes on the skin of a closed eye.
_FALLING_ASLEEP = 0.1, 0.65

# Numbers or colours on a canvas.
Canvas = TypeVar("Canvas", Floats, Pixels)
# A picture through a displacement on some nodes, on some of their pixels.
_Look = Callable[[Grid, Floats, Rect, Rect], Pixels]


class CanvasView:
    """The `pixels` of a frame that show a canvas, and where on it each of them lies.

    Only the smallest rectangles that matter are drawn: most of what surrounds an opening is plain skin.
    """

    def __init__(self, grid: Grid, nodes: Rect, head: Floats, to_canvas: Floats, shape: tuple[int, int]) -> None:
        """`head`: where the nodes look through the head's map (see `Backward.head`); `shape` (rows, columns) of the
        canvas."""
        self._grid, self._head, self._around = grid, head, nodes.grown(1)
        at = grid.full_size(cv2.transform(head, to_canvas), self._around, grid.pixels_of(nodes))
        rows, columns = shape
        shown = cv2.inRange(at, (0.5, 0.5), (columns - 1.5, rows - 1.5))
        x, y, wide, tall = cv2.boundingRect(shown)
        there, part = grid.pixels_of(nodes), (slice(y, y + tall), slice(x, x + wide))
        self.nodes = nodes
        self.pixels = Rect(there.x0 + x, there.y0 + y, there.x0 + x + wide, there.y0 + y + tall)
        self._at, self._shown = at[part], shown[part]

    def head(self, part: Rect) -> Floats:
        """Where a `part` of the view's pixels looks through the head's map."""
        nodes = self._grid.nodes_of(part).grown(1)
        return self._grid.full_size(self._head[nodes.within(self._around)], nodes, part)

    def seen(self, values: Canvas, part: Rect | None = None) -> Canvas:
        """A canvas's `values` on the view's pixels, or on a `part` of them; beyond its border the border's."""
        at = self._at if part is None else self._at[part.within(self.pixels)]
        seen: Canvas = cv2.remap(values, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return seen

    def where(self, values: Floats) -> Rect:
        """The smallest rectangle of pixels around everything over 0 in `values` on the view's pixels."""
        x, y, wide, tall = cv2.boundingRect((values > 0).view(np.uint8))
        x, y = self.pixels.x0 + x, self.pixels.y0 + y
        return Rect(x, y, x + wide, y + tall)

    def put(self, out: Pixels, drawn: Pixels) -> None:
        """Copy `drawn`, on the view's pixels, to where `out` shows the canvas."""
        cv2.copyTo(drawn, self._shown, out[self.pixels.slices])


def draw_mouth(out: Pixels, plan: Plan, backward: Backward, lips: Lips, closing: float) -> None:
    """The lips that meet at `lips`, and what they show between them."""
    nodes = backward.around(*plan.canvas.box_px)
    if nodes.empty:
        return
    view = CanvasView(plan.grid, nodes, backward.head(nodes), plan.canvas.to_canvas, plan.canvas.shape)
    if view.pixels.empty:
        return
    colour, cover, side = plan.canvas.paint(lips, _CLOSED_LINE * closing, plan.lips.openness - closing)
    below, open_ = cv2.split(view.seen(cv2.merge([side, cover])))
    drawn = _parted(view, plan.grid, backward, below, plan.picture, plan.picture)
    inside = view.where(open_)
    if not inside.empty:
        _cover(drawn[inside.within(view.pixels)], view.seen(colour, inside), open_[inside.within(view.pixels)])
    view.put(out, drawn)


def draw_eye(out: Pixels, plan: Plan, backward: Backward, index: int, masks: LidMasks, shut: float, gaze: Gaze) -> None:
    """One eye: its lids, as far `shut`, its ball, turned by `gaze`, and the line of its lashes."""
    canvas, ball = plan.eye_canvases[index], plan.balls[index]
    nodes = backward.around(*ball.box_px)
    if nodes.empty or ball.rect.empty:
        return
    view = CanvasView(plan.grid, nodes, backward.head(nodes), canvas.to_canvas, canvas.shape)
    if view.pixels.empty:
        return
    asleep = float(smoothstep(*_FALLING_ASLEEP, np.array(shut, np.float32)))

    def upper(grid: Grid, field: Floats, nodes: Rect, pixels: Rect) -> Pixels:
        lid = plan.lidded(grid, field, nodes, pixels)
        if asleep <= 0:
            return lid
        drawn: Pixels = cv2.addWeighted(plan.asleep(grid, field, nodes, pixels), asleep, lid, 1 - asleep, 0.0)
        return drawn

    below, cover, lash = cv2.split(view.seen(cv2.merge([masks.side, masks.cover, masks.lash])))
    drawn = _parted(view, plan.grid, backward, below, upper, plan.lidded)
    inside = view.where(cover)
    if not inside.empty:
        part = inside.within(view.pixels)
        at = view.head(inside)
        looking, origin = ball.looking(gaze, at)
        _cover(drawn[part], sampled(looking, at - np.array(origin, np.float32)), cover[part])
    lashes = view.where(lash)
    if not lashes.empty:
        part = lashes.within(view.pixels)
        line = np.empty_like(drawn[part])
        line[:] = canvas.lash
        _cover(drawn[part], line, lash[part])
    view.put(out, drawn)


def _parted(view: CanvasView, grid: Grid, backward: Backward, below: Floats, over: _Look, under: _Look) -> Pixels:
    """The skin on a view's pixels: `over` an opening and, by the share `below` (h, w), `under` it."""
    drawn: Pixels = np.empty((*below.shape, 3), np.uint8)
    upper, lower = view.where(1 - below), view.where(below)
    if not upper.empty:
        drawn[upper.within(view.pixels)] = over(grid, backward.skin(backward.above, view.nodes), view.nodes, upper)
    if not lower.empty:
        part = lower.within(view.pixels)
        _cover(drawn[part], under(grid, backward.skin(backward.below, view.nodes), view.nodes, lower), below[part])
    return drawn


def _cover(drawn: Pixels, over: Pixels, share: Floats) -> None:
    """`over` on top of `drawn`, in place, by its share (h, w)."""
    drawn[...] = cv2.blendLinear(over, drawn, share, 1 - share)
