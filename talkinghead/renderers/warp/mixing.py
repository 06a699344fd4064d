"""From ARKit's blendshapes to the renderer's own few controls.

A control is one displacement field of `fields`; several blendshapes share one, because in a picture they move the same
skin the same way.
"""

from __future__ import annotations

import numpy as np

from talkinghead.core.types import Floats
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX

# Blendshapes that have nothing to act on in a picture: there is no tongue to put out.
IGNORED_BLENDSHAPES: tuple[str, ...] = ("tongueOut",)

_SIDES = (("Left", "r"), ("Right", "l"))  # the person's left is the picture's right

MOUTH_CONTROLS: tuple[str, ...] = (
    "chin", "lip_drop", "raise_l", "raise_r", "lower_l", "lower_r", "narrow_l", "narrow_r", "spread_l", "spread_r",
    "smile_l", "smile_r", "frown_l", "frown_r", "press_upper", "press_lower", "bite", "pout", "funnel", "shift",
    "jaw_shift", "shrug", "jaw_forward", "cheek_l", "cheek_r", "puff", "sneer_l", "sneer_r",
)  # fmt: skip
EYE_CONTROLS: tuple[str, ...] = (
    "brow_inner", "brow_outer_l", "brow_outer_r", "brow_down_l", "brow_down_r",
    "lid_l", "lid_r", "under_l", "under_r", "wide_l", "wide_r", "gaze_x_l", "gaze_x_r", "gaze_y_l", "gaze_y_r",
)  # fmt: skip
LID_CONTROLS: tuple[str, ...] = EYE_CONTROLS[5:]

_TABLE: dict[str, dict[str, float]] = {
    "jawOpen": {"chin": 1.0, "lip_drop": 1.0, "narrow_l": 0.12, "narrow_r": 0.12, "raise_l": 0.10, "raise_r": 0.10},
    "mouthClose": {"lip_drop": -1.0},
    "mouthFunnel": {"funnel": 1.0, "narrow_l": 0.62, "narrow_r": 0.62},
    "mouthPucker": {"pout": 1.0, "narrow_l": 1.0, "narrow_r": 1.0},
    "mouthLeft": {"shift": 1.0},
    "mouthRight": {"shift": -1.0},
    "jawLeft": {"jaw_shift": 1.0},
    "jawRight": {"jaw_shift": -1.0},
    "jawForward": {"jaw_forward": 1.0},
    "mouthRollUpper": {"press_upper": 1.0},
    "mouthRollLower": {"bite": 1.0},
    "mouthShrugLower": {"shrug": 1.0},
    "mouthShrugUpper": {"raise_l": 0.25, "raise_r": 0.25, "shrug": 0.4},
    "browInnerUp": {"brow_inner": 1.0},
    "cheekPuff": {"puff": 1.0},
}
for _person, _picture in _SIDES:
    _TABLE |= {
        f"mouthSmile{_person}": {
            f"smile_{_picture}": 1.0,
            f"spread_{_picture}": 0.55,
            f"cheek_{_picture}": 0.7,
            f"under_{_picture}": 0.25,
        },
        f"mouthFrown{_person}": {f"frown_{_picture}": 1.0},
        f"mouthDimple{_person}": {f"spread_{_picture}": 0.45, f"smile_{_picture}": 0.12},
        f"mouthStretch{_person}": {f"spread_{_picture}": 1.0, f"frown_{_picture}": 0.15},
        f"mouthPress{_person}": {"press_upper": 0.5, "press_lower": 0.5},
        f"mouthUpperUp{_person}": {f"raise_{_picture}": 1.0},
        f"mouthLowerDown{_person}": {f"lower_{_picture}": 1.0},
        f"browOuterUp{_person}": {f"brow_outer_{_picture}": 1.0},
        f"browDown{_person}": {f"brow_down_{_picture}": 1.0},
        f"cheekSquint{_person}": {f"cheek_{_picture}": 1.0, f"under_{_picture}": 0.5},
        f"noseSneer{_person}": {f"sneer_{_picture}": 1.0, f"raise_{_picture}": 0.25, f"brow_down_{_picture}": 0.25},
        f"eyeBlink{_person}": {f"lid_{_picture}": 1.0},
        f"eyeSquint{_person}": {f"under_{_picture}": 1.0, f"lid_{_picture}": 0.18},
        f"eyeWide{_person}": {f"wide_{_picture}": 1.0},
        f"eyeLookUp{_person}": {f"gaze_y_{_picture}": -1.0, f"wide_{_picture}": 0.3},
        f"eyeLookDown{_person}": {f"gaze_y_{_picture}": 1.0, f"lid_{_picture}": 0.42},
        f"eyeLookOut{_person}": {f"gaze_x_{_picture}": 1.0 if _picture == "r" else -1.0},
        f"eyeLookIn{_person}": {f"gaze_x_{_picture}": -1.0 if _picture == "r" else 1.0},
    }

FIELD_CONTROLS: tuple[str, ...] = MOUTH_CONTROLS + EYE_CONTROLS
_CONTROL_INDEX = {name: i for i, name in enumerate(FIELD_CONTROLS)}


def _mixing_matrix() -> Floats:
    matrix = np.zeros((len(BLENDSHAPE_INDEX), len(FIELD_CONTROLS)), np.float32)
    for shape, parts in _TABLE.items():
        for control, weight in parts.items():
            matrix[BLENDSHAPE_INDEX[shape], _CONTROL_INDEX[control]] = weight
    return matrix


MIXING = _mixing_matrix()
_JAW, _CLOSE = BLENDSHAPE_INDEX["jawOpen"], BLENDSHAPE_INDEX["mouthClose"]
# Signed controls go both ways; the others are one-sided.
_SIGNED = np.array([name == "shift" or name == "jaw_shift" or name.startswith("gaze") for name in FIELD_CONTROLS])
# How far a weight may undo: what a portrait's own smile, frown or brows can be taken back by; lips and lids less.
_SOFT = ("smile", "frown", "spread", "narrow", "brow", "cheek", "sneer", "shrug")
_LOWEST = np.array([-1.0 if name.startswith(_SOFT) else -0.35 for name in FIELD_CONTROLS])


def to_controls(blendshapes: Floats, keep_mouth: bool = False) -> dict[str, float]:
    """One frame of relative blendshapes (52,), -1..1, to control weights by name.

    Negative weights (a rest that was stronger than the frame) undo: they count for controls that go both ways and for
    expressions that are soft; lips never open by a negative press. A mouth that is open in the picture is
    closed first, or with `keep_mouth` as far as its lips are pressed.
    """
    weights = np.clip(blendshapes, -1.0, 1.0)
    # Lips meet when "mouthClose" equals "jawOpen"; more of it has nothing left to close.
    if weights[_CLOSE] > max(weights[_JAW], 0.0):
        weights = weights.copy()
        weights[_CLOSE] = max(weights[_JAW], 0.0)
    values = weights @ MIXING
    values = np.where(_SIGNED, np.clip(values, -1.2, 1.2), np.clip(values, _LOWEST, 1.25))
    controls = dict(zip(FIELD_CONTROLS, values.tolist()))
    pressed = max(controls["press_upper"], controls["press_lower"])
    return controls | {"close": float(np.clip(pressed, 0, 1)) if keep_mouth else 1.0}
