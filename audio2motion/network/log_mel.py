"""Log-mel features in NumPy, and the tables that they share with PyTorch's (`audio2motion.network.features`).

One frame every 10 ms, centred on its time: frame k sees samples 160 k - 200 to 160 k + 200. Loudness is taken out by a
running level: the mean log power of the last seconds, weighted by power, so that loud frames count and pauses do not.
With `equalise` the recording's colour (microphone, room, codec) is taken out likewise: each band's running mean over
loud frames is brought to the usual one of speech, the more the longer the voice has been heard (cepstral mean
normalisation, with a prior). Both means know the past, and `settle` frames more except in low latency.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audio2motion.config import SAMPLE_RATE_HZ, EncoderConfig
from audio2motion.network.layout import HOP, REACH, WINDOW, settle_frames
from audio2motion.network.protocol import Floats

FFT = 512
POWER_UNIT = WINDOW * 60.0
FLOOR = 1e-5  # relative to the level: 50 dB below it is silence
QUIETEST = 10 ** (-62 / 10)  # the least level, that of white noise at -40 dBFS: a quiet room is not a quiet voice
PRIOR_FRAMES = 40.0  # loud frames after which the recording's own colour counts as much as the usual one
BLOCK = 128  # frames over which running means are computed at once
_LOW_HZ, _HIGH_HZ = 50.0, 7600.0
_MEMORY_FRAMES = 400.0  # frames after which the running means have forgotten all but 1/e
_USUAL = (0.75, 0.97, 0.72, 0.22, -0.10, -0.30, -0.20, -0.24, -0.70, -1.08, -1.15)

Doubles = npt.NDArray[np.float64]


def _mel(hz: Doubles) -> Doubles:
    mel: Doubles = 2595.0 * np.log10(1.0 + hz / 700.0)
    return mel


def mel_filters(bands: int) -> Floats:
    """Triangular filters (bands, 257), each with unit sum, evenly spaced in mel from 50 to 7600 Hz."""
    bins = _mel(np.linspace(0, SAMPLE_RATE_HZ / 2, FFT // 2 + 1))
    low, high = _mel(np.array([_LOW_HZ, _HIGH_HZ]))
    edges = np.linspace(low, high, bands + 2)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    filters = np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre)).clip(min=0)
    # The lowest bands can be narrower than a bin.
    rows, nearest = np.arange(bands), np.abs(bins - centre).argmin(1)
    filters[rows, nearest] = np.maximum(filters[rows, nearest], 1e-3)
    return np.asarray(filters / filters.sum(1, keepdims=True), np.float32)


def hann_window() -> Floats:
    """The periodic Hann window (400,)."""
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW), np.float32)


def usual_colour(bands: int) -> Floats:
    """What loud frames of speech are like on average (bands,), in features: read off the corpus at eleven places."""
    places = np.linspace(0, len(_USUAL) - 1, bands)
    return np.interp(places, np.arange(len(_USUAL)), _USUAL).astype(np.float32)


def fading() -> tuple[Doubles, Doubles]:
    """How `BLOCK` new frames fade within themselves (BLOCK, BLOCK), and what was before them (BLOCK,)."""
    steps = np.arange(BLOCK)
    decay = math.exp(-1 / _MEMORY_FRAMES)
    within: Doubles = np.tril(decay ** np.maximum(steps[:, None] - steps[None], 0))
    return within, np.asarray(decay ** (steps + 1), np.float64)


class LogMelState(NamedTuple):
    """Streaming state: unread `samples` (n,), the `power` (settle, bands) of frames that wait for their level and
    colour, the level's two running sums, and the colour's: per band (bands,), and of its weights."""

    low_latency: bool
    samples: Floats
    power: Floats
    weighted: float
    weight: float
    colour: Doubles
    loud: float


class LogMelStream:
    """Sound (N,) at 16 kHz to level-normalised log-mel frames (T, bands) at 100 Hz.

    `usual`: the colour (bands,) that recordings are brought to, as the checkpoint has it; None leaves them as they are.
    """

    def __init__(self, config: EncoderConfig, usual: Floats | None) -> None:
        self._usual, self._settle = usual, settle_frames(config)
        self._filters, self._window = np.ascontiguousarray(mel_filters(config.mel_bands).T), hann_window()
        self._decays, self._carry = fading()

    def start(self, low_latency: bool = False) -> LogMelState:
        """The streaming state before any sound: silence."""
        bands = self._filters.shape[1]
        silence, power = np.zeros(REACH, np.float32), np.zeros((0, bands), np.float32)
        return LogMelState(low_latency, silence, power, 0.0, 0.0, np.zeros(bands), 0.0)

    def push(self, samples: Floats, state: LogMelState) -> tuple[Floats, LogMelState]:
        """As many frames as `samples` (N,), at most a second, complete and settle; and the state after them."""
        waiting = np.concatenate([state.samples, samples])
        count = (len(waiting) - WINDOW) // HOP + 1
        if count <= 0:
            return state.power[:0], state._replace(samples=waiting)
        power = self._power(waiting, count)
        level, after = self._level(power, state)
        colour, after = self._colour(power, level, after)
        waiting_power = np.concatenate([state.power, power])
        ready = max(0, len(waiting_power) - (0 if state.low_latency else self._settle))
        after = after._replace(samples=waiting[count * HOP :].copy(), power=waiting_power[ready:].copy())
        if not ready:
            return power[:0], after
        # What is known `settle` frames later says what these frames' level and colour are.
        features = _features(waiting_power[:ready], level[-ready:])
        return (features if colour is None else features - colour[-ready:]), after

    def _power(self, sound: Floats, count: int) -> Floats:
        """Band powers (count, bands)."""
        frames = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP][:count] * self._window
        spectrum = np.fft.rfft(frames, FFT)
        bins = np.asarray(spectrum.real**2 + spectrum.imag**2, np.float32)
        return np.asarray(bins @ self._filters / np.float32(POWER_UNIT), np.float32)

    def _level(self, power: Floats, state: LogMelState) -> tuple[Doubles, LogMelState]:
        """The running level (T,) as power: exp of the power-weighted mean of the log power so far."""
        count = len(power)
        decays, carry = self._decays[:count, :count], self._carry[:count]
        loudness = power.mean(1).astype(np.float64) + 1e-12
        sums = decays @ (loudness * np.log(loudness)) + state.weighted * carry
        weights = decays @ loudness + state.weight * carry
        level = np.maximum(np.exp(sums / weights), QUIETEST)
        return level, state._replace(weighted=float(sums[-1]), weight=float(weights[-1]))

    def _colour(self, power: Floats, level: Doubles, state: LogMelState) -> tuple[Floats | None, LogMelState]:
        """The running difference (T, bands) between loud frames and usual speech, where it is taken out."""
        if self._usual is None:
            return None, state
        count = len(power)
        decays, carry = self._decays[:count, :count], self._carry[:count]
        away = (_features(power, level) - self._usual).astype(np.float64)
        loud = np.minimum(power.mean(1) / level, 1.0)
        running = decays @ (away * loud[:, None]) + state.colour * carry[:, None]
        counts = decays @ loud + state.loud * carry
        colour = (running / (counts + PRIOR_FRAMES)[:, None]).astype(np.float32)
        return colour, state._replace(colour=running[-1].copy(), loud=float(counts[-1]))


def _features(power: Floats, level: Doubles) -> Floats:
    """Band powers (T, bands) against the level (T,) as log features of about unit size."""
    against = power / level.astype(np.float32)[:, None] + np.float32(FLOOR)
    return np.asarray(np.log(against) / np.float32(4) + np.float32(1), np.float32)
