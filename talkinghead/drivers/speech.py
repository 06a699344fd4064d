"""Speech as a driver: sound in, motion out, as it comes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from talkinghead.core.errors import CheckpointError
from talkinghead.core.types import Floats
from talkinghead.motion.blendshapes import BLENDSHAPE_NAMES
from talkinghead.motion.motion import Motion

if TYPE_CHECKING:
    from audio2motion import Prediction, Predictor


def to_motion(prediction: Prediction, fps: Fraction) -> Motion:
    """A prediction's tensors as Motion, relative to the portrait's own rest."""
    pose: dict[str, Any] = {
        "rotation": prediction.rotation.numpy(),
        "translation": prediction.translation.numpy(),
        "scale": prediction.scale.numpy(),
    }
    if prediction.expression is not None:
        return Motion.from_expression(prediction.expression.numpy(), fps, **pose)
    return Motion.from_blendshapes(prediction.blendshapes.numpy(), fps, **pose)


class AudioMotionSource:
    """A MotionSource over blocks of mono float32 sound at the predictor's rate.

    `frames` is known where the length of the sound is: the video then lasts as long as the sound to within a frame.
    """

    def __init__(
        self,
        blocks: Iterable[Floats],
        predictor: Predictor,
        fps: Fraction,
        *,
        seed: int = 0,
        duration_s: float | None = None,
        low_latency: bool = False,
    ) -> None:
        if tuple(predictor.config.blendshape_names) != BLENDSHAPE_NAMES:
            raise CheckpointError("this speech model names other blendshapes than ARKit's 52 in their known order")
        self._blocks, self._predictor = blocks, predictor
        self._fps, self._seed, self._low_latency = Fraction(fps), seed, low_latency
        self._frames = None if duration_s is None else max(1, round(duration_s * self._fps))

    @property
    def fps(self) -> Fraction:
        return self._fps

    @property
    def frames(self) -> int | None:
        return self._frames

    def __iter__(self) -> Iterator[Motion]:
        stream = self._predictor.stream(self._fps, seed=self._seed, low_latency=self._low_latency)
        for block in self._blocks:
            prediction = stream.push(np.ascontiguousarray(block, np.float32))
            if prediction is not None:
                yield to_motion(prediction, self._fps)
        prediction = stream.finish()
        if prediction is not None:
            yield to_motion(prediction, self._fps)
