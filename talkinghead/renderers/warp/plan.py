"""What is worked out once per picture: fields, canvases, depth. Parts that a clip never uses are never made."""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np

from talkinghead.core.types import Floats, Pixels, Portrait
from talkinghead.faces import doubtful, mesh
from talkinghead.renderers.warp import anatomy
from talkinghead.renderers.warp.backward import Lookup
from talkinghead.renderers.warp.eyeball import Eyeball
from talkinghead.renderers.warp.eyes import EyeCanvas, without_eyes
from talkinghead.renderers.warp.fields import SkinRegion, face_window
from talkinghead.renderers.warp.grid import Grid, Rect
from talkinghead.renderers.warp.grin import grin, picture_jaw
from talkinghead.renderers.warp.head_turn import HeadTurn
from talkinghead.renderers.warp.mouth import MouthCanvas
from talkinghead.renderers.warp.mouth_fields import mouth_region
from talkinghead.renderers.warp.seen_teeth import TeethMemory
from talkinghead.renderers.warp.shading import MouthShades, Shades, brow_shades, shade_tint
from talkinghead.renderers.warp.slit import SeamMemory, Slit, eye_slit, mouth_slit
from talkinghead.renderers.warp.tones import Tones, measure_tones
from talkinghead.renderers.warp.upper_fields import eye_rect, upper_region, wears_glasses

# How far around the face's outline skin still moves with it, in D.
_WINDOW_REACH = 0.55
# A face that the picture cuts off is continued by this much around its outline, in D.
_CONTINUED = 0.4
# Where skin parts between lids: the shares that the open eye's upper and lower lid have in that line.
_OF_UPPER_LID, _OF_LOWER_LID = 0.1, 0.9
# Frames of video between two looks at its colours, and how far each look moves them.
_TONE_EVERY, _TONE_RATE = 5, 0.15


class Memory:
    """What a video's frames hand on, so that nothing flickers: the mouth's colours, the lips' line, the teeth."""

    def __init__(self) -> None:
        self.seam, self.teeth = SeamMemory(), TeethMemory()
        self._tones: Tones | None = None
        self._frames = 0

    def tones_of(self, pixels: Pixels, landmarks: Floats) -> Tones:
        """The colours so far; they follow the video's light slowly."""
        if self._tones is None:
            self._tones = measure_tones(pixels, landmarks)
        elif self._frames % _TONE_EVERY == 0:
            self._tones = self._tones.blended(measure_tones(pixels, landmarks), _TONE_RATE)
        self._frames += 1
        return self._tones


class Plan:
    """One portrait, ready to be drawn."""

    def __init__(self, portrait: Portrait, memory: Memory | None = None) -> None:
        """`memory` is a video's; a picture's plan is for many frames, a video frame's for one."""
        self._open_sides = _open_sides(portrait)
        self._height, self._width = portrait.pixels.shape[:2]
        self.unit_px = anatomy.pupil_distance_px(portrait.landmarks)
        self.pixels, self.landmarks, self._padding = _with_whole_face(portrait, self.unit_px)
        self.grid = Grid.over(self.pixels, self.unit_px)
        self._often, self._matte = memory is None, portrait.matte
        if memory is None:
            self.tones = measure_tones(self.pixels, self.landmarks)
            self.lips = mouth_slit(self.landmarks, self.pixels, self.unit_px)
        else:
            self.tones = memory.tones_of(self.pixels, self.landmarks)
            self.lips = mouth_slit(self.landmarks, self.pixels, self.unit_px, memory.seam)
        self.smile, self.jaw = grin(self.lips), picture_jaw(self.lips)
        self._window = face_window(self.landmarks, self.grid, self.unit_px, _WINDOW_REACH)
        self.mouth: SkinRegion = mouth_region(self.landmarks, self.lips, self.grid, self._window)
        # A dog that looks like a face has a dog's mouth. In a video, confidence comes and goes with every frame.
        teeth = memory is not None or not doubtful(portrait.face)
        shown = memory.teeth if memory is not None else None
        self.canvas = MouthCanvas(self.lips, self.tones, self.pixels, teeth=teeth, memory=shown)
        self.drawn_before = False

    @cached_property
    def matte(self) -> tuple[Pixels, Lookup] | None:
        """The portrait's matte on this plan's pixels, and where it is looked up; None where it has none."""
        if self._matte is None:
            return None
        padded = self._matte
        if padded.shape != self.pixels.shape[:2]:
            (x, y), (height, width) = self._padding, self.pixels.shape[:2]
            right, bottom = width - self._width - x, height - self._height - y
            padded = np.asarray(cv2.copyMakeBorder(padded, y, bottom, x, right, cv2.BORDER_REPLICATE), np.uint8)
        return padded, Lookup(padded, self._often)

    def cut(self, drawn: Pixels) -> Pixels:
        """What of a drawn frame belongs to the portrait's crop."""
        if drawn.shape[:2] == (self._height, self._width):
            return drawn
        x, y = self._padding
        return np.ascontiguousarray(drawn[y : y + self._height, x : x + self._width])

    @cached_property
    def mouth_opening(self) -> Rect:
        """The nodes of the mouth region that can lie under the lips' line."""
        rect = self.mouth.rect
        low = self.lips.axes.coordinates(self.grid.points(rect))[..., 1] > self.canvas.b[0]
        x, y, wide, tall = cv2.boundingRect(low.view(np.uint8))
        return Rect(rect.x0 + x, rect.y0 + y, rect.x0 + x + wide, rect.y0 + y + tall)

    @cached_property
    def _lips_frame(self) -> tuple[Floats, Floats]:
        """(a, b) of the mouth opening's nodes in the lips' frame."""
        at = self.lips.axes.coordinates(self.grid.points(self.mouth_opening))
        return np.ascontiguousarray(at[..., 0]), np.ascontiguousarray(at[..., 1])

    def under_lips(self, middle: Floats) -> Pixels:
        """Which nodes of the mouth's opening lie under the line `middle`, on the columns of the canvas: 0 or 1."""
        a, b = self._lips_frame
        under = b > middle.max()
        near = np.flatnonzero(~under & (b > middle.min()))
        under.flat[near] = b.flat[near] > np.interp(a.flat[near], self.canvas.a, middle)
        shares: Pixels = under.view(np.uint8)
        return shares

    @cached_property
    def under_lids(self) -> tuple[tuple[Rect, Pixels], ...]:
        """The nodes around each eye, and which of them are drawn as skin under its lids: 0 or 1."""
        found = []
        for slit, rect in zip(self.eyes, self.eye_rects):
            part = rect.common(self.upper.rect)
            at = slit.axes.coordinates(self.grid.points(part))
            line = _OF_UPPER_LID * slit.upper + _OF_LOWER_LID * slit.lower
            low = np.interp(at[..., 0].ravel(), slit.a, line).reshape(at.shape[:2])
            found.append((part, (at[..., 1] > low).view(np.uint8)))
        return tuple(found)

    @cached_property
    def mouth_shades(self) -> MouthShades:
        """Light and shade of the mouth's controls, on the mouth region's nodes."""
        return MouthShades(self.landmarks, self.pixels, self.lips, self.grid, self.mouth.rect, self._window)

    @cached_property
    def brow_shades(self) -> Shades:
        """Light and shade of the brows' controls, on the upper region's nodes."""
        return brow_shades(self.landmarks, self.grid, self.upper.rect, self.unit_px)

    @cached_property
    def shade_tint(self) -> Floats:
        """What its skin's shades take of red, green and blue."""
        return shade_tint(self.tones.warmth)

    @cached_property
    def head(self) -> HeadTurn:
        """What turns the head."""
        return HeadTurn(self.landmarks, self.grid, self.unit_px, self._open_sides)

    @cached_property
    def eyes(self) -> tuple[Slit, Slit]:
        """The eye on the picture's left, then the other."""
        left = eye_slit(self.landmarks, mesh.LEFT_LID_UPPER, mesh.LEFT_LID_LOWER, self.unit_px)
        return left, eye_slit(self.landmarks, mesh.RIGHT_LID_UPPER, mesh.RIGHT_LID_LOWER, self.unit_px)

    @cached_property
    def glasses(self) -> bool:
        """Whether the face seems to wear glasses."""
        return wears_glasses(self.pixels, self.landmarks, self.unit_px)

    @cached_property
    def upper(self) -> SkinRegion:
        """Fields of brows and lids."""
        return upper_region(self.landmarks, self.eyes, self.grid, self._window, self.glasses)

    @cached_property
    def eye_rects(self) -> tuple[Rect, Rect]:
        """The nodes around each eye's opening."""
        return eye_rect(self.eyes[0], self.grid), eye_rect(self.eyes[1], self.grid)

    @cached_property
    def lids_opening(self) -> Rect:
        """The nodes of both eyes at which the skin under the lids is asked for."""
        return self.eye_rects[0].united(self.eye_rects[1]).grown(2)

    @cached_property
    def eye_canvases(self) -> tuple[EyeCanvas, EyeCanvas]:
        """The lids' masks, of the eye on the picture's left first."""
        return EyeCanvas(self.eyes[0], self.pixels), EyeCanvas(self.eyes[1], self.pixels)

    @cached_property
    def balls(self) -> tuple[Eyeball, Eyeball]:
        """The eyeballs, of the eye on the picture's left first."""
        irises = self.landmarks[list(mesh.LEFT_IRIS)], self.landmarks[list(mesh.RIGHT_IRIS)]
        left, right = (
            Eyeball(slit, iris, self.pixels, self.grid.pixels_of(rect))
            for slit, iris, rect in zip(self.eyes, irises, self.eye_rects)
        )
        return left, right

    @cached_property
    def picture(self) -> Lookup:
        """The picture itself, to be looked up at displaced places."""
        return Lookup(self.pixels, self._often)

    @cached_property
    def lidded(self) -> Lookup:
        """The picture with lid skin over its eyes: what lids that move a little are drawn from."""
        return Lookup(without_eyes(self.pixels, self.eyes, closed=False), often=False)

    @cached_property
    def asleep(self) -> Lookup:
        """The picture as its closed eyes would show their lids."""
        return Lookup(without_eyes(self.pixels, self.eyes, closed=True), often=False)


def _with_whole_face(portrait: Portrait, unit_px: float) -> tuple[Pixels, Floats, tuple[int, int]]:
    """(pixels, landmarks, (x, y) of the crop within): a face that the picture cuts off is continued by its border."""
    points, (height, width) = portrait.landmarks, portrait.pixels.shape[:2]
    outline = points[list(mesh.FACE_OVAL), :2]
    margin = _CONTINUED * unit_px
    left, top = (int(v) for v in np.ceil(np.maximum(margin - outline.min(0), 0)))
    right, bottom = (int(v) for v in np.ceil(np.maximum(outline.max(0) + margin - (width, height), 0)))
    if not (left or top or right or bottom):
        return portrait.pixels, points, (0, 0)
    padded = cv2.copyMakeBorder(portrait.pixels, top, bottom, left, right, cv2.BORDER_REPLICATE)
    return padded, points + np.array([left, top, 0], np.float32), (left, top)


def _open_sides(portrait: Portrait) -> tuple[bool, bool, bool, bool]:
    """Sides of the crop (left, top, right, bottom) beyond which the picture goes on."""
    width, height = portrait.crop.size_px
    inverse = cv2.invertAffineTransform(portrait.crop.matrix)
    x0, y0 = inverse @ (-0.5, -0.5, 1)
    x1, y1 = inverse @ (width - 0.5, height - 0.5, 1)
    full_width, full_height = portrait.image.size_px
    return bool(x0 > 0.5), bool(y0 > 0.5), bool(x1 < full_width - 1.5), bool(y1 < full_height - 1.5)
