"""Log-mel features that come out the same however the sound arrives.

One frame every 10 ms, centred on its time: frame k sees samples 160 k - 200 to 160 k + 200. Loudness is taken out by a
running level: the mean log power of the last seconds, weighted by power, so that loud frames count and pauses do not.
With `equalise` the recording's colour (microphone, room, codec) is taken out likewise: each band's running mean over
loud frames is brought to the usual one of speech, the more the longer the voice has been heard (cepstral mean
normalisation, with a prior). Both means know the past, and `settle` frames more except in low latency.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import nn

from audio2motion.config import SAMPLE_RATE_HZ

HOP = SAMPLE_RATE_HZ // 100
WINDOW = 400
REACH = WINDOW // 2  # samples that a frame sees after its own time
_FFT = 512
_LOW_HZ, _HIGH_HZ = 50.0, 7600.0
_FLOOR = 1e-5  # relative to the level: 50 dB below it is silence
_QUIETEST = 10 ** (-62 / 10)  # the least level, that of white noise at -40 dBFS: a quiet room is not a quiet voice
_MEMORY_S = 4.0
_PRIOR_FRAMES = 40.0  # loud frames after which the recording's own colour counts as much as the usual one
_BLOCK = 128
_USUAL = (0.75, 0.97, 0.72, 0.22, -0.10, -0.30, -0.20, -0.24, -0.70, -1.08, -1.15)


def _mel(hz: torch.Tensor) -> torch.Tensor:
    return 2595.0 * torch.log10(1.0 + hz / 700.0)


def mel_filters(bands: int) -> torch.Tensor:
    """Triangular filters (bands, 257), each with unit sum, evenly spaced in mel from 50 to 7600 Hz."""
    bins = _mel(torch.linspace(0, SAMPLE_RATE_HZ / 2, _FFT // 2 + 1, dtype=torch.float64))
    ends = _mel(torch.tensor([_LOW_HZ, _HIGH_HZ], dtype=torch.float64))
    edges = torch.linspace(float(ends[0]), float(ends[1]), bands + 2, dtype=torch.float64)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    filters = torch.minimum((bins - left) / (centre - left), (right - bins) / (right - centre)).clamp(min=0)
    # The lowest bands can be narrower than a bin.
    nearest = (bins - centre).abs().argmin(1, keepdim=True)
    filters.scatter_reduce_(1, nearest, torch.full_like(nearest, 1e-3, dtype=torch.float64), "amax")
    return (filters / filters.sum(1, keepdim=True)).float()


def usual_colour(bands: int) -> torch.Tensor:
    """What loud frames of speech are like on average (bands,), in features: read off the corpus at eleven places."""
    knots = torch.tensor(_USUAL)[None, None]
    return nn.functional.interpolate(knots, bands, mode="linear", align_corners=True)[0, 0]


@dataclass
class FeatureState:
    """Streaming state: unread `samples` (B, n), the `power` (B, settle, bands) of frames that wait for their level and
    colour, the level's two running sums (B,), and the colour's: per band (B, bands), and of its weights (B,)."""

    low_latency: bool
    samples: torch.Tensor
    power: torch.Tensor
    weighted: torch.Tensor
    weight: torch.Tensor
    colour: torch.Tensor
    loud: torch.Tensor


class LogMel(nn.Module):
    """Sound (B, N) at 16 kHz to level-normalised log-mel frames (B, T, bands) at 100 Hz."""

    filters: torch.Tensor
    window: torch.Tensor
    usual: torch.Tensor

    def __init__(self, bands: int, equalise: bool = False, settle: int = 0) -> None:
        super().__init__()
        self.equalise, self.settle = equalise, settle
        if equalise:
            self.register_buffer("usual", usual_colour(bands))
        self.register_buffer("filters", mel_filters(bands), persistent=False)
        self.register_buffer("window", torch.hann_window(WINDOW, periodic=True), persistent=False)
        decay = torch.exp(torch.tensor(-1 / (100 * _MEMORY_S), dtype=torch.float64))
        steps = torch.arange(_BLOCK)
        ages = (steps[:, None] - steps[None, :]).clamp(min=0)
        # No buffers: there are devices that know no double precision, and none must be asked for it.
        self._decays, self._carry = (decay**ages).tril(), decay ** (steps + 1)

    def _fading(self, steps: int, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """How `steps` new frames fade within themselves (steps, steps), and what was before them (steps,)."""
        return self._decays[:steps, :steps].to(like), self._carry[:steps].to(like)

    def start(self, batch: int = 1, low_latency: bool = False) -> FeatureState:
        """The streaming state before any sound: silence."""
        bands, device = len(self.filters), self.filters.device
        zeros = torch.zeros(batch, dtype=_exact(device), device=device)
        samples, power = torch.zeros(batch, REACH, device=device), torch.zeros(batch, 0, bands, device=device)
        return FeatureState(low_latency, samples, power, zeros, zeros, zeros[:, None].expand(-1, bands), zeros)

    def forward(self, samples: torch.Tensor, state: FeatureState) -> tuple[torch.Tensor, FeatureState]:
        """As many frames as `samples` (B, N) complete and settle, and the state after them."""
        waiting = torch.cat([state.samples, samples.to(state.samples)], 1)
        count = (waiting.shape[1] - WINDOW) // HOP + 1
        if count <= 0:
            empty = waiting.new_zeros(len(waiting), 0, len(self.filters))
            return empty, replace(state, samples=waiting)
        frames = waiting.unfold(1, WINDOW, HOP) * self.window
        # Half precision would not do for powers.
        with torch.autocast(frames.device.type, enabled=False):
            spectrum = torch.fft.rfft(frames, _FFT)
            power = (spectrum.real**2 + spectrum.imag**2) @ self.filters.T / (WINDOW * 60.0)
        level, after = self._level(power.mean(2).to(_exact(power.device)), state)
        after.samples = waiting[:, count * HOP :]
        colour = self._colour(power, level, state, after) if self.equalise else None
        waiting_power = torch.cat([state.power, power], 1)
        ready = max(0, waiting_power.shape[1] - (0 if state.low_latency else self.settle))
        after.power = waiting_power[:, ready:]
        if ready == 0:
            return power[:, :0], after
        # What is known `settle` frames later says what these frames' level and colour are.
        features = _features(waiting_power[:, :ready], level[:, -ready:])
        return (features if colour is None else features - colour[:, -ready:]), after

    def _colour(
        self, power: torch.Tensor, level: torch.Tensor, state: FeatureState, after: FeatureState
    ) -> torch.Tensor:
        """The running difference (B, T, bands) between loud frames and usual speech; its sums go into `after`."""
        away = (_features(power, level) - self.usual).to(level)
        loud = (power.mean(2).to(level) / level).clamp(max=1.0)
        sums, total = state.colour, state.loud
        out = []
        for part, weights in zip(torch.split(away, _BLOCK, 1), torch.split(loud, _BLOCK, 1)):
            decays, carry = self._fading(part.shape[1], part)
            running = decays @ (part * weights[:, :, None]) + sums[:, None] * carry[:, None]
            counts = weights @ decays.T + total[:, None] * carry
            out.append(running / (counts + _PRIOR_FRAMES)[:, :, None])
            sums, total = running[:, -1], counts[:, -1]
        after.colour, after.loud = sums, total
        return torch.cat(out, 1).to(power)

    def _level(self, power: torch.Tensor, state: FeatureState) -> tuple[torch.Tensor, FeatureState]:
        """The running level (B, T) as power: exp of the power-weighted mean of the log power so far."""
        weighted, weight = state.weighted, state.weight
        levels = []
        for block in torch.split(power + 1e-12, _BLOCK, 1):
            decays, carry = self._fading(block.shape[1], block)
            sums = (block * torch.log(block)) @ decays.T + weighted[:, None] * carry
            weights = block @ decays.T + weight[:, None] * carry
            levels.append(torch.exp(sums / weights))
            weighted, weight = sums[:, -1], weights[:, -1]
        level = torch.cat(levels, 1).clamp(min=_QUIETEST)
        return level, replace(state, weighted=weighted, weight=weight)


def _exact(device: torch.device) -> torch.dtype:
    """What running sums are kept in: double precision, where the device knows it (Apple's does not)."""
    return torch.float32 if device.type == "mps" else torch.float64


def _features(power: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
    """Band powers (B, T, bands) against the level (B, T) as log features of about unit size."""
    return torch.log(power / level.unsqueeze(2).to(power) + _FLOOR) / 4 + 1
