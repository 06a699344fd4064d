"""A single driving picture: its expression and pose, against a guess of the person's neutral face."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from talkinghead.core.types import Image
from talkinghead.drivers.tracking.guess import guess_weights
from talkinghead.faces import canonical_mesh, find_face
from talkinghead.motion.motion import Motion

EASE_S, HOLD_S = 0.6, 0.8


class PictureMotionSource:
    """A MotionSource over one picture.

    `clip`: False for one frame, True for a short clip that eases from the portrait's rest into the expression, holds
    it, and eases back. `face` picks one of several faces, counted from 1 by size; `box` (x, y, width, height) says
    where it is when none is found. The head stays as the portrait holds it: one picture does not tell a turned head
    from a moved one.

    Raises:
        FaceError: the picture shows no face.
    """

    def __init__(
        self,
        image: Image,
        *,
        fps: Fraction = Fraction(25),
        clip: bool = False,
        face: int | None = None,
        box: tuple[float, float, float, float] | None = None,
    ) -> None:
        self._fps = Fraction(fps)
        self._weights = guess_weights(find_face(image, index=face, box=box).landmarks, canonical_mesh())
        self._levels = eased(float(fps)) if clip else np.ones(1)

    @property
    def fps(self) -> Fraction:
        return self._fps

    @property
    def frames(self) -> int | None:
        return len(self._levels)

    def __iter__(self) -> Iterator[Motion]:
        yield Motion.from_blendshapes(self._levels[:, None] * self._weights, self._fps)


def eased(rate_hz: float) -> np.ndarray:
    """From 0 to 1, a hold, and back to 0."""
    t = np.linspace(0, 1, max(2, round(EASE_S * rate_hz)))
    ramp = t * t * (3 - 2 * t)
    return np.concatenate([ramp, np.ones(max(1, round(HOLD_S * rate_hz))), ramp[::-1]])
