"""What is worked out once per picture, and the drawing of one frame from it."""

from __future__ import annotations

import cv2
import numpy as np

from talkinghead.renderers.warp import mesh
from talkinghead.renderers.warp.fields import JAW, Region, face_window, mouth_region
from talkinghead.renderers.warp.grid import Grid, Rect, identity, inverted
from talkinghead.renderers.warp.head import Head
from talkinghead.renderers.warp.mouth import MouthCanvas
from talkinghead.renderers.warp.slit import mouth_slit
from talkinghead.renderers.warp.tones import Tones, measure_tones
from talkinghead.types import Floats, Pixels, Portrait

_INVERSION_STEPS = 5
# Displacements below this are not drawn: a remap would round them away.
_STILL_PX = 1 / 64


class Plan:
    """One portrait, ready to be drawn: fields, canvas, depth."""

    def __init__(self, portrait: Portrait, tones: Tones | None = None, head: bool = True) -> None:
        points = portrait.landmarks
        self.pixels = portrait.pixels
        self.unit = mesh.pupil_distance_px(points)
        self.grid = Grid.over(self.pixels, self.unit)
        self.tones = tones or measure_tones(self.pixels, points)
        self.slit = mouth_slit(points, self.pixels, self.unit)
        window = face_window(points, self.grid, self.unit, 0.55)
        self.mouth: Region = mouth_region(points, self.slit, self.grid, window)
        self.canvas = MouthCanvas(self.slit, self.tones)
        self.was_open = float(self.slit.gap.max()) > 0
        self.head = Head(points, self.grid, self.unit, _open_sides(portrait)) if head else None
        self.points = self.grid.points(self.grid.whole)
        self._base = identity(Rect(0, 0, self.grid.width_px, self.grid.height_px))
        at = self.slit.axes.coordinates(self.grid.points(self.mouth.rect))
        self._mouth_a, self._mouth_b = at[..., 0], at[..., 1]

    def draw(self, controls: dict[str, float], rotation_deg: Floats, translation: Floats, scale: float) -> Pixels:
        """One frame of the crop, (h, w, 3) RGB uint8."""
        speaking = self.was_open or any(abs(controls.get(name, 0.0)) > 1e-4 for name in self.mouth.fields)
        turn = self.head.inverse(rotation_deg, translation, scale) if self.head else None
        out = self.pixels.copy()
        if not speaking:
            if turn is not None:
                self._remap_into(out, turn, self.grid.whole)
            return out
        above, below = self.mouth.summed(controls)
        lips = self._lips(controls, above, below)
        step = self.grid.step
        back_above = inverted(above, step, _INVERSION_STEPS)
        back_below = inverted(below, step, _INVERSION_STEPS)
        middle = np.interp(self._mouth_a.ravel(), self.canvas.a, lips.middle).reshape(self._mouth_a.shape)
        under = (self._mouth_b > middle)[..., None]
        back = np.where(under, back_below, back_above)
        if turn is None:
            self._remap_into(out, back, self.mouth.rect)
        else:
            rect = self.mouth.rect
            self._remap_into(out, self._after(turn, back, rect, self.grid.whole), self.grid.whole)
        self._draw_mouth(out, controls, lips, back_above, back_below, turn)
        return out

    def _lips(self, controls: dict[str, float], above: Floats, below: Floats):  # type: ignore[no-untyped-def]  # noqa: ANN202
        axes, slit, rect = self.slit.axes, self.slit, self.mouth.rect
        upper_px = axes.pixels(np.column_stack([slit.a, slit.upper]))
        lower_px = axes.pixels(np.column_stack([slit.a, slit.lower]))
        return self.canvas.edges(
            self.grid.sample(above, rect, upper_px), self.grid.sample(below, rect, lower_px),
            JAW * max(controls.get("chin", 0.0), 0.0),
        )  # fmt: skip

    def _after(self, turn: Floats, back: Floats, rect: Rect, where: Rect) -> Floats:
        """The displacement of `back` (on `rect`) and then `turn`, at the nodes of `where`."""
        part = turn[where.slices]
        return part + self.grid.sample(back, rect, self.points[where.slices] + part)

    def _remap_into(self, out: Pixels, field: Floats, rect: Rect) -> None:
        """Draw the source through a backward displacement, on the pixels of `rect` that move."""
        moving = np.abs(field).max(2) > _STILL_PX
        rows, columns = np.flatnonzero(moving.any(1)), np.flatnonzero(moving.any(0))
        if not len(rows):
            return
        low_y, high_y = max(rows[0] - 1, 0), min(rows[-1] + 2, field.shape[0])
        low_x, high_x = max(columns[0] - 1, 0), min(columns[-1] + 2, field.shape[1])
        part = Rect(rect.x0 + low_x, rect.y0 + low_y, rect.x0 + high_x, rect.y0 + high_y)
        pixels = self.grid.pixels_of(part)
        where = cv2.add(self.grid.full_size(field[low_y:high_y, low_x:high_x], part), self._base[pixels.slices])
        out[pixels.slices] = self._sampled(self.pixels, where)

    def _sampled(self, picture: Pixels, where: Floats) -> Pixels:
        return cv2.remap(picture, where, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)

    def _draw_mouth(self, out: Pixels, controls, lips, back_above, back_below, turn) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        corners = self.canvas.corners_px()
        margin = 2.0 if turn is None else float(np.abs(turn).max()) + 2.0
        nodes = self.grid.rect(corners.min(0) - margin, corners.max(0) + margin)
        pixels = self.grid.pixels_of(nodes)
        if pixels.empty:
            return
        rect, full, base = self.mouth.rect, self.grid.full_size, self._base[pixels.slices]
        if turn is None:
            zero = np.zeros((nodes.y1 - nodes.y0, nodes.x1 - nodes.x0, 2), np.float32)
            head, up, down = base, self._after_none(back_above, rect, nodes, zero), self._after_none(back_below, rect, nodes, zero)
        else:
            head = cv2.add(full(turn[nodes.slices], nodes), base)
            up, down = self._after(turn, back_above, rect, nodes), self._after(turn, back_below, rect, nodes)
        over = self._sampled(self.pixels, cv2.add(full(up, nodes), base))
        under = self._sampled(self.pixels, cv2.add(full(down, nodes), base))
        colour, cover, side = self.canvas.paint(lips, 0.6 if self.was_open else 0.0)
        matrix = self.canvas.to_canvas()
        at = cv2.transform(head, matrix.astype(np.float32))
        painted = np.dstack([colour, cover * 255, side * 255])
        layer = np.dstack([cv2.remap(np.ascontiguousarray(painted[..., :4]), at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT),
                           cv2.remap(np.ascontiguousarray(painted[..., 4]), at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)])
        on_canvas = (at[..., 0] > 0) & (at[..., 1] > 0) & (at[..., 0] < colour.shape[1] - 1) & (at[..., 1] < colour.shape[0] - 1)
        s, k = layer[..., 4:5] / 255, layer[..., 3:4] / 255
        skin = over * (1 - s) + under * s
        mixed = skin * (1 - k) + layer[..., :3] * k
        view = out[pixels.slices]
        np.copyto(view, np.clip(mixed + 0.5, 0, 255).astype(np.uint8), where=on_canvas[..., None])

    def _after_none(self, back: Floats, rect: Rect, where: Rect, zero: Floats) -> Floats:
        return self.grid.sample(back, rect, self.points[where.slices])


def _open_sides(portrait: Portrait) -> tuple[bool, bool, bool, bool]:
    """Sides of the crop (left, top, right, bottom) beyond which the picture goes on."""
    width, height = portrait.crop.size_px
    inverse = cv2.invertAffineTransform(portrait.crop.matrix)
    x0, y0 = inverse @ (-0.5, -0.5, 1)
    x1, y1 = inverse @ (width - 0.5, height - 0.5, 1)
    full_width, full_height = portrait.image.size_px
    return x0 > 0.5, y0 > 0.5, x1 < full_width - 1.5, y1 < full_height - 1.5
