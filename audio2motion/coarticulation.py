"""Phones with times to lip curves: articulatory targets and coarticulation.

Coarticulation follows Cohen and Massaro, "Modeling coarticulation in synthetic visual speech" (1993): every sound
pulls the lips towards its target with a weight that falls off exponentially around it, and the curve is the weighted
mean. Contact (p b m, f v) is then imposed on that curve, so that a closure is a closure in any context.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audio2motion.errors import Audio2MotionError
from audio2motion.phones import PAUSE, REST, VISEMES, Articulation, Phone, articulations

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

_REACH_S = 0.6  # beyond this a sound's pull is under a thousandth
_PAUSE_S = 0.25  # a silence up to this long leaves the lips apart
_RELEASE_S = 0.10  # and a longer one closes them after this
_HOLD_FROM_S = 0.16  # sounds longer than this hold their target rather than peak at it
_REST_EDGE_S = 0.04  # the same for rest, which fades from this far within its ends
_SHAPE_TAU_S = 0.085  # lip shape is slower than opening: its pull reaches at least this far
_BITE_OPENING = 0.08  # the gap that is left over a lower lip under the teeth
_SLACK = 0.05  # openings below this are lips touching


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
    """Short and quiet vowels open less: from 0.6 to 1.25 of the full opening."""
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


class _Mixture:
    """Weighted sums over the samples, to which sounds are added one by one."""

    def __init__(self, frames: int, rate_hz: float) -> None:
        self._frames, self._rate_hz = frames, rate_hz
        self._opening, self._shape = np.zeros(frames), np.zeros((4, frames))  # parting, spread, pucker, funnel
        self._weights, self._pulls = np.full(frames, 1e-9), np.full(frames, 1e-9)
        self._press, self._bite = np.zeros(frames), np.zeros(frames)

    def add(self, sound: _Sound) -> None:
        """Let a sound pull at the samples within its reach."""
        centre, length = (sound.start_s + sound.end_s) / 2, sound.end_s - sound.start_s
        target = sound.articulation
        hold = max(0.0, length / 2 - (_REST_EDGE_S if target is REST else _HOLD_FROM_S / 2))
        low = max(0, int((centre - hold - _REACH_S) * self._rate_hz))
        high = min(self._frames, int((centre + hold + _REACH_S) * self._rate_hz) + 2)
        if low >= high:
            return
        part = slice(low, high)
        away = np.maximum(0.0, np.abs(np.arange(low, high) / self._rate_hz - centre) - hold)
        weight = target.weight * np.exp(-away / target.tau_s)
        pull = target.pull * np.exp(-away / max(target.tau_s, _SHAPE_TAU_S))
        self._opening[part] += weight * target.opening * sound.gain
        self._weights[part] += weight
        self._shape[:, part] += pull * np.array([[target.parting], [target.spread], [target.pucker], [target.funnel]])
        self._pulls[part] += pull
        if target.contact:
            curve = self._press if target.contact == "lips" else self._bite
            curve[part] = np.maximum(curve[part], _contact(away + hold, length))

    def curves(self) -> LipCurves:
        """The weighted means, with contact imposed on them."""
        opening = self._opening / self._weights
        opening = (opening * (1 - self._bite) + _BITE_OPENING * self._bite) * (1 - self._press)
        opening = np.clip((opening - _SLACK) / (1 - _SLACK), 0.0, 1.25)
        # Shape needs open or meeting lips: at rest the mouth is the speaker's own.
        parting, spread, pucker, funnel = np.clip(1.15 * self._shape / self._pulls, 0.0, 1.0)
        curves = (opening, parting, spread, pucker, funnel, self._press, self._bite)
        return LipCurves(*(curve.astype(np.float32) for curve in curves))


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
    mixture = _Mixture(max(1, round(duration_s * rate_hz)), rate_hz)
    for sound in _sounds(phones, duration_s, levels_db):
        mixture.add(sound)
    return mixture.curves()


def _contact(away_s: npt.NDArray[np.float64], length_s: float) -> npt.NDArray[np.float64]:
    """0..1: full contact around the centre, released over 60 ms on either side."""
    full = float(np.clip(length_s / 2 - 0.01, 0.02, 0.06))
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * np.clip((away_s - full) / 0.06, 0.0, 1.0)), np.float64)


def viseme_classes(phones: Sequence[Phone], rate_hz: float, duration_s: float | None = None) -> npt.NDArray[np.int64]:
    """The viseme class (index into `VISEMES`) of every sample: (T,) int64."""
    duration_s = max((p[2] for p in phones), default=0.0) if duration_s is None else duration_s
    classes = np.zeros(max(1, round(duration_s * rate_hz)), np.int64)
    for sound in _sounds(phones, duration_s, None):
        classes[round(sound.start_s * rate_hz) : round(sound.end_s * rate_hz)] = VISEMES.index(
            sound.articulation.viseme
        )
    return classes
