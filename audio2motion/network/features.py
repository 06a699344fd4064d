"""The log-mel features of `audio2motion.network.log_mel` in PyTorch: for batches, for training, on any device.

They come out the same however the sound arrives. What they are made of is written there, in NumPy, and a test holds
both to the same frames.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import nn

from audio2motion.network.layout import HOP, REACH, WINDOW
from audio2motion.network.log_mel import (
    BLOCK,
    FFT,
    FLOOR,
    POWER_UNIT,
    PRIOR_FRAMES,
    QUIETEST,
    fading,
    hann_window,
    mel_filters,
    usual_colour,
)


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
            self.register_buffer("usual", torch.from_numpy(usual_colour(bands)))
        self.register_buffer("filters", torch.from_numpy(mel_filters(bands)), persistent=False)
        self.register_buffer("window", torch.from_numpy(hann_window()), persistent=False)
        # No buffers: there are devices that know no double precision, and none must be asked for it.
        self._decays, self._carry = (torch.from_numpy(table) for table in fading())

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
            spectrum = torch.fft.rfft(frames, FFT)
            power = (spectrum.real**2 + spectrum.imag**2) @ self.filters.T / POWER_UNIT
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
        for part, weights in zip(torch.split(away, BLOCK, 1), torch.split(loud, BLOCK, 1)):
            decays, carry = self._fading(part.shape[1], part)
            running = decays @ (part * weights[:, :, None]) + sums[:, None] * carry[:, None]
            counts = weights @ decays.T + total[:, None] * carry
            out.append(running / (counts + PRIOR_FRAMES)[:, :, None])
            sums, total = running[:, -1], counts[:, -1]
        after.colour, after.loud = sums, total
        return torch.cat(out, 1).to(power)

    def _level(self, power: torch.Tensor, state: FeatureState) -> tuple[torch.Tensor, FeatureState]:
        """The running level (B, T) as power: exp of the power-weighted mean of the log power so far."""
        weighted, weight = state.weighted, state.weight
        levels = []
        for block in torch.split(power + 1e-12, BLOCK, 1):
            decays, carry = self._fading(block.shape[1], block)
            sums = (block * torch.log(block)) @ decays.T + weighted[:, None] * carry
            weights = block @ decays.T + weight[:, None] * carry
            levels.append(torch.exp(sums / weights))
            weighted, weight = sums[:, -1], weights[:, -1]
        level = torch.cat(levels, 1).clamp(min=QUIETEST)
        return level, replace(state, weighted=weighted, weight=weight)


def _exact(device: torch.device) -> torch.dtype:
    """What running sums are kept in: double precision, where the device knows it (Apple's does not)."""
    return torch.float32 if device.type == "mps" else torch.float64


def _features(power: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
    """Band powers (B, T, bands) against the level (B, T) as log features of about unit size."""
    return torch.log(power / level.unsqueeze(2).to(power) + FLOOR) / 4 + 1
