"""What a face hears in its own voice: loudness, pitch, accents and phrases, at 50 Hz, from 16 kHz samples.

Every frame is computed alone from its own 40 ms window and the trackers' state, so that blocks of any size give the
same result to the last bit.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audio2motion.behaviour.curves import FRAME_RATE_HZ, FRAME_S, LowPass

Floats = npt.NDArray[np.float32]

SAMPLE_RATE_HZ = 16000
HOP = SAMPLE_RATE_HZ // FRAME_RATE_HZ
HALF_WINDOW = HOP  # the window reaches one frame to either side
WINDOW_S = HALF_WINDOW / SAMPLE_RATE_HZ
assert SAMPLE_RATE_HZ % FRAME_RATE_HZ == 0

_LOWEST_HZ, _HIGHEST_HZ = 70, 420
_PITCH_RATE_HZ = SAMPLE_RATE_HZ // 2
_SHORTEST, _LONGEST = _PITCH_RATE_HZ // _HIGHEST_HZ, _PITCH_RATE_HZ // _LOWEST_HZ
_HANN = np.hanning(2 * HALF_WINDOW + 2)[1:-1]
_FFT = 1024
_PHRASE_END_S = 0.12  # quiet for so long ends a phrase
# Loudness is counted in steps from the usual one; so many over it are the most stress, as many under it none.
_LOUDNESS_STEP_DB, _STRESSED = 6.0, 1.5
_LONG_MEMORY = 200  # frames over which a speaker's usual loudness and pitch are learnt


def _autocorrelation(samples: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    spectrum = np.fft.rfft(samples, _FFT)
    return np.fft.irfft(spectrum.real**2 + spectrum.imag**2, _FFT)


_PITCH_HANN = _HANN.reshape(-1, 2).mean(1)
# A windowed signal's autocorrelation fades with the lag as its window's own does (Boersma 1993).
_WINDOW_FADE = (_autocorrelation(_PITCH_HANN) / _autocorrelation(_PITCH_HANN)[0])[_SHORTEST : _LONGEST + 1]


class Voice(NamedTuple):
    """One frame of what is heard.

    `speaking`: in a phrase or a gap too short to end one; `stress`: how loud it is against the speaker's usual
    loudness, smooth: 0 in silence and 9 dB under it, 1 at it, 2 from 9 dB over it; `pitch_st`: semitones above the
    speaker's usual pitch (0 when unvoiced); `accent`: 0 (none) or the strength, up to 1, of an emphasised syllable just
    past its height; `high_accent`: it stood out by pitch rather than by loudness; `phrase_start`, `phrase_end`: just
    so; `quiet_s`: seconds since the last sound of voice; `rising`: the phrase ended on a rising pitch.
    """

    speaking: bool = False
    stress: float = 0.0
    pitch_st: float = 0.0
    accent: float = 0.0
    high_accent: bool = False
    phrase_start: bool = False
    phrase_end: bool = False
    quiet_s: float = 0.0
    rising: bool = False


class _Usual:
    """Running mean and spread: a plain average at first, then with a limited memory."""

    def __init__(self, mean: float, spread: float, memory: int) -> None:
        self.mean, self.spread, self._memory, self._count = mean, spread, memory, 0

    def learn(self, value: float) -> None:
        self._count = min(self._count + 1, self._memory)
        # The first guess counts as eight observations.
        gain = 1.0 / (self._count + 8)
        self.spread += gain * (abs(value - self.mean) - self.spread)
        self.mean += gain * (value - self.mean)


def _level_db(window: npt.NDArray[np.float64]) -> float:
    return 10.0 * math.log10(float(np.dot(window, window)) / HALF_WINDOW + 1e-10)


def _pitch_hz(window: npt.NDArray[np.float64]) -> float:
    """Pitch of a windowed 40 ms of sound in Hz, 0 where it has none."""
    correlation = _autocorrelation(window.reshape(-1, 2).mean(1))
    if correlation[0] <= 1e-12:
        return 0.0
    strength = correlation[_SHORTEST : _LONGEST + 1] / (correlation[0] * _WINDOW_FADE)
    # Shorter lags are favoured a little: a period's double matches as well as the period.
    best = int(np.argmax(strength - 0.0008 * np.arange(len(strength))))
    return _PITCH_RATE_HZ / (_SHORTEST + best) if strength[best] > 0.55 and 0 < best < len(strength) - 1 else 0.0


class Listener:
    """Frames of sound in, `Voice` out, one by one."""

    def __init__(self) -> None:
        self._floor_db = -66.0
        self._level = _Usual(-24.0, 5.0, _LONG_MEMORY)
        self._pitch = _Usual(0.0, 2.0, _LONG_MEMORY)
        self._pitch_known = False
        self._peaks = _Usual(0.5, 0.4, 24)
        self._stress = LowPass(11.0, 2)
        self._loud, self._high = LowPass(30.0, 2), LowPass(22.0, 2)
        self._pitch_now = 0.0
        self._stood_out = (0.0, 0.0)  # prominence of the last two frames
        self._since_accent_s = 9.0
        self._quiet_s = 9.0
        self._voiced_s = 0.0
        self._speaking = False
        self._recent_pitch: list[float] = []

    def hear(self, samples: Floats) -> Voice:
        """The next frame from its window: (640,) samples, centred on the frame."""
        window = np.asarray(samples, np.float64)
        window = (window - window.mean()) * _HANN
        level_db = _level_db(window)
        sounding = self._is_voice(level_db)
        hz = _pitch_hz(window) if sounding else 0.0
        self._learn(level_db, hz, sounding)
        phrase_start, phrase_end = self._phrase(sounding, hz)
        over_usual = (level_db - self._level.mean) / _LOUDNESS_STEP_DB
        stress = self._stress.step(min(max(1.0 + over_usual / _STRESSED, 0.0), 2.0) if sounding else 0.0)
        accent, high = self._accent(over_usual if sounding else -2.0, sounding)
        rising = phrase_end and len(self._recent_pitch) == 10 and self._recent_pitch[-1] - self._recent_pitch[0] > 2.0
        return Voice(self._speaking, stress, self._pitch_now if sounding else 0.0, accent, high, phrase_start,
                     phrase_end, self._quiet_s, rising)  # fmt: skip

    def _is_voice(self, level_db: float) -> bool:
        """Well above the noise floor and not far below the speaker's usual level."""
        if level_db < self._floor_db:
            self._floor_db += 0.25 * (level_db - self._floor_db)
        else:
            self._floor_db += min(4.0 * FRAME_S, 0.02 * (level_db - self._floor_db))
        self._floor_db = max(self._floor_db, -80.0)
        return level_db > max(self._floor_db + 8.0, self._level.mean - 20.0, -58.0)

    def _learn(self, level_db: float, hz: float, sounding: bool) -> None:
        if sounding or level_db > self._level.mean:
            self._level.learn(level_db)
        elif level_db > -58.0:
            # A quiet speaker after a loud one: the usual level comes down until the voice is heard again.
            self._level.mean -= 1.5 * FRAME_S
        if hz:
            semitones = 12.0 * math.log2(hz / 100.0)
            if not self._pitch_known:
                self._pitch.mean, self._pitch_known = semitones, True
            self._pitch.learn(semitones)
            self._pitch_now = min(max(semitones - self._pitch.mean, -8.0), 8.0)
            self._recent_pitch = [*self._recent_pitch[-9:], self._pitch_now]

    def _phrase(self, sounding: bool, hz: float) -> tuple[bool, bool]:
        was_speaking = self._speaking
        self._voiced_s = min(self._voiced_s + FRAME_S, 1.0) if sounding else max(0.0, self._voiced_s - FRAME_S)
        if sounding and (was_speaking or self._voiced_s >= 2.5 * FRAME_S):
            self._quiet_s, self._speaking = 0.0, True
        else:
            self._quiet_s += FRAME_S
            self._speaking = was_speaking and self._quiet_s < _PHRASE_END_S
        if self._speaking and not was_speaking:
            self._recent_pitch = []
        return self._speaking and not was_speaking, was_speaking and not self._speaking

    def _accent(self, over_usual: float, sounding: bool) -> tuple[float, bool]:
        """Strength of an accent whose height was one frame ago, and whether pitch made it."""
        loud = self._loud.step(max(over_usual, -2.0))
        high = self._high.step(self._pitch_now / (self._pitch.spread + 1.0) if sounding else -0.5)
        prominence = 0.6 * loud + 0.6 * high
        before, last = self._stood_out
        self._stood_out = (last, prominence)
        self._since_accent_s += FRAME_S
        if not (before < last >= prominence and last > 0.0 and self._speaking):
            return 0.0, False
        strength = (last - self._peaks.mean) / (2.5 * self._peaks.spread + 0.2)
        self._peaks.learn(last)
        if strength <= 0.05 or self._since_accent_s < 0.3:
            return 0.0, False
        self._since_accent_s = 0.0
        return min(strength, 1.0), high > loud
