"""Mel-frequency cepstra as SyncNet was trained on: 13 per 10 ms of 16 kHz sound.

The settings are the defaults of the package python_speech_features, with which SyncNet's authors made theirs: no
window function, windows of 25 ms every 10 ms, pre-emphasis 0.97, an FFT of 512, 26 triangular filters from 0 to 8 kHz
whose corners lie on whole bins, natural logarithms, an orthonormal DCT-II, a lifter of 22, and the frame's log energy
in place of the first coefficient. Samples count as 16-bit integers.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from talkinghead.core.types import Doubles, Floats

RATE_HZ = 16_000
FRAMES_PER_S = 100
COEFFICIENTS = 13
_WINDOW, _STEP, _FFT = 400, 160, 512
_FILTERS, _EMPHASIS, _LIFTER = 26, 0.97, 22
_FULL_SCALE = 32768.0


def mfcc(samples: Floats) -> Floats:
    """(13, T) cepstra of `samples` (n,) in -1..1 at 16 kHz, one column per 10 ms; the last window is filled with zeros.

    n must be at least 1.
    """
    whole = np.round(np.clip(samples.astype(np.float64), -1, 1 - 1 / _FULL_SCALE) * _FULL_SCALE)
    flat = np.append(whole[:1], whole[1:] - _EMPHASIS * whole[:-1])
    count = 1 + max(0, -(-(len(flat) - _WINDOW) // _STEP))
    flat = np.concatenate([flat, np.zeros(max(0, (count - 1) * _STEP + _WINDOW - len(flat)))])
    frames = np.lib.stride_tricks.sliding_window_view(flat, _WINDOW)[::_STEP][:count]
    power = np.abs(np.fft.rfft(frames, _FFT)) ** 2 / _FFT
    energy = _positive(power.sum(1))
    cepstra = np.log(_positive(power @ _filters().T)) @ _cosines().T
    cepstra *= 1 + _LIFTER / 2 * np.sin(np.pi * np.arange(COEFFICIENTS) / _LIFTER)
    cepstra[:, 0] = np.log(energy)
    return np.ascontiguousarray(cepstra.T, np.float32)


def _positive(values: Doubles) -> Doubles:
    return np.where(values == 0, np.finfo(np.float64).eps, values)


@lru_cache(maxsize=1)
def _filters() -> Doubles:
    """(26, 257) triangles, evenly spaced in mel, with their corners rounded down to the FFT's bins."""
    top_mel = 2595 * np.log10(1 + RATE_HZ / 2 / 700)
    corners_hz = 700 * (10 ** (np.linspace(0, top_mel, _FILTERS + 2) / 2595) - 1)
    corners = np.floor((_FFT + 1) * corners_hz / RATE_HZ)
    bins, low, middle, high = np.arange(_FFT // 2 + 1), corners[:-2, None], corners[1:-1, None], corners[2:, None]
    rising = (bins - low) / np.maximum(middle - low, 1) * ((bins >= low) & (bins < middle))
    falling = (high - bins) / np.maximum(high - middle, 1) * ((bins >= middle) & (bins < high))
    return np.asarray(rising + falling, np.float64)


@lru_cache(maxsize=1)
def _cosines() -> Doubles:
    """(13, 26): the first rows of the orthonormal DCT-II."""
    angles = np.pi / _FILTERS * (np.arange(_FILTERS) + 0.5) * np.arange(COEFFICIENTS)[:, None]
    rows = np.sqrt(2 / _FILTERS) * np.cos(angles)
    rows[0] /= np.sqrt(2)
    return np.asarray(rows, np.float64)
