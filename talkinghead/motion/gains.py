"""Turning a motion up or down, part by part, before anything draws it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from talkinghead.core.settings import Gains
from talkinghead.core.types import Floats
from talkinghead.motion.blendshapes import BLENDSHAPE_NAMES, EYE_KEYPOINTS, LIP_KEYPOINTS, N_KEYPOINTS
from talkinghead.motion.motion import Motion


def _part_of(name: str) -> str:
    """Which gain a blendshape obeys."""
    if name.startswith(("jaw", "mouth", "tongue", "cheekPuff")):
        return "mouth"
    if name.startswith(("eyeBlink", "eyeSquint", "eyeWide")):
        return "blink"
    return "expression"


def _blendshape_gains(gains: Gains) -> Floats:
    return np.array([getattr(gains, _part_of(name)) for name in BLENDSHAPE_NAMES], np.float32)


def _keypoint_gains(gains: Gains) -> Floats:
    factors = np.full((N_KEYPOINTS, 1), gains.expression, np.float32)
    factors[list(LIP_KEYPOINTS)] = gains.mouth
    factors[list(EYE_KEYPOINTS)] = gains.blink
    return factors


def moves_mouth(motion: Motion) -> bool:
    """Whether anything of the mouth moves: jaw, lips, cheeks or tongue."""
    without = apply_gains(motion, Gains(mouth=0))
    same = np.array_equal(without.blendshapes, motion.blendshapes)
    return not (same and np.array_equal(without.expression, motion.expression))


def apply_gains(motion: Motion, gains: Gains, still: bool = False) -> Motion:
    """`motion` with each part's distance from the driver's rest multiplied by its gain; `still` freezes the head."""
    if gains == Gains() and not still:
        return motion
    head, rest = 0.0 if still else gains.head, motion.rest
    shapes = rest.blendshapes + (motion.blendshapes - rest.blendshapes) * _blendshape_gains(gains)
    return replace(
        motion,
        blendshapes=np.clip(shapes, 0.0, 1.0),
        expression=rest.expression + (motion.expression - rest.expression) * _keypoint_gains(gains),
        rotation=rest.rotation + (motion.rotation - rest.rotation) * np.float32(head),
        translation=rest.translation + (motion.translation - rest.translation) * np.float32(head),
        scale=(rest.scale * (motion.scale / rest.scale) ** np.float32(head)).astype(np.float32),
    )
