"""The way back from noise to motion.

Denoising diffusion (Ho et al., 2020) with a cosine schedule (Nichol and Dhariwal, 2021); the network predicts the clean
motion, not the noise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

_OFFSET = 0.008
_LEAST, _MOST = 1e-4, 0.999


class Schedule(NamedTuple):
    """What step t does: x <- `noisy`[t] x + `clean`[t] x0 + `noise`[t] z. Each holds steps + 1 numbers; 0 is unused."""

    noisy: Tensor
    clean: Tensor
    noise: Tensor


def cosine_schedule(steps: int) -> Schedule:
    """The way back from noise in `steps` steps."""
    t = torch.arange(steps + 1, dtype=torch.float64) / steps
    signal = torch.cos((t + _OFFSET) / (1 + _OFFSET) * torch.pi / 2) ** 2
    beta = (1 - signal[1:] / signal[:-1]).clip(_LEAST, _MOST)
    alpha = 1 - beta
    product = torch.cat([torch.ones(1, dtype=torch.float64), alpha.cumprod(0)])
    before, after = product[:-1], product[1:]
    parts = (
        alpha.sqrt() * (1 - before) / (1 - after),
        before.sqrt() * beta / (1 - after),
        ((1 - before) / (1 - after) * beta).sqrt(),
    )
    return Schedule(*[torch.cat([torch.zeros(1, dtype=torch.float64), part]).float() for part in parts])


class Noise(Protocol):
    """Standard normal numbers (1, frames, 70): `initial`, the same for every window, and one `next` per step."""

    @property
    def initial(self) -> Tensor: ...

    def next(self) -> Tensor: ...


class SeededNoise:
    """Noise from a seed, the same on every device."""

    def __init__(self, seed: int, shape: tuple[int, ...]) -> None:
        self._generator, self._shape = torch.Generator().manual_seed(seed), shape
        self.initial = self.next()

    def next(self) -> Tensor:
        return torch.randn(self._shape, generator=self._generator)


def sample(denoise: Callable[[Tensor, int], Tensor], noise: Noise, schedule: Schedule, device: torch.device) -> Tensor:
    """From noise to motion (1, frames, 70) by all steps; `denoise(x, step)` predicts the clean motion."""
    x = noise.initial.to(device)
    steps = len(schedule.noisy) - 1
    for step in range(steps, 0, -1):
        # The last step adds nothing, but takes its turn, so that every window draws the same number of times.
        z = noise.next().to(device)
        x0 = denoise(x, step)
        x = float(schedule.noisy[step]) * x + float(schedule.clean[step]) * x0
        if step > 1:
            x = x + float(schedule.noise[step]) * z
    return x
