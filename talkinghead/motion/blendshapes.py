"""The two views of a facial expression and the one table that keeps them in step.

- ARKit's 52 blendshapes, in the column order of Live Link Face's CSV;
- LivePortrait's implicit keypoint deltas: 21 keypoints x (x right, y down, z inward).

The table holds, for each blendshape at weight 1, the keypoint deltas of LivePortrait's published expression
sliders (arXiv 2407.03168 and its retargeting interface). Going back is a bounded least-squares fit on the same
table, so expression -> blendshapes -> expression loses only what no slider can express.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from audio2motion import BLENDSHAPE_INDEX as BLENDSHAPE_INDEX
from audio2motion import BLENDSHAPE_NAMES as BLENDSHAPE_NAMES

N_BLENDSHAPES = len(BLENDSHAPE_NAMES)
N_KEYPOINTS = 21

# LivePortrait's regions: the implicit keypoints that its own lip and eye retargeting move.
LIP_KEYPOINTS = (6, 12, 14, 17, 19, 20)
EYE_KEYPOINTS = (11, 13, 15, 16, 18)

_X, _Y, _Z = 0, 1, 2

# LivePortrait's sliders: deltas of (keypoint, axis) per slider unit.
_SMILE = {(20, _Y): -0.01, (14, _Y): -0.02, (17, _Y): 0.0065, (17, _Z): 0.003, (13, _Y): -0.00275,
          (16, _Y): -0.00275, (3, _Y): -0.0035, (7, _Y): -0.0035}  # fmt: skip
_AAA = {(19, _Y): 0.001, (19, _Z): 0.0001, (17, _Y): -0.0001}
_EEE = {(20, _Z): -0.001, (20, _Y): -0.001, (14, _Y): -0.001}
_WOO = {(14, _Y): 0.001, (3, _Y): -0.0005, (7, _Y): -0.0005, (17, _Z): -0.0005}
_POUT = {(19, _X): 1.0}
_BROW_UP = {(1, _Y): 0.001, (2, _Y): -0.001}
_BROW_DOWN = {(1, _X): -0.001, (2, _X): 0.001, (1, _Y): 0.0003, (2, _Y): -0.0003}

_Deltas = dict[tuple[int, int], float]


def _blend(*parts: tuple[float, _Deltas]) -> _Deltas:
    """Sum of sliders, each at its own number of units."""
    out: _Deltas = {}
    for units, deltas in parts:
        for place, delta in deltas.items():
            out[place] = out.get(place, 0.0) + units * delta
    return out


def _eye(keypoint: int, lid: int, units: float) -> _Deltas:
    """LivePortrait's "eyes closed" slider confined to one eye."""
    return {(keypoint, _Y): 0.001 * units, (lid, _Y): -0.0003 * units}


def _gaze_up(keypoint: int, lid: int, units: float) -> _Deltas:
    """The gaze slider's vertical half: the eye rises, and its lid follows half as far."""
    return {(keypoint, _Y): -0.0005 * units, (lid, _Y): -0.00015 * units}


# Keypoints 11 and 13 belong to the eye on the picture's left, which is the person's right; 15 and 16 to the other.
# (In LivePortrait's recorded templates exp[11, y] follows the first eye ratio, exp[15, y] the second.)
_RIGHT_EYE, _LEFT_EYE = (11, 13), (15, 16)

# Slider units at weight 1: the ends of the sliders' published ranges, or the amplitude of recorded templates
# (lip ratio 0.67 moves exp[19, y] by 0.1; a full blink moves an eye keypoint by 0.02). Shapes that are missing
# have no published slider: jawForward, cheekPuff, cheekSquint, noseSneer, tongueOut.
_TABLE: dict[str, _Deltas] = {
    "eyeBlinkLeft": _eye(*_LEFT_EYE, 20),
    "eyeBlinkRight": _eye(*_RIGHT_EYE, 20),
    "eyeSquintLeft": _eye(*_LEFT_EYE, 7),
    "eyeSquintRight": _eye(*_RIGHT_EYE, 7),
    "eyeWideLeft": _eye(*_LEFT_EYE, -7),
    "eyeWideRight": _eye(*_RIGHT_EYE, -7),
    "eyeLookUpLeft": _gaze_up(*_LEFT_EYE, 30),
    "eyeLookUpRight": _gaze_up(*_RIGHT_EYE, 30),
    "eyeLookDownLeft": _gaze_up(*_LEFT_EYE, -30),
    "eyeLookDownRight": _gaze_up(*_RIGHT_EYE, -30),
    "eyeLookOutLeft": {(15, _X): 0.030},
    "eyeLookInLeft": {(15, _X): -0.021},
    "eyeLookOutRight": {(11, _X): -0.030},
    "eyeLookInRight": {(11, _X): 0.021},
    "jawOpen": _blend((100, _AAA)),
    "jawLeft": _blend((0.04, _POUT)),
    "jawRight": _blend((-0.04, _POUT)),
    "mouthClose": _blend((-60, _AAA)),
    "mouthFunnel": _blend((10, _WOO), (15, _AAA)),
    "mouthPucker": _blend((15, _WOO)),
    "mouthLeft": _blend((0.05, _POUT)),
    "mouthRight": _blend((-0.05, _POUT)),
    "mouthSmileLeft": _blend((0.65, _SMILE)),
    "mouthSmileRight": _blend((0.65, _SMILE)),
    "mouthFrownLeft": _blend((-0.25, _SMILE)),
    "mouthFrownRight": _blend((-0.25, _SMILE)),
    "mouthDimpleLeft": _blend((0.15, _SMILE), (2, _EEE)),
    "mouthDimpleRight": _blend((0.15, _SMILE), (2, _EEE)),
    "mouthStretchLeft": _blend((7.5, _EEE)),
    "mouthStretchRight": _blend((7.5, _EEE)),
    "mouthRollLower": _blend((-8, _AAA)),
    "mouthRollUpper": _blend((-5, _AAA)),
    "mouthShrugLower": _blend((-6, _AAA), (2, _WOO)),
    "mouthShrugUpper": _blend((-2, _AAA), (2, _WOO)),
    "mouthPressLeft": _blend((-6, _AAA)),
    "mouthPressRight": _blend((-6, _AAA)),
    "mouthLowerDownLeft": _blend((12, _AAA)),
    "mouthLowerDownRight": _blend((12, _AAA)),
    "mouthUpperUpLeft": _blend((4, _EEE), (4, _AAA)),
    "mouthUpperUpRight": _blend((4, _EEE), (4, _AAA)),
    "browInnerUp": _blend((15, _BROW_UP)),
    "browOuterUpLeft": _blend((7.5, _BROW_UP)),
    "browOuterUpRight": _blend((7.5, _BROW_UP)),
    "browDownLeft": _blend((15, _BROW_DOWN)),
    "browDownRight": _blend((15, _BROW_DOWN)),
}

# The shapes for which a slider was made; the others borrow a part of one.
_SLIDERS_OWN = frozenset(
    name
    for name in _TABLE
    if name.startswith(("eyeBlink", "eyeLook", "jaw", "mouthPucker", "mouthSmile", "mouthStretch", "brow"))
)


@lru_cache(maxsize=1)
def directions() -> npt.NDArray[np.float32]:
    """Keypoint deltas per blendshape at weight 1: float32 (52, 21, 3)."""
    table = np.zeros((N_BLENDSHAPES, N_KEYPOINTS, 3), np.float32)
    for name, deltas in _TABLE.items():
        for (keypoint, axis), delta in deltas.items():
            table[BLENDSHAPE_INDEX[name], keypoint, axis] = delta
    table.setflags(write=False)
    return table


def to_expression(blendshapes: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
    """Blendshape weights (T, 52) to keypoint deltas (T, 21, 3)."""
    weights = np.asarray(blendshapes, np.float32)
    return (weights @ directions().reshape(N_BLENDSHAPES, -1)).reshape(-1, N_KEYPOINTS, 3)


@lru_cache(maxsize=1)
def _least_squares() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], float]:
    """(A^T scaled, Gram matrix, Lipschitz constant) of the ridge-regularised fit.

    Keypoints are scaled to equal reach so that the jaw's large deltas do not drown the lids' small ones.
    """
    a = directions().reshape(N_BLENDSHAPES, -1).astype(np.float64)
    reach = np.maximum(np.abs(directions()).max(axis=(0, 2)), 1e-3)
    scale = 1.0 / np.repeat(reach, 3)
    scaled = a * scale
    # The ridge decides among shapes that share a slider: both sides alike, and the slider's own shape first.
    ridge = np.array([1e-3 if name in _SLIDERS_OWN else 2e-2 for name in BLENDSHAPE_NAMES])
    gram = scaled @ scaled.T + np.diag(ridge)
    return scaled * scale, gram, float(np.linalg.eigvalsh(gram)[-1])


def to_blendshapes(expression: npt.NDArray[np.floating[Any]], iterations: int = 200) -> npt.NDArray[np.float32]:
    """Keypoint deltas (T, 21, 3) to blendshape weights (T, 52) within 0..1.

    Least squares on `directions` with bounds, by accelerated projected gradient (Beck and Teboulle 2009).
    """
    target = np.asarray(expression, np.float64).reshape(-1, N_KEYPOINTS * 3)
    a_t, gram, lipschitz = _least_squares()
    projection = target @ a_t.T
    weights = np.zeros((len(target), N_BLENDSHAPES))
    ahead, momentum = weights, 1.0
    for _ in range(iterations):
        step = np.clip(ahead - (ahead @ gram - projection) / lipschitz, 0.0, 1.0)
        following = (1 + np.sqrt(1 + 4 * momentum * momentum)) / 2
        ahead = step + (momentum - 1) / following * (step - weights)
        weights, momentum = step, following
    return weights.astype(np.float32)
