"""Is somebody speaking? A head of its own, so that noise and music need not teach the lips to distrust noisy speech."""

from __future__ import annotations

import torch
from torch import nn

_SIZE, _KERNEL, _DILATIONS = 48, 3, (1, 2, 4, 8, 16)  # hears 62 steps back

PresenceState = tuple[torch.Tensor, ...]


class Presence(nn.Module):
    """Causal dilated convolutions (WaveNet, van den Oord et al. 2016): steps (B, T, C) to log-odds (B, T) of speech.

    What makes the steps learns nothing from it. Untrained, it takes everything for speech.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.reduce = nn.Linear(size, _SIZE)
        self.convolutions = nn.ModuleList(nn.Conv1d(_SIZE, _SIZE, _KERNEL, dilation=d) for d in _DILATIONS)
        self.norms = nn.ModuleList(nn.LayerNorm(_SIZE) for _ in _DILATIONS)
        self.out = nn.Linear(_SIZE, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.constant_(self.out.bias, 4.0)

    def start(self, batch: int = 1) -> PresenceState:
        """The state before any sound: what each convolution still needs of its input."""
        return tuple(self.out.weight.new_zeros(batch, (_KERNEL - 1) * d, _SIZE) for d in _DILATIONS)

    def forward(self, steps: torch.Tensor, state: PresenceState) -> tuple[torch.Tensor, PresenceState]:
        """As many log-odds as there are steps, and the state after them."""
        x = torch.relu(self.reduce(steps.detach()))
        after = []
        for convolution, norm, held in zip(self.convolutions, self.norms, state):
            heard = torch.cat([held.to(x), x], 1)
            after.append(heard[:, x.shape[1] :])
            if x.shape[1]:
                x = x + torch.relu(norm(convolution(heard.transpose(1, 2)).transpose(1, 2)))
        return self.out(x).squeeze(2), tuple(after)
