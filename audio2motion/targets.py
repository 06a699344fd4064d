"""Lip curves to ARKit's blendshapes, and the mouth's opening and width read back from those.

From phones to lip curves: `audio2motion.coarticulation`. From those to ARKit, by the amplitudes of
`audio2motion.amplitudes` (pupil distances): `opening` 1 is an open a, a gap of open_a, made by the jaw (jaw_open per
unit of jawOpen), the upper lip (upper_lip_up per unit of mouthUpperUp) and the lower (lower_lip_down per unit of
mouthLowerDown). `parting` moves the gap's share from the jaw to the lips, keeping the gap itself:

    mouthUpperUp    = opening (0.25 + 0.85 parting)
    mouthLowerDown  = opening (0.15 + 0.90 parting)
    jawOpen         = (open_a opening - upper_lip_up mouthUpperUp - lower_lip_down mouthLowerDown) / jaw_open
                      (0.53 for an open a)

Spread lips are mouthStretch with a little mouthSmile; p b m press (mouthPress, and both mouthRolls); f v roll the lower
lip under the raised upper one. All zero is the speaker's own relaxed, closed mouth. `opening_of` and `width_of`
read the two measures back, for losses and evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from audio2motion.amplitudes import MOUTH_AMPLITUDES as MOUTH
from audio2motion.amplitudes import WIDTH_AMPLITUDES
from audio2motion.arkit import BLENDSHAPE_INDEX, BLENDSHAPE_NAMES
from audio2motion.coarticulation import LipCurves, lip_curves
from audio2motion.phones import Phone

Floats = npt.NDArray[np.float32]

_BITE_ROLL, _BITE_RAISE = 0.62, 0.45

LIP_BLENDSHAPES: tuple[str, ...] = (
    "jawOpen", "mouthFunnel", "mouthPucker", "mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft",
    "mouthStretchRight", "mouthRollLower", "mouthRollUpper", "mouthPressLeft", "mouthPressRight",
    "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight",
)  # fmt: skip


def blendshapes_of(curves: LipCurves) -> Floats:
    """Lip curves to ARKit weights (T, 52) in 0..1, in the order of `BLENDSHAPE_NAMES`."""
    upper = curves.opening * (0.25 + 0.85 * curves.parting)
    lower = curves.opening * (0.15 + 0.90 * curves.parting)
    jaw = (MOUTH.open_a * curves.opening - MOUTH.upper_lip_up * upper - MOUTH.lower_lip_down * lower) / MOUTH.jaw_open
    rounded = curves.pucker * (1 - 0.5 * np.minimum(1.0, curves.opening))
    values: dict[str, Any] = {
        "jawOpen": jaw,
        "mouthFunnel": np.maximum(curves.funnel, 0.6 * curves.pucker * np.minimum(1.0, 1.5 * curves.opening)),
        "mouthPucker": rounded,
        "mouthSmile": 0.12 * curves.spread,
        "mouthStretch": 0.85 * curves.spread,
        "mouthRollLower": 0.3 * curves.press + _BITE_ROLL * curves.bite,
        "mouthRollUpper": 0.3 * curves.press,
        "mouthPress": 0.8 * curves.press,
        "mouthLowerDown": lower,
        "mouthUpperUp": upper + _BITE_RAISE * curves.bite,
    }
    out = np.zeros((len(curves.opening), len(BLENDSHAPE_NAMES)), np.float32)
    for name, value in values.items():
        for side in ("",) if name in BLENDSHAPE_INDEX else ("Left", "Right"):
            out[:, BLENDSHAPE_INDEX[name + side]] = value
    return np.clip(out, 0.0, 1.0)


def phones_to_blendshapes(
    phones: Sequence[Phone],
    rate_hz: float,
    duration_s: float | None = None,
    levels_db: Sequence[float] | None = None,
) -> Floats:
    """Phones with times to ARKit weights (T, 52): `lip_curves`, then `blendshapes_of`; see both."""
    return blendshapes_of(lip_curves(phones, rate_hz, duration_s, levels_db))


def _functional(parts: dict[str, float], names: Sequence[str]) -> Floats:
    """Weights over `names` of a linear measure; a shape with two sides takes the mean of both."""
    vector = np.zeros(len(names), np.float32)
    for i, name in enumerate(names):
        stem = name.removesuffix("Left").removesuffix("Right")
        if stem in parts:
            vector[i] = parts[stem] * (1.0 if stem == name else 0.5)
    return vector


def opening_weights(names: Sequence[str] = BLENDSHAPE_NAMES) -> Floats:
    """(len(names),): the mouth opening (1 = open a) as a linear function of blendshapes; a bite does not open."""
    bite = MOUTH.upper_lip_up * _BITE_RAISE / _BITE_ROLL
    parts = {"jawOpen": MOUTH.jaw_open, "mouthUpperUp": MOUTH.upper_lip_up, "mouthLowerDown": MOUTH.lower_lip_down,
             "mouthRollLower": -bite, "mouthRollUpper": bite}  # fmt: skip
    return np.asarray(_functional(parts, names) / np.float32(MOUTH.open_a), np.float32)


def width_weights(names: Sequence[str] = BLENDSHAPE_NAMES) -> Floats:
    """(len(names),): the change of mouth width in pupil distances as a linear function of blendshapes."""
    return _functional(WIDTH_AMPLITUDES, names)


def opening_of(blendshapes: npt.NDArray[np.floating[Any]]) -> Floats:
    """Mouth opening (T,), 1 = open a, of ARKit weights (T, 52)."""
    opening: Floats = np.maximum(np.asarray(blendshapes, np.float32) @ opening_weights(), 0.0)
    return opening


def width_of(blendshapes: npt.NDArray[np.floating[Any]]) -> Floats:
    """Change of mouth width (T,) in pupil distances of ARKit weights (T, 52)."""
    return np.asarray(blendshapes, np.float32) @ width_weights()
