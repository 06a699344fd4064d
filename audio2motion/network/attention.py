"""Causal attention over a window of the past, with a streaming state carried from call to call.

Running a sequence in one call or in many gives the same result: the state holds exactly the keys and values that
the window still reaches.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn


class KeyValues(NamedTuple):
    """Keys and values (B, heads, n, size) of the steps that are still in reach."""

    keys: torch.Tensor
    values: torch.Tensor


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
    batch, heads, new, size = query.shape
    reach = len(distances) - 1
    known = 0 if past is None else past.keys.shape[2]
    if past is not None:
        key, value = torch.cat([past.keys, key], 2), torch.cat([past.values, value], 2)
    keep = max(0, key.shape[2] - reach)
    after = KeyValues(key[:, :, keep:], value[:, :, keep:])
    # Long sequences in chunks: a chunk's steps reach no further back than one window.
    chunk = min(new, reach + 1)
    chunks = -(-new // chunk)
    spare = chunks * chunk - new
    key, value = (_keys(x, reach - known, spare, chunk, reach) for x in (key, value))
    query = _fold(torch.unflatten(nn.functional.pad(query, (0, 0, 0, spare)), 2, (chunks, chunk)))
    bias = _skewed(query @ distances.T * size**-0.5, chunk)
    if known < reach:
        # Before the beginning there is nothing to attend to.
        there = torch.arange(reach + chunk, device=query.device) - reach
        first = torch.arange(chunks, device=query.device).view(1, -1, 1, 1, 1) * chunk + there >= -known
        bias = torch.unflatten(bias, 0, (batch, chunks)).masked_fill(~first, float("-inf")).flatten(0, 1)
    # PyTorch's fused attention knows no mask that learns; what it falls back on takes half as long again.
    scores = torch.baddbmm(bias.flatten(0, 1), query.flatten(0, 1), key.flatten(0, 1).mT, alpha=size**-0.5)
    out = torch.unflatten(torch.softmax(scores, 2) @ value.flatten(0, 1), 0, (-1, heads))
    out = torch.unflatten(out, 0, (batch, chunks)).transpose(1, 2).reshape(batch, heads, chunks * chunk, size)
    return out[:, :, :new], after


def _fold(x: torch.Tensor) -> torch.Tensor:
    """(B, heads, chunks, n, size) to (B chunks, heads, n, size)."""
    return x.transpose(1, 2).flatten(0, 1)


def _keys(x: torch.Tensor, before: int, spare: int, chunk: int, reach: int) -> torch.Tensor:
    """Keys or values (B, heads, T, size) as each chunk sees them: (B chunks, heads, reach + chunk, size)."""
    if chunk <= reach:  # one chunk
        return nn.functional.pad(x, (0, 0, before, spare))
    pieces = torch.unflatten(nn.functional.pad(x, (0, 0, before + 1, spare)), 2, (-1, chunk))
    return _fold(torch.cat([pieces[:, :, :-1, 1:], pieces[:, :, 1:]], 3))


def _skewed(scores: torch.Tensor, chunk: int) -> torch.Tensor:
    """Scores by distance (..., chunk, window) to scores by key (..., chunk, window - 1 + chunk), -inf out of reach.

    Row i moves i places to the right, by reading the padded rows with a stride that is one shorter.
    """
    width = scores.shape[3] + chunk
    padded = nn.functional.pad(scores, (0, chunk), value=float("-inf")).flatten(2)
    return torch.unflatten(padded[:, :, : chunk * (width - 1)], 2, (chunk, width - 1))


class WindowedSelfAttention(nn.Module):
    """Multi-head self-attention over (B, T, size) in a causal window."""

    def __init__(self, size: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads, self.head_size = heads, size // heads
        self.project = nn.Linear(size, 3 * size)
        self.out = nn.Linear(size, size)
        self.distances = nn.Parameter(torch.randn(window, self.head_size) * 0.02)

    def forward(self, x: torch.Tensor, past: KeyValues | None) -> tuple[torch.Tensor, KeyValues]:
        """(B, T, size) -> (B, T, size), and the streaming state after it."""
        batch, steps, size = x.shape
        parts = self.project(x).view(batch, steps, 3, self.heads, self.head_size).permute(2, 0, 3, 1, 4)
        out, past = windowed_attention(parts[0], parts[1], parts[2], self.distances, past)
        return self.out(out.transpose(1, 2).reshape(batch, steps, size)), past
