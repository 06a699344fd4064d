"""Phones with times to lip curves: articulatory targets, coarticulation, and their meaning in ARKit's blendshapes.

Coarticulation follows Cohen and Massaro, "Modeling coarticulation in synthetic visual speech" (1993): every sound
pulls the lips towards its target with a weight that falls off exponentially around it, and the curve is the weighted
mean. Contact (p b m, f v) is then imposed on that curve, so that a closure is a closure in any context.

From lips to ARKit. `opening` 1 is an open a: a gap of 0.24 pupil distances, made by the jaw (0.34 per unit of
jawOpen), the upper lip (0.085 per unit of mouthUpperUp) and the lower (0.10 per unit of mouthLowerDown). `parting`
moves the gap's share from the jaw to the lips, keeping the gap itself:

    mouthUpperUp    = opening (0.25 + 0.85 parting)
    mouthLowerDown  = opening (0.15 + 0.90 parting)
    jawOpen         = (0.24 opening - 0.085 mouthUpperUp - 0.10 mouthLowerDown) / 0.34    (0.53 for an open a)

Spread lips are mouthStretch with a little mouthSmile; p b m press (mouthPress, and both mouthRolls); f v roll the lower
lip under the raised upper one. All zero is the speaker's own relaxed, closed mouth. `opening_of` and `width_of`
read the two measures back, for losses and evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from audio2motion.arkit import BLENDSHAPE_INDEX, BLENDSHAPE_NAMES
from audio2motion.errors import Audio2MotionError
from audio2motion.phones import PAUSE, REST, VISEMES, Articulation, articulations

Floats = npt.NDArray[np.float32]
Phone = tuple[str, float, float]  # IPA label ("" or "_" for silence), start and end in seconds

_GAP_A, _GAP_JAW, _GAP_UPPER, _GAP_LOWER = 0.24, 0.34, 0.085, 0.10
_BITE_ROLL, _BITE_RAISE = 0.62, 0.45
_REACH_S = 0.6  # beyond this a sound's pull is under a thousandth
_PAUSE_S = 0.25  # a silence up to this long leaves the lips apart
_RELEASE_S = 0.10  # and a longer one closes them after this
_HOLD_FROM_S = 0.16  # sounds longer than this hold their target rather than peak at it
_SLACK = 0.05  # openings below this are lips touching
_SHAPE = ("parting", "spread", "pucker", "funnel")

LIP_BLENDSHAPES: tuple[str, ...] = (
    "jawOpen", "mouthFunnel", "mouthPucker", "mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft",
    "mouthStretchRight", "mouthRollLower", "mouthRollUpper", "mouthPressLeft", "mouthPressRight",
    "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight",
)  # fmt: skip


class LipCurves(NamedTuple):
    """Lips over time, each (T,) float32 in 0..1: see `audio2motion.phones.Articulation` for the first five.

    `press`: the lips of p b m against each other; `bite`: the lower lip of f v under the teeth.
    """

    opening: Floats
    parting: Floats
    spread: Floats
    pucker: Floats
    funnel: Floats
    press: Floats
    bite: Floats


class _Sound(NamedTuple):
    articulation: Articulation
    start_s: float
    end_s: float
    gain: float


def _split_silence(start_s: float, end_s: float) -> list[_Sound]:
    if end_s - start_s <= _PAUSE_S:
        return [_Sound(PAUSE, start_s, end_s, 1.0)]
    split = start_s + _RELEASE_S
    return [_Sound(PAUSE, start_s, split, 1.0), _Sound(REST, split, end_s, 1.0)]


def _vowel_gain(duration_s: float, level_db: float) -> float:
    """Quick and quiet vowels open less: from 0.6 to 1.25 of the full opening."""
    hurried = np.clip(0.8 + 2.0 * duration_s, 0.85, 1.1)
    loudness = np.clip(1.0 + 0.02 * level_db, 0.7, 1.2)
    return float(hurried * loudness)


def _sounds(phones: Sequence[Phone], duration_s: float, levels_db: Sequence[float] | None) -> list[_Sound]:
    """Single sounds that cover 0..duration_s without gaps; silences beside each other are one."""
    if levels_db is not None and len(levels_db) != len(phones):
        raise Audio2MotionError(f"there are {len(levels_db)} levels for {len(phones)} phones: give one each")
    spoken: list[_Sound] = []
    for i, (ipa, start_s, end_s) in enumerate(phones):
        if not (np.isfinite(start_s) and np.isfinite(end_s) and end_s >= start_s >= 0):
            raise Audio2MotionError(f"phone {i} ({ipa!r}) runs from {start_s} s to {end_s} s: times must not go back")
        parts = articulations(ipa)
        level = 0.0 if levels_db is None else float(levels_db[i])
        step = (end_s - start_s) / max(len(parts), 1)
        for k, part in enumerate(parts):
            gain = _vowel_gain(end_s - start_s, level) if part.vowel else 1.0
            spoken.append(_Sound(part, start_s + k * step, start_s + (k + 1) * step, gain))
    spoken.sort(key=lambda sound: sound.start_s)
    covered: list[_Sound] = []
    at = 0.0
    for sound in spoken:
        if sound.start_s > at + 1e-3:
            covered += _split_silence(at, sound.start_s) if at or sound.start_s <= _RELEASE_S else [
                _Sound(REST, 0.0, sound.start_s, 1.0)]  # fmt: skip
        covered.append(sound)
        at = max(at, sound.end_s)
    if duration_s > at + 1e-3 or not covered:
        covered += _split_silence(at, duration_s) if at else [_Sound(REST, 0.0, max(duration_s, 1e-3), 1.0)]
    return covered


def lip_curves(
    phones: Sequence[Phone],
    rate_hz: float,
    duration_s: float | None = None,
    levels_db: Sequence[float] | None = None,
) -> LipCurves:
    """Phones (IPA label, start, end; gaps are silence) to lip curves, sample k at time k / rate_hz.

    `duration_s`: length of the curves, T = max(1, round(duration_s * rate_hz)); by default up to the last phone.
    `levels_db`: per phone, its loudness against the utterance's usual one; louder vowels open wider.
    Raises Audio2MotionError for times that go back.
    """
    duration_s = max((p[2] for p in phones), default=0.0) if duration_s is None else duration_s
    frames = max(1, round(duration_s * rate_hz))
    opening, shape = np.zeros(frames), np.zeros((len(_SHAPE), frames))
    weights, pulls = np.full(frames, 1e-9), np.full(frames, 1e-9)
    press, bite = np.zeros(frames), np.zeros(frames)
    for sound in _sounds(phones, duration_s, levels_db):
        centre, length = (sound.start_s + sound.end_s) / 2, sound.end_s - sound.start_s
        quiet = sound.articulation is REST
        hold = max(0.0, length / 2 - (0.04 if quiet else _HOLD_FROM_S / 2))
        low = max(0, int((centre - hold - _REACH_S) * rate_hz))
        high = min(frames, int((centre + hold + _REACH_S) * rate_hz) + 2)
        if low >= high:
            continue
        part = slice(low, high)
        away = np.maximum(0.0, np.abs(np.arange(low, high) / rate_hz - centre) - hold)
        target = sound.articulation
        weight = target.weight * np.exp(-away / target.tau_s)
        pull = target.pull * np.exp(-away / max(target.tau_s, 0.085))
        opening[part] += weight * target.opening * sound.gain
        weights[part] += weight
        shape[:, part] += pull * np.array([[getattr(target, name)] for name in _SHAPE])
        pulls[part] += pull
        if target.seal:
            seal = press if target.seal == "lips" else bite
            seal[part] = np.maximum(seal[part], _contact(away + hold, length))
    opening /= weights
    opening = (opening * (1 - bite) + 0.08 * bite) * (1 - press)
    opening = np.clip((opening - _SLACK) / (1 - _SLACK), 0.0, 1.25)
    # Shape needs open or meeting lips: at rest the mouth is the speaker's own.
    parting, spread, pucker, funnel = np.clip(1.15 * shape / pulls, 0.0, 1.0)
    curves = (opening, parting, spread, pucker, funnel, press, bite)
    return LipCurves(*(curve.astype(np.float32) for curve in curves))


def _contact(away_s: npt.NDArray[np.float64], length_s: float) -> npt.NDArray[np.float64]:
    """0..1: full contact around a seal's centre, let go over 60 ms on either side."""
    full = float(np.clip(length_s / 2 - 0.01, 0.02, 0.06))
    return 0.5 + 0.5 * np.cos(np.pi * np.clip((away_s - full) / 0.06, 0.0, 1.0))


def blendshapes_of(curves: LipCurves) -> Floats:
    """Lip curves to ARKit weights (T, 52) in 0..1, in the order of `BLENDSHAPE_NAMES`."""
    upper = curves.opening * (0.25 + 0.85 * curves.parting)
    lower = curves.opening * (0.15 + 0.90 * curves.parting)
    jaw = (_GAP_A * curves.opening - _GAP_UPPER * upper - _GAP_LOWER * lower) / _GAP_JAW
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


def viseme_classes(phones: Sequence[Phone], rate_hz: float, duration_s: float | None = None) -> npt.NDArray[np.int64]:
    """The viseme class (index into `VISEMES`) of every sample: (T,) int64."""
    duration_s = max((p[2] for p in phones), default=0.0) if duration_s is None else duration_s
    classes = np.zeros(max(1, round(duration_s * rate_hz)), np.int64)
    for sound in _sounds(phones, duration_s, None):
        classes[round(sound.start_s * rate_hz) : round(sound.end_s * rate_hz)] = VISEMES.index(
            sound.articulation.viseme
        )
    return classes


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
    bite = _GAP_UPPER * _BITE_RAISE / _BITE_ROLL
    parts = {"jawOpen": _GAP_JAW, "mouthUpperUp": _GAP_UPPER, "mouthLowerDown": _GAP_LOWER,
             "mouthRollLower": -bite, "mouthRollUpper": bite}  # fmt: skip
    return _functional(parts, names) / np.float32(_GAP_A)


def width_weights(names: Sequence[str] = BLENDSHAPE_NAMES) -> Floats:
    """(len(names),): the change of mouth width in pupil distances as a linear function of blendshapes."""
    parts = {"mouthStretch": 0.26, "mouthSmile": 0.26, "mouthDimple": 0.13, "mouthPucker": -0.26,
             "mouthFunnel": -0.16, "jawOpen": -0.06}  # fmt: skip
    return _functional(parts, names)


def opening_of(blendshapes: npt.NDArray[np.floating]) -> Floats:
    """Mouth opening (T,), 1 = open a, of ARKit weights (T, 52)."""
    return np.maximum(np.asarray(blendshapes, np.float32) @ opening_weights(), 0.0)


def width_of(blendshapes: npt.NDArray[np.floating]) -> Floats:
    """Change of mouth width (T,) in pupil distances of ARKit weights (T, 52)."""
    return np.asarray(blendshapes, np.float32) @ width_weights()
