"""What is left of a face's last motion once nothing drives it any more: the mouth closes, then the rest lets go."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from talkinghead.core.settings import Gains
from talkinghead.motion.gains import apply_gains
from talkinghead.motion.motion import Motion

# Lips are closed in the third frame at 25 per second, so that a client sees them shut within 200 ms, what it takes to
# draw and send them included; a head that came to rest as quickly would jerk.
MOUTH_S, FACE_S = 0.12, 0.8


class Release:
    """From a stream's last frame of motion back to rest, under whatever motion follows.

    The mouth is let go within `MOUTH_S`, pose, lids and brows within `FACE_S`, along a smoothstep.
    """

    def __init__(self, last: Motion) -> None:
        """`last`: the last frame (T = 1)."""
        self._last, self._frame = last, 0

    @property
    def is_over(self) -> bool:
        """Whether nothing is left of it."""
        return self._frame / self._last.fps >= FACE_S

    def rest(self, seconds: float) -> Motion:
        """As much of a face at rest as `seconds` take, at least one frame: what to put `over`."""
        frames = max(1, round(seconds * self._last.fps))
        rest, zero = self._last.rest, np.zeros(frames, np.float32)
        return Motion(
            blendshapes=np.repeat(rest.blendshapes[None], frames, 0),
            expression=np.repeat(rest.expression[None], frames, 0),
            rotation=np.repeat(rest.rotation[None], frames, 0),
            translation=np.repeat(rest.translation[None], frames, 0),
            scale=zero + np.float32(rest.scale),
            fps=self._last.fps,
            rest=rest,
            view=self._last.view,
        )

    def over(self, motion: Motion) -> Motion:
        """The next frames of motion with what is left of the last one added."""
        if self.is_over:
            return motion
        left = Motion.concatenate([self._left(self._frame + 1 + i) for i in range(len(motion))])
        self._frame += len(motion)
        rest = self._last.rest
        return replace(
            motion,
            blendshapes=np.clip(motion.blendshapes + left.blendshapes - rest.blendshapes, 0.0, 1.0),
            expression=motion.expression + left.expression - rest.expression,
            rotation=motion.rotation + left.rotation - rest.rotation,
            translation=motion.translation + left.translation - rest.translation,
            scale=(motion.scale * left.scale / np.float32(rest.scale)).astype(np.float32),
        )

    def _left(self, frame: int) -> Motion:
        """The last frame with each part as near to its rest as it is `frame` frames later."""
        time_s = float(Fraction(frame) / self._last.fps)
        mouth, face = _remaining(time_s / MOUTH_S), _remaining(time_s / FACE_S)
        return apply_gains(self._last, Gains(mouth=mouth, head=face, blink=face, expression=face))


def _remaining(x: float) -> float:
    x = min(max(x, 0.0), 1.0)
    return 1.0 - x * x * (3 - 2 * x)
