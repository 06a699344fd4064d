"""A single driving picture: its expression, against a guess of the person's neutral face."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt

from talkinghead.core.settings import Box
from talkinghead.core.types import Image
from talkinghead.drivers.tracking.guess import guess_weights
from talkinghead.faces import canonical_mesh, find_face
from talkinghead.motion.motion import Motion

EASE_S, HOLD_S = 0.6, 0.8


def picture_motion(
    image: Image, *, fps: Fraction, clip: bool = False, face: int | None = None, box: Box | None = None
) -> Motion:
    """The expression of a face in a picture as motion.

    `clip`: False for one frame, True for a short clip that eases from the portrait's rest into the expression, holds
    it, and eases back. `face` picks one of several faces, counted from 1 by size; `box` (x, y, width, height) says
    where it is when none is found. The head stays as the portrait holds it: one picture does not tell a turned head
    from a moved one.

    Raises:
        FaceError: the picture shows no face.
    """
    weights = guess_weights(find_face(image, index=face, box=box).landmarks, canonical_mesh())
    levels = eased(float(fps)) if clip else np.ones(1)
    return Motion.from_blendshapes(levels[:, None] * weights, fps)


def eased(rate_hz: float) -> npt.NDArray[np.float64]:
    """(T,) from 0 to 1, a hold, and back to 0."""
    t = np.linspace(0, 1, max(2, round(EASE_S * rate_hz)))
    ramp = t * t * (3 - 2 * t)
    return np.concatenate([ramp, np.ones(max(1, round(HOLD_S * rate_hz))), ramp[::-1]])
