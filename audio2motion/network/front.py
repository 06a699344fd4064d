"""The convolutional feature encoder: log-mel frames at 100 Hz to steps at 50 Hz, streaming.

Wav2Vec2 begins with convolutions over the wave, Wav2Vec2-BERT with a projection of log-mel frames. Convolutions over
log-mel frames learn from hours what the others learn from thousands of them.
"""

from __future__ import annotations

import torch
from torch import nn

from audio2motion.config import EncoderConfig
from audio2motion.network.dropout import Dropout
from audio2motion.network.layout import KERNEL, STRIDES

FrontState = tuple[torch.Tensor, ...]


class FeatureEncoder(nn.Module):
    """Log-mel frames (B, n, bands) to steps (B, T, C); step j is centred on frame 2 j and sees 8 frames each way."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self._sizes = sizes = (config.mel_bands, *[config.hidden_size] * len(STRIDES))
        self.convolutions = nn.ModuleList(
            nn.Conv1d(a, b, KERNEL, stride) for a, b, stride in zip(sizes, sizes[1:], STRIDES)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(size) for size in sizes[1:])
        self.dropout = Dropout(config.dropout)

    def start(self, batch: int = 1) -> FrontState:
        """The streaming state before any sound: the last inputs of each convolution (B, n, C)."""
        like = next(self.parameters())
        return tuple(like.new_zeros(batch, KERNEL // 2, size) for size in self._sizes[:-1])

    def forward(self, x: torch.Tensor, state: FrontState) -> tuple[torch.Tensor, FrontState]:
        """As many steps as the frames complete, and the state after them."""
        after = []
        for convolution, norm, past, stride, size in zip(
            self.convolutions, self.norms, state, STRIDES, self._sizes[1:]
        ):
            past = torch.cat([past.to(x), x], 1)
            count = max(0, (past.shape[1] - KERNEL) // stride + 1)
            if count:
                used = past[:, : (count - 1) * stride + KERNEL]
                x = torch.relu(norm(convolution(used.transpose(1, 2)).transpose(1, 2)))
            else:
                x = past.new_zeros(len(past), 0, size)
            after.append(past[:, count * stride :])
        return self.dropout(x), tuple(after)
