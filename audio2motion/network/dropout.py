"""Dropout whose random numbers cost little on a CPU: a byte for each place."""

from __future__ import annotations

import torch
from torch import nn


class Dropout(nn.Module):
    """Zeroes each number with probability `p`, to the nearest 256th, while training; what is left grows as much.

    PyTorch's own takes a tenth of a training step on a CPU; other devices use that.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self._dropped = min(round(p * 256), 255)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`x` of any shape; random numbers are torch's own."""
        if not (self.training and self._dropped):
            return x
        if x.device.type != "cpu":
            return nn.functional.dropout(x, self._dropped / 256)
        count = x.numel()
        drawn = torch.empty(count // 8 + 1, dtype=torch.int64).random_(-(2**63), None)
        kept = drawn.view(torch.uint8)[:count].view(x.shape) >= self._dropped
        return x * (kept.to(x.dtype) * (256 / (256 - self._dropped)))

    def extra_repr(self) -> str:
        return f"p={self._dropped / 256:.4g}"
