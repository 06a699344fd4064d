"""What is worked out once per picture, and the drawing of one frame from it."""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from talkinghead.renderers.warp import mesh
from talkinghead.renderers.warp.brows import eye_rect, upper_region, wears_glasses
from talkinghead.renderers.warp.eyeball import Eyeball
from talkinghead.renderers.warp.eyes import EyeCanvas, without_eyes
from talkinghead.renderers.warp.fields import JAW, Region, face_window, mouth_region
from talkinghead.renderers.warp.grid import Grid, Rect, identity, inverted
from talkinghead.renderers.warp.head import Head
from talkinghead.renderers.warp.mouth import Lips, MouthCanvas
from talkinghead.renderers.warp.slit import Slit, eye_slit, mouth_slit
from talkinghead.renderers.warp.tones import Tones, measure_tones
from talkinghead.types import Floats, Pixels, Portrait

_INVERSION_STEPS = 2
# Displacements below this are not drawn: a remap would round them away.
_STILL_PX = 1 / 64
_OFF = 1e-3


class Backward:
    """One frame's backward displacements: `turn` of the head on all nodes (None: none), then skin `above` and `below`.

    `above` and `below` live on `rect`; a pixel is looked up through the head first, then through the skin.
    """

    def __init__(
        self, grid: Grid, points: Floats, turn: Floats | None, rect: Rect, above: Floats, below: Floats
    ) -> None:
        self.grid, self.points, self.turn = grid, points, turn
        self.rect, self.above, self.below = rect, above, below

    def skin(self, back: Floats, where: Rect) -> Floats:
        """The displacement of the head and of `back` at the nodes of `where`."""
        at = self.points[where.slices]
        if self.turn is None:
            return self.grid.sample(back, self.rect, at)
        turn = self.turn[where.slices]
        return turn + self.grid.sample(back, self.rect, at + turn)


class Plan:
    """One portrait, ready to be drawn: fields, canvases, depth."""

    def __init__(self, portrait: Portrait, tones: Tones | None = None, mouth_only: bool = False) -> None:
        points = portrait.landmarks
        self.pixels, self.landmarks = portrait.pixels, points
        self.unit = mesh.pupil_distance_px(points)
        self.grid = Grid.over(self.pixels, self.unit)
        self.tones = tones or measure_tones(self.pixels, points)
        self.slit = mouth_slit(points, self.pixels, self.unit)
        self._window = face_window(points, self.grid, self.unit, 0.55)
        self.mouth: Region = mouth_region(points, self.slit, self.grid, self._window)
        self.canvas = MouthCanvas(self.slit, self.tones, self.pixels)
        self.was_open = float(self.slit.gap.max()) > 0
        self.head = None if mouth_only else Head(points, self.grid, self.unit, _open_sides(portrait))
        self._mouth_only = mouth_only
        self._smile = _smile(self.slit)
        self.points = self.grid.points(self.grid.whole)
        self._base = identity(Rect(0, 0, self.grid.width_px, self.grid.height_px))
        at = self.slit.axes.coordinates(self.grid.points(self.mouth.rect))
        self._mouth_a, self._mouth_b = at[..., 0], at[..., 1]

    @cached_property
    def eyes(self) -> tuple[Slit, Slit]:
        """The eye on the picture's left, then the other."""
        left = eye_slit(self.landmarks, mesh.LEFT_LID_UPPER, mesh.LEFT_LID_LOWER, self.unit)
        return left, eye_slit(self.landmarks, mesh.RIGHT_LID_UPPER, mesh.RIGHT_LID_LOWER, self.unit)

    @cached_property
    def glasses(self) -> bool:
        """Whether the face seems to wear glasses."""
        return wears_glasses(self.pixels, self.landmarks, self.unit)

    @cached_property
    def upper(self) -> Region:
        """Fields of brows and lids."""
        return upper_region(self.landmarks, self.eyes, self.grid, self._window, self.glasses)

    @cached_property
    def eye_canvases(self) -> tuple[EyeCanvas, EyeCanvas]:
        left, right = (EyeCanvas(slit, self.pixels) for slit in self.eyes)
        return left, right

    @cached_property
    def _balls(self) -> tuple[Eyeball, Eyeball]:
        irises = self.landmarks[list(mesh.LEFT_IRIS)], self.landmarks[list(mesh.RIGHT_IRIS)]
        left, right = (
            Eyeball(slit, iris, self.pixels, self.grid.pixels_of(eye_rect(slit, self.grid)))
            for slit, iris in zip(self.eyes, irises)
        )
        return left, right

    @cached_property
    def _lidded(self) -> Pixels:
        return without_eyes(self.pixels, self.eyes)

    def draw(self, controls: dict[str, float], rotation_deg: Floats, translation: Floats, scale: float) -> Pixels:
        """One frame of the crop, (h, w, 3) RGB uint8."""

        controls = self._without_smile(controls)

        def any_of(names: object) -> bool:
            return any(abs(controls.get(name, 0.0)) > _OFF for name in names)  # type: ignore[attr-defined]

        speaking = self.was_open or any_of(self.mouth.fields)
        looking = not self._mouth_only and any_of(self.upper.fields)
        turn = self.head.inverse(rotation_deg, translation, scale) if self.head else None
        out = self.pixels.copy()
        regions = [
            region
            for region, on in ((self.mouth, speaking), (self.upper if looking else None, looking))
            if on and region
        ]
        if not regions:
            if turn is not None:
                self._remap_into(out, turn, self.grid.whole)
        else:
            rect = _union([region.rect for region in regions])
            above, below = _summed(regions, rect, controls)
            step = self.grid.step
            backward = Backward(
                self.grid, self.points, turn, rect,
                inverted(above, step, _INVERSION_STEPS), inverted(below, step, _INVERSION_STEPS),
            )  # fmt: skip
            lips = self._lips(controls, above, below, rect)
            lids = self._lids(controls, above, below, rect) if looking else []
            self._draw_skin(out, backward, lips if speaking else None, lids)
            if speaking:
                self._draw_mouth(out, lips, backward)
            for index, masks in enumerate(lids):
                self._draw_eye(out, index, masks, controls, backward)
        if not self._mouth_only:
            self._draw_gaze_alone(out, controls, turn, looking)
        return out

    def _without_smile(self, controls: dict[str, float]) -> dict[str, float]:
        """What a grin in the picture needs on top: relaxed where its mouth is closed, and let go for rounded lips."""
        if self._smile <= 0:
            return controls
        changed = dict(controls)
        for side in "lr":
            narrow = changed.get(f"narrow_{side}", 0.0)
            relaxed = 0.22 if self.was_open else 0.0
            changed[f"narrow_{side}"] = narrow * (1 + 0.45 * self._smile) + relaxed * self._smile
            let_go = 0.35 * relaxed / 0.22 + 0.55 * max(narrow, 0.0)
            changed[f"frown_{side}"] = changed.get(f"frown_{side}", 0.0) + self._smile * min(let_go, 0.9)
        return changed

    def _curve(self, slit: Slit, curve: Floats, field: Floats, rect: Rect) -> Floats:
        """(n, 2) displacement of a slit's edge, in pixels."""
        return self.grid.sample(field, rect, slit.axes.pixels(np.column_stack([slit.a, curve])))

    def _lips(self, controls: dict[str, float], above: Floats, below: Floats, rect: Rect) -> Lips:
        slit = self.slit
        upper, lower = self._curve(slit, slit.upper, above, rect), self._curve(slit, slit.lower, below, rect)
        return self.canvas.edges(upper, lower, JAW * max(controls.get("chin", 0.0), 0.0))

    def _lids(
        self, controls: dict[str, float], above: Floats, below: Floats, rect: Rect
    ) -> list[tuple[Floats, Floats, Floats]]:
        found = []
        for slit, canvas in zip(self.eyes, self.eye_canvases):
            upper, lower = self._curve(slit, slit.upper, above, rect), self._curve(slit, slit.lower, below, rect)
            found.append(canvas.masks(upper, lower))
        return found

    def _draw_skin(
        self, out: Pixels, backward: Backward, lips: Lips | None, lids: list[tuple[Floats, Floats, Floats]]
    ) -> None:
        """Everything but the openings themselves: each node from over or under its opening."""
        back = backward.above.copy()
        rect = backward.rect
        if lips is not None:
            middle = np.interp(self._mouth_a.ravel(), self.canvas.a, lips.middle).reshape(self._mouth_a.shape)
            _take(back, backward.below, self._mouth_b > middle, self.mouth.rect, rect)
        for slit in self.eyes if lids else ():
            part = eye_rect(slit, self.grid)
            at = slit.axes.coordinates(self.points[part.slices])
            middle = np.interp(at[..., 0].ravel(), slit.a, (0.1 * slit.upper + 0.9 * slit.lower)).reshape(at.shape[:2])
            _take(back, backward.below, at[..., 1] > middle, _below_to(part, self.upper.rect), rect)
        if backward.turn is None:
            self._remap_into(out, back, rect)
        else:
            self._remap_into(out, backward.skin(back, self.grid.whole), self.grid.whole)

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
        out[pixels.slices] = _sampled(self.pixels, where)

    def _around(self, corners: Floats, turn: Floats | None) -> Rect:
        """The nodes that can show what lies within `corners` (n, 2) pixels of the portrait."""
        margin = 2.0 if turn is None else float(np.abs(turn).max()) + 2.0
        return self.grid.rect(corners.min(0) - margin, corners.max(0) + margin)

    def _layers(self, picture: Pixels, nodes: Rect, backward: Backward) -> tuple[Floats, Pixels, Pixels]:
        """(where the head's map looks, skin from over the opening, skin from under it) on the pixels of `nodes`."""
        full, base = self.grid.full_size, self._base[self.grid.pixels_of(nodes).slices]
        head = base if backward.turn is None else cv2.add(full(backward.turn[nodes.slices], nodes), base)
        over, under = (
            _sampled(picture, cv2.add(full(backward.skin(back, nodes), nodes), base))
            for back in (backward.above, backward.below)
        )
        return head, over, under

    def _draw_mouth(self, out: Pixels, lips: Lips, backward: Backward) -> None:
        nodes = self._around(self.canvas.corners_px(), backward.turn)
        pixels = self.grid.pixels_of(nodes)
        if pixels.empty:
            return
        head, over, under = self._layers(self.pixels, nodes, backward)
        colour, cover, side = self.canvas.paint(lips, 0.6 if self.was_open else 0.0)
        at, on_canvas = _onto(self.canvas.to_canvas(), head, cover.shape)
        painted = cv2.remap(np.dstack([colour, cover]), at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        below = cv2.remap(side, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[..., None]
        skin = over + (under.astype(np.float32) - over) * below
        mixed = skin + (painted[..., :3] - skin) * painted[..., 3:]
        np.copyto(out[pixels.slices], _to_bytes(mixed), where=on_canvas)

    def _draw_eye(
        self,
        out: Pixels,
        index: int,
        masks: tuple[Floats, Floats, Floats],
        controls: dict[str, float],
        backward: Backward,
    ) -> None:
        side, canvas, slit = "lr"[index], self.eye_canvases[index], self.eyes[index]
        if not any(
            abs(controls.get(f"{name}_{side}", 0.0)) > _OFF for name in ("lid", "under", "wide", "gaze_x", "gaze_y")
        ):
            return
        part = self.grid.pixels_of(eye_rect(slit, self.grid))
        nodes = self._around(np.array([(part.x0, part.y0), (part.x1, part.y1)], np.float32), backward.turn)
        pixels = self.grid.pixels_of(nodes)
        if pixels.empty:
            return
        head, over, under = self._layers(self._lidded, nodes, backward)
        cover, below, lash = masks
        at, on_canvas = _onto(canvas.to_canvas(), head, cover.shape)
        three = cv2.remap(np.dstack([cover, below, lash]), at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        ball = self._balls[index]
        looking = ball.looking(controls.get(f"gaze_x_{side}", 0.0), controls.get(f"gaze_y_{side}", 0.0),
                               max(controls.get(f"wide_{side}", 0.0), 0.0))  # fmt: skip
        ball_px = _sampled(looking, head - np.array([ball.rect.x0, ball.rect.y0], np.float32))
        skin = over + (under.astype(np.float32) - over) * three[..., 1:2]
        mixed = skin + (ball_px - skin) * three[..., :1]
        mixed += (canvas.lash - mixed) * three[..., 2:]
        np.copyto(out[pixels.slices], _to_bytes(mixed), where=on_canvas)

    def _draw_gaze_alone(self, out: Pixels, controls: dict[str, float], turn: Floats | None, looking: bool) -> None:
        """Eyes that move behind lids that do not."""
        if looking:
            return
        gaze = ("gaze_x_l", "gaze_x_r", "gaze_y_l", "gaze_y_r")
        if all(abs(controls.get(name, 0.0)) <= _OFF for name in gaze):
            return
        rect = self.upper.rect
        still = np.zeros((rect.y1 - rect.y0, rect.x1 - rect.x0, 2), np.float32)
        backward = Backward(self.grid, self.points, turn, rect, still, still)
        for index, masks in enumerate(self._lids(controls, still, still, rect)):
            self._draw_eye(out, index, masks, controls, backward)


def _smile(slit: Slit) -> float:
    """How much of a grin the picture shows, 0..1: wider than a mouth at rest, with its corners up."""
    width = slit.left + slit.right
    middle = (slit.upper + slit.lower) / 2
    lift = float(middle[len(middle) // 2 - 8 : len(middle) // 2 + 9].mean() - (middle[0] + middle[-1]) / 2)
    wide = float(np.clip((width - 0.74) / 0.20, 0, 1))
    return wide * float(np.clip((lift + 0.02) / 0.08, 0, 1))


def _sampled(picture: Pixels, where: Floats) -> Pixels:
    return cv2.remap(picture, where, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)


def _to_bytes(values: Floats) -> Pixels:
    return np.clip(values + 0.5, 0, 255).astype(np.uint8)


def _onto(
    matrix: npt.NDArray[np.float64], head: Floats, shape: tuple[int, ...]
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """(canvas coordinates (h, w, 2), whether they lie on the canvas (h, w, 1)) of what the head's map looks at."""
    at = cv2.transform(head, matrix.astype(np.float32))
    x, y = at[..., 0], at[..., 1]
    return at, ((x > 0) & (y > 0) & (x < shape[1] - 1) & (y < shape[0] - 1))[..., None]


def _union(rects: list[Rect]) -> Rect:
    return Rect(min(r.x0 for r in rects), min(r.y0 for r in rects), max(r.x1 for r in rects), max(r.y1 for r in rects))


def _within(inner: Rect, outer: Rect) -> tuple[slice, slice]:
    """`inner` as slices of an array on `outer`."""
    return slice(inner.y0 - outer.y0, inner.y1 - outer.y0), slice(inner.x0 - outer.x0, inner.x1 - outer.x0)


def _below_to(part: Rect, region: Rect) -> Rect:
    """An eye's nodes, cut to the region whose fields move them."""
    return Rect(max(part.x0, region.x0), max(part.y0, region.y0), min(part.x1, region.x1), min(part.y1, region.y1))


def _summed(regions: list[Region], rect: Rect, controls: dict[str, float]) -> tuple[Floats, Floats]:
    shape = (rect.y1 - rect.y0, rect.x1 - rect.x0, 2)
    above, below = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for region in regions:
        part = _within(region.rect, rect)
        up, down = region.summed(controls)
        above[part] += up
        below[part] += down
    return above, below


def _take(back: Floats, other: Floats, where: npt.NDArray[np.bool_], part: Rect, rect: Rect) -> None:
    """Replace `back` by `other` where `where` (on `part`) says so; both arrays lie on `rect`."""
    slices = _within(part, rect)
    np.copyto(back[slices], other[slices], where=where[..., None])


def _open_sides(portrait: Portrait) -> tuple[bool, bool, bool, bool]:
    """Sides of the crop (left, top, right, bottom) beyond which the picture goes on."""
    width, height = portrait.crop.size_px
    inverse = cv2.invertAffineTransform(portrait.crop.matrix)
    x0, y0 = inverse @ (-0.5, -0.5, 1)
    x1, y1 = inverse @ (width - 0.5, height - 0.5, 1)
    full_width, full_height = portrait.image.size_px
    return bool(x0 > 0.5), bool(y0 > 0.5), bool(x1 < full_width - 1.5), bool(y1 < full_height - 1.5)
