"""Voice activity detection: is somebody speaking?

It is a head of its own, so that noise and music need not teach the lips to distrust noisy speech.
"""

from __future__ import annotations

import torch
from torch import nn

from audio2motion.network.layout import VOICE_DILATIONS as DILATIONS
from audio2motion.network.layout import VOICE_KERNEL as KERNEL
from audio2motion.network.layout import VOICE_SIZE as SIZE

_UNTRAINED_LOG_ODDS = 4.0  # an untrained head takes everything for speech

VoiceActivityState = tuple[torch.Tensor, ...]


class VoiceActivity(nn.Module):
    """Causal dilated convolutions (WaveNet, van den Oord et al. 2016): steps (B, T, C) to log-odds (B, T) of speech.

    Its input is detached: the encoder learns nothing from it.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.reduce = nn.Linear(size, SIZE)
        self.convolutions = nn.ModuleList(nn.Conv1d(SIZE, SIZE, KERNEL, dilation=d) for d in DILATIONS)
        self.norms = nn.ModuleList(nn.LayerNorm(SIZE) for _ in DILATIONS)
        self.out = nn.Linear(SIZE, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.constant_(self.out.bias, _UNTRAINED_LOG_ODDS)

    def start(self, batch: int = 1) -> VoiceActivityState:
        """The streaming state before any sound: the last inputs of each convolution (B, 2 dilation, 48)."""
        return tuple(self.out.weight.new_zeros(batch, (KERNEL - 1) * d, SIZE) for d in DILATIONS)

    def forward(self, steps: torch.Tensor, state: VoiceActivityState) -> tuple[torch.Tensor, VoiceActivityState]:
        """As many log-odds as there are steps, and the state after them."""
        x = torch.relu(self.reduce(steps.detach()))
        after = []
        for convolution, norm, past in zip(self.convolutions, self.norms, state):
            heard = torch.cat([past.to(x), x], 1)
            after.append(heard[:, x.shape[1] :])
            if x.shape[1]:
                x = x + torch.relu(norm(convolution(heard.transpose(1, 2)).transpose(1, 2)))
        return self.out(x).squeeze(2), tuple(after)
