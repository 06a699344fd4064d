"""Blendshapes on a portrait: lips and lids through the retargeting networks, the rest through expression directions.

A blendshape says how far a mouth opens, not how far this mouth: the lip network knows the portrait's own lips and
meets an opening as LivePortrait measures it. Directions carry what the networks have no input for: spread and pucker,
smile, brows, gaze.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from talkinghead.core.types import Floats
from talkinghead.motion import blendshapes as shapes
from talkinghead.motion.motion import Motion

# The jaw's slider: keypoint 19 down, a little in, and keypoint 17 up by a tenth, per unit of 19's way down.
_JAW_KEYPOINT, _DOWN = 19, 1
_JAW = {(19, 1): 1.0, (19, 2): 0.1, (17, 1): -0.1}

# LivePortrait's recorded templates: a lip ratio of 0.67 goes with 0.1 of keypoint 19's way down.
LIP_RATIO_PER_DELTA = 6.7
MAX_LIP_RATIO = 0.8

_BLINKS = [shapes.BLENDSHAPE_INDEX[f"eyeBlink{side}"] for side in ("Left", "Right")]


class Articulation(NamedTuple):
    """T frames of blendshapes split by who acts them out.

    `expression` (T, 21, 3): keypoint deltas without jaw and common blink; `lip_ratio` (T,): the target; `closed` (T,):
    how far both lids are closed, 0..1.
    """

    expression: Floats
    lip_ratio: Floats
    closed: Floats


def articulate(motion: Motion) -> Articulation:
    """A motion's blendshapes, relative to its rest, split for the networks.

    Zero blendshapes mean closed lips, whatever the portrait's own mouth does: silence closes an open mouth.
    """
    weights = np.asarray(motion.blendshapes - motion.rest.blendshapes, np.float32)
    # The eye network closes both lids alike; what one lid does more than the other is left to the directions.
    closed = np.clip(weights[:, _BLINKS].min(1), 0.0, 1.0)
    weights[:, _BLINKS] -= closed[:, None]
    expression = shapes.to_expression(weights)
    opening = expression[:, _JAW_KEYPOINT, _DOWN].copy()
    for (keypoint, axis), share in _JAW.items():
        expression[:, keypoint, axis] -= share * opening
    ratio = np.clip(opening * LIP_RATIO_PER_DELTA, 0.0, MAX_LIP_RATIO).astype(np.float32)
    return Articulation(expression, ratio, closed.astype(np.float32))
