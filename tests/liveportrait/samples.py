"""Motion to drive with, and an engine that tells what it would draw."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import torch

from talkinghead.core.types import DrawnCrop, Face, Image, Portrait
from talkinghead.models.liveportrait.engine import Engine
from talkinghead.models.liveportrait.fast.warping import Source
from talkinghead.models.liveportrait.pending import After, Pending
from talkinghead.models.liveportrait.weights import Models
from talkinghead.motion.motion import Motion, Rest
from talkinghead.motion.protocols import Drawing, Renderer


class KeypointEngine(Engine):
    """The networks, but for W and G: the keypoints (B, 21, 3) that they would be given are kept in `seen`."""

    def __init__(self, models: Models) -> None:
        super().__init__(models)
        self.seen: list[torch.Tensor] = []

    def submit(
        self, source: Source, kp_driving: torch.Tensor, kp_source: torch.Tensor, after: After | None = None
    ) -> list[Pending]:
        assert kp_source.shape[1:] == kp_driving.shape[1:]
        assert len(source.compact) in (1, len(kp_driving))
        self.seen.append(kp_driving)
        return [Pending(torch.zeros(len(kp_driving), 2, 2, 3, dtype=torch.uint8), after)]


def read_motion(frames: int, seed: int = 0) -> Motion:
    """`frames` of what a motion extractor reads: everything moves, relative to the first frame."""
    draw = np.random.RandomState(seed)
    exp, rotation, t = 0.04 * draw.randn(frames, 21, 3), 6 * draw.randn(frames, 3), 0.05 * draw.randn(frames, 3)
    scale = 1.1 + 0.03 * draw.randn(frames)
    rest = Rest(
        expression=exp[0].astype(np.float32),
        rotation=rotation[0].astype(np.float32),
        translation=t[0].astype(np.float32),
        scale=float(np.float32(scale[0])),
    )
    eyes, lips = 0.3 + 0.1 * draw.rand(frames, 2), 0.3 * draw.rand(frames)
    return Motion.from_expression(
        exp, Fraction(25), rotation=rotation, translation=t, scale=scale, rest=rest, eye_ratio=eyes, lip_ratio=lips
    )


def spoken_motion(frames: int, seed: int = 0) -> Motion:
    """`frames` of blendshapes with a head that moves."""
    draw = np.random.RandomState(seed)
    weights, rotation, t = 0.4 * draw.rand(frames, 52), 4 * draw.randn(frames, 3), 0.02 * draw.randn(frames, 3)
    scale = 1 + 0.02 * draw.randn(frames)
    return Motion.from_blendshapes(weights, Fraction(25), rotation=rotation, translation=t, scale=scale)


def picture() -> Image:
    """A smooth random picture, 256x256, the same everywhere."""
    rows = np.random.RandomState(5).rand(8, 8, 3)
    at = np.linspace(0, 7, 256)
    low, part = np.minimum(at.astype(int), 6), at - np.minimum(at.astype(int), 6)
    rows = rows[low] * (1 - part)[:, None, None] + rows[low + 1] * part[:, None, None]
    rows = rows[:, low] * (1 - part)[None, :, None] + rows[:, low + 1] * part[None, :, None]
    return Image((rows * 255).astype(np.uint8))


def portraits(count: int, face: Face, renderer: Renderer) -> list[Portrait]:
    """`count` frames of a source video, in which the picture slides by 2 pixels a frame."""
    return [renderer.crop(Image(np.roll(picture().pixels, 2 * i, 1)), face, whole=True) for i in range(count)]


def drawn(
    drawing: Drawing, motion: Motion, cuts: Sequence[int] = (), frames: Sequence[Portrait] = ()
) -> list[DrawnCrop]:
    """All crops of `motion`, pushed in parts that end at `cuts`, with a source video's `frames`."""
    crops: list[DrawnCrop] = []
    for begin, end in zip([0, *cuts], [*cuts, len(motion)]):
        crops += drawing.draw(motion[begin:end], frames[begin:end])
    return crops + drawing.finish()
