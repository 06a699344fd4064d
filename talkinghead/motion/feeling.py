"""An expression that a face wears under whatever moves it, and how it comes and goes."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from talkinghead.core.types import Floats
from talkinghead.motion.motion import Motion

# A smile that is there at once looks put on.
CHANGE_S = 0.5


class Feeling:
    """What a face wears: nothing at first, and after each `change` the new expression within `CHANGE_S`."""

    def __init__(self, fps: Fraction) -> None:
        self._step = 1.0 / max(1.0, CHANGE_S * float(fps))
        # Each worn expression with its share now; the last is the one that is wanted.
        self._worn: list[tuple[Motion, float]] = []
        self._wanted: Motion | None = None

    def change(self, face: Motion | None) -> None:
        """Wear `face` (T = 1) instead; None: nothing."""
        self._wanted = face
        if face is not None:
            self._worn.append((face, 0.0))

    def under(self, motion: Motion) -> Motion:
        """The next frames with what is worn added to them."""
        if not self._worn:
            return motion
        frames = len(motion)
        blendshapes, expression = motion.blendshapes.copy(), motion.expression.copy()
        rotation, left = motion.rotation.copy(), []
        for face, share in self._worn:
            wanted = face is self._wanted
            shares = _moved(share, self._step if wanted else -self._step, frames)
            eased = shares * shares * (3 - 2 * shares)
            blendshapes += eased[:, None] * (face.blendshapes - face.rest.blendshapes)
            expression += eased[:, None, None] * (face.expression - face.rest.expression)
            rotation += eased[:, None] * (face.rotation - face.rest.rotation)
            if wanted or shares[-1] > 0:
                left.append((face, float(shares[-1])))
        self._worn = left
        return replace(motion, blendshapes=np.clip(blendshapes, 0.0, 1.0), expression=expression, rotation=rotation)


def _moved(share: float, step: float, frames: int) -> Floats:
    return np.asarray(np.clip(share + step * np.arange(1, frames + 1), 0.0, 1.0), np.float32)
