"""The embedded renderer: a photo warped by blendshapes and head pose, on a CPU, in real time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from talkinghead.core.types import Face, Frame, Image, Portrait
from talkinghead.motion.angles import relative_pose
from talkinghead.motion.motion import Motion
from talkinghead.renderers.warp.controls import to_controls
from talkinghead.renderers.warp.cropping import crop_portrait
from talkinghead.renderers.warp.drawing import draw
from talkinghead.renderers.warp.plan import Memory, Plan


class WarpRenderer:
    """Draws a portrait by warping it; needs no weights.

    Blendshapes of 0 are the portrait's own neutral face with its mouth closed; `IGNORED_BLENDSHAPES` names those that
    do nothing. Rotation, translation and scale count from the motion's rest and are bent towards what one picture can
    show (15 degrees of pitch, 18 of yaw, 23 of roll, less yaw for a face already turned). For a source video the
    mouth and jaw are replaced, and every frame keeps its own pose and eyes.

    `crop_size_px` asks for crops whose longer side has that many pixels; by default a crop keeps the picture's own.
    `keep_mouth` starts from the picture's mouth as it is, open or closed: for edits rather than speech.
    """

    name = "warp"

    def __init__(self, crop_size_px: int | None = None, keep_mouth: bool = False) -> None:
        if crop_size_px is not None and crop_size_px < 32:
            raise ValueError(f"crop_size_px must be at least 32, not {crop_size_px}")
        self._crop_size_px, self._keep_mouth = crop_size_px, keep_mouth
        self._last: tuple[Portrait, Plan] | None = None

    def crop(self, image: Image, face: Face, whole: bool = False) -> Portrait:
        """A rectangle of `image` in whole pixels around `face`, or all of it."""
        return crop_portrait(image, face, self._crop_size_px, whole)

    def render(self, source: Portrait | Iterable[Portrait], motion: Iterable[Motion]) -> Iterator[Frame]:
        """Frames, one per frame of motion; for a source video, until the shorter of the two ends."""
        if isinstance(source, Portrait):
            return self._render_still(source, motion)
        return self._render_video(source, motion)

    def _render_still(self, portrait: Portrait, motion: Iterable[Motion]) -> Iterator[Frame]:
        plan = self._plan(portrait)
        for chunk in motion:
            rest = chunk.rest
            turns, shifts = relative_pose(chunk.rotation, chunk.translation, rest.rotation, rest.translation)
            for i in range(len(chunk)):
                turn = plan.head.inverse(
                    turns[i].astype(np.float32),
                    shifts[i].astype(np.float32),
                    float(chunk.scale[i] / rest.scale),
                )
                drawn = draw(
                    plan, to_controls(chunk.blendshapes[i] - rest.blendshapes, keep_mouth=self._keep_mouth), turn
                )
                yield Frame(plan.cut(drawn), portrait)

    def _render_video(self, portraits: Iterable[Portrait], motion: Iterable[Motion]) -> Iterator[Frame]:
        source, memory = iter(portraits), Memory()
        # Motion is asked first, for a source video may be endless.
        for chunk in motion:
            for blendshapes in chunk.blendshapes - chunk.rest.blendshapes:
                portrait = next(source, None)
                if portrait is None:
                    return
                plan = Plan(portrait, memory)
                drawn = draw(plan, to_controls(blendshapes), None, eyes=False)
                yield Frame(plan.cut(drawn), portrait)

    def _plan(self, portrait: Portrait) -> Plan:
        """The portrait's plan, kept for the next call with the same portrait."""
        if self._last is None or self._last[0] is not portrait:
            self._last = (portrait, Plan(portrait))
        return self._last[1]
