"""The embedded renderer: a photo warped by blendshapes and head pose, on a CPU, in real time."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import numpy as np

from talkinghead.core.renderer_options import WarpOptions
from talkinghead.core.side_by_side import shared_out, usable_cores
from talkinghead.core.types import DrawnCrop, Face, Image, Portrait
from talkinghead.motion.angles import relative_pose
from talkinghead.motion.motion import Motion
from talkinghead.motion.protocols import Drawing
from talkinghead.renderers.warp.cropping import crop_rectangle
from talkinghead.renderers.warp.drawing import draw
from talkinghead.renderers.warp.mixing import to_controls
from talkinghead.renderers.warp.plan import Memory, Plan

# Frames that are shared out between two threads: two cores are what every machine has, and Python's own part of the
# work is one thread's.
_SHARED_OUT = 32


class WarpRenderer:
    """Draws a portrait by warping it; needs no weights.

    Blendshapes of 0 are the portrait's own neutral face with its mouth closed; `IGNORED_BLENDSHAPES` names those that
    do nothing. Rotation, translation and scale count from the motion's rest and are bent towards what one picture can
    show (15 degrees of pitch, 18 of yaw, 23 of roll, less yaw for a face already turned). For a source video the
    mouth and jaw are replaced, and every frame keeps its own pose and eyes.
    """

    name = "warp"
    extractor = None

    def __init__(self, options: WarpOptions | None = None) -> None:
        self.options = options or WarpOptions()
        self._plans = _LatestPlan()

    def crop(self, image: Image, face: Face, whole: bool = False) -> Portrait:
        """A rectangle of `image` in whole pixels around `face`, or all of it."""
        return crop_rectangle(image, face, self.options.crop_size_px, whole)

    def open(self, portrait: Portrait | None, *, single: bool = False, keep_mouth: bool = False) -> Drawing:
        """Start drawing a portrait, or a source video (None). One driving frame is drawn like any other."""
        if portrait is None:
            return _VideoDrawing()
        return _StillDrawing(portrait, self._plans.of(portrait), keep_mouth)


class _LatestPlan:
    """What was worked out of the last portrait: drawings of one portrait share it, in whatever threads they run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: tuple[Portrait, Plan] | None = None

    def of(self, portrait: Portrait) -> Plan:
        with self._lock:
            if self._last is None or self._last[0] is not portrait:
                self._last = (portrait, Plan(portrait))
            return self._last[1]


class _StillDrawing:
    """One picture. Two threads draw its frames where there are cores for them: none depends on another."""

    def __init__(self, portrait: Portrait, plan: Plan, keep_mouth: bool) -> None:
        self._portrait, self._plan, self._keep_mouth = portrait, plan, keep_mouth
        self.batch = _SHARED_OUT if usable_cores() > 1 else 1

    def draw(self, motion: Motion, portraits: Sequence[Portrait] = ()) -> Iterator[DrawnCrop]:
        """Frames are drawn as they are asked for, a few of them ahead."""
        rest = motion.rest
        turns, shifts = relative_pose(motion.rotation, motion.translation, rest.rotation, rest.translation)
        scales, shapes = motion.scale / rest.scale, motion.blendshapes - rest.blendshapes

        def one(frame: int) -> DrawnCrop:
            turn = self._plan.head.inverse(
                turns[frame].astype(np.float32), shifts[frame].astype(np.float32), float(scales[frame])
            )
            controls = to_controls(shapes[frame], keep_mouth=self._keep_mouth)
            if self._plan.matte is None:
                return DrawnCrop(self._plan.cut(draw(self._plan, controls, turn)), self._portrait)
            matte = self._plan.matte[0].copy()
            pixels = self._plan.cut(draw(self._plan, controls, turn, matte=matte))
            return DrawnCrop(pixels, self._portrait, matte=self._plan.cut(matte))

        frames = range(len(motion))
        if len(frames) and not self._plan.drawn_before:
            # What a plan lacks is made for the first frame: two at once would make it twice.
            first, frames, self._plan.drawn_before = one(0), frames[1:], True
            yield first
        yield from shared_out(one, frames) if self.batch > 1 else map(one, frames)

    def finish(self) -> list[DrawnCrop]:
        return []


class _VideoDrawing:
    """A source video, whose frames bring their portraits; colours inside the mouth are remembered between them."""

    batch = 1

    def __init__(self) -> None:
        self._memory = Memory()

    def draw(self, motion: Motion, portraits: Sequence[Portrait] = ()) -> list[DrawnCrop]:
        drawn = []
        for blendshapes, portrait in zip(motion.blendshapes - motion.rest.blendshapes, portraits):
            plan = Plan(portrait, self._memory)
            drawn.append(DrawnCrop(plan.cut(draw(plan, to_controls(blendshapes), None, eyes=False)), portrait))
        return drawn

    def finish(self) -> list[DrawnCrop]:
        return []
