"""Causal attention over a window of the past, with what it must remember carried from call to call.

Running a sequence in one call or in many gives the same result: the state holds exactly the keys and values that
the window still reaches.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import nn


class KeyValues(NamedTuple):
    """Keys and values (B, heads, n, size) of the steps that are still in reach."""

    keys: torch.Tensor
    values: torch.Tensor


@lru_cache(maxsize=32)
@torch.inference_mode(False)  # what prediction put here, training may use
def _places(new: int, seen: int, window: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """For `new` steps at the end of `seen`, each (new, seen): a key's distance as index, and -inf outside the window."""
    rows = torch.arange(seen - new, seen)[:, None]
    index = torch.arange(seen)[None, :] - rows + window - 1
    outside = torch.where((index < 0) | (index >= window), float("-inf"), 0.0)
    return index.clamp(0, window - 1).to(device), outside.to(device)


def windowed_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    distances: torch.Tensor,
    past: KeyValues | None,
) -> tuple[torch.Tensor, KeyValues]:
    """Each step attends to itself and to the window before it, with relative-key positions (Shaw et al. 2018).

    `query`, `key`, `value` (B, heads, T, size): the new steps; `distances` (window, size): the embedding of
    distance -(window - 1) ... 0; `past`: what the last call returned, None at the start. Returns (B, heads, T, size)
    and the new past.
    """
    window = len(distances)
    if past is not None:
        key, value = torch.cat([past.keys, key], 2), torch.cat([past.values, value], 2)
    new, seen = query.shape[2], key.shape[2]
    index, outside = _places(new, seen, window, query.device)
    positions = (query @ distances.T) * query.shape[-1] ** -0.5
    bias = positions.gather(3, index.expand(*positions.shape[:2], new, seen)) + outside
    out = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
    keep = max(0, seen - (window - 1))
    return out, KeyValues(key[:, :, keep:], value[:, :, keep:])


class WindowedSelfAttention(nn.Module):
    """Multi-head self-attention over (B, T, size) in a causal window."""

    def __init__(self, size: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads, self.head_size = heads, size // heads
        self.project = nn.Linear(size, 3 * size)
        self.out = nn.Linear(size, size)
        self.distances = nn.Parameter(torch.randn(window, self.head_size) * 0.02)

    def forward(self, x: torch.Tensor, past: KeyValues | None) -> tuple[torch.Tensor, KeyValues]:
        """(B, T, size) -> (B, T, size), and what to remember."""
        batch, steps, size = x.shape
        parts = self.project(x).view(batch, steps, 3, self.heads, self.head_size).permute(2, 0, 3, 1, 4)
        out, past = windowed_attention(parts[0], parts[1], parts[2], self.distances, past)
        return self.out(out.transpose(1, 2).reshape(batch, steps, size)), past
