"""A few named controls, or any ARKit blendshape, as one frame of motion: what an edit asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

import numpy as np

from talkinghead.core.emotions import EMOTIONS, Emotion
from talkinghead.core.errors import InputError
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX, N_BLENDSHAPES
from talkinghead.motion.emotion import preset
from talkinghead.motion.motion import Motion

# Control -> the blendshapes of its positive and of its negative side, with their weights at 1 and -1.
_SHAPES: dict[str, tuple[dict[str, float], dict[str, float]]] = {
    "smile": (
        {"mouthSmileLeft": 1, "mouthSmileRight": 1, "cheekSquintLeft": 0.4, "cheekSquintRight": 0.4},
        {"mouthFrownLeft": 1, "mouthFrownRight": 1},
    ),
    "brows": (
        {"browInnerUp": 1, "browOuterUpLeft": 1, "browOuterUpRight": 1},
        {"browDownLeft": 1, "browDownRight": 1},
    ),
    "blink": ({"eyeBlinkLeft": 1, "eyeBlinkRight": 1}, {"eyeWideLeft": 1, "eyeWideRight": 1}),
    "wink_left": ({"eyeBlinkLeft": 1, "eyeSquintLeft": 0.3}, {}),
    "wink_right": ({"eyeBlinkRight": 1, "eyeSquintRight": 0.3}, {}),
    "squint": ({"eyeSquintLeft": 1, "eyeSquintRight": 1}, {"eyeWideLeft": 1, "eyeWideRight": 1}),
    "gaze_x": (
        {"eyeLookOutLeft": 1, "eyeLookInRight": 1},
        {"eyeLookInLeft": 1, "eyeLookOutRight": 1},
    ),
    "gaze_y": ({"eyeLookUpLeft": 1, "eyeLookUpRight": 1}, {"eyeLookDownLeft": 1, "eyeLookDownRight": 1}),
    "jaw": ({"jawOpen": 1}, {"mouthPressLeft": 1, "mouthPressRight": 1}),
    "pucker": ({"mouthPucker": 1}, {"mouthStretchLeft": 1, "mouthStretchRight": 1}),
}
_EMOTIONS: dict[str, dict[str, float]] = {name: preset(Emotion(name)) for name in EMOTIONS}
_POSE = {"pitch": 0, "yaw": 1, "roll": 2}
_SHIFT = {"x": 0, "y": 1}
CONTROLS: tuple[str, ...] = (*_SHAPES, *_POSE, *_SHIFT, "zoom")
_RANGES = {**dict.fromkeys(_SHAPES, (-1.0, 1.0)), **dict.fromkeys(_EMOTIONS, (0.0, 1.0)),
           **dict.fromkeys(_POSE, (-30.0, 30.0)), **dict.fromkeys(_SHIFT, (-0.5, 0.5)), "zoom": (0.5, 2.0)}  # fmt: skip


def controls_to_motion(controls: Mapping[str, float]) -> Motion:
    """One frame of motion from controls (`CONTROLS`) and ARKit blendshapes by name.

    Controls run from -1 to 1, emotions (`core.emotions`) and blendshapes from 0 to 1, pitch, yaw, roll are degrees, x
    and y shares of the face crop's half side, zoom a factor. Blendshapes that two controls share add up.

    Raises:
        InputError: a name is unknown or a value out of its range.
    """
    weights = np.zeros((1, N_BLENDSHAPES), np.float32)
    rotation, translation = np.zeros((1, 3), np.float32), np.zeros((1, 3), np.float32)
    scale = np.ones(1, np.float32)
    for name, value in controls.items():
        low, high = range_of(name)
        if not low <= value <= high:
            raise InputError(f"{name} must lie between {low:g} and {high:g}, not {value:g}")
        if name in BLENDSHAPE_INDEX:
            weights[0, BLENDSHAPE_INDEX[name]] += value
        elif name in _POSE:
            rotation[0, _POSE[name]] = value
        elif name in _SHIFT:
            translation[0, _SHIFT[name]] = value
        elif name == "zoom":
            scale[0] = value
        else:
            shapes = _EMOTIONS[name] if name in _EMOTIONS else _SHAPES[name][value < 0]
            for shape, share in shapes.items():
                weights[0, BLENDSHAPE_INDEX[shape]] += share * abs(value)
    motion = Motion.from_blendshapes(weights, Fraction(25), rotation=rotation, translation=translation, scale=scale)
    # An edit adds to the face as it is: LivePortrait takes its sliders' deltas, not a speaker's retargeted lips.
    return replace(motion, view="expression")


def range_of(name: str) -> tuple[float, float]:
    """The least and the greatest value of a control, an emotion or a blendshape.

    Raises:
        InputError: there is none of this name.
    """
    if name in BLENDSHAPE_INDEX:
        return 0.0, 1.0
    if name not in _RANGES:
        raise InputError(
            f"there is no control {name!r}: use {', '.join((*CONTROLS, *EMOTIONS))}, or an ARKit shape's name"
        )
    return _RANGES[name]
