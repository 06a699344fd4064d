"""Frames that are on their way from a device."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from talkinghead.core.types import Pixels

# What is made of frames (B, 512, 512, 3) uint8 while they are on the device: (B, h, w, 3) uint8, there.
After = Callable[[Tensor], Tensor]


class Drawn(NamedTuple):
    """Frames (B, 512, 512, 3) uint8 RGB, and what was made of them on the device (B, h, w, 3), None for nothing."""

    frames: Pixels
    after: Pixels | None


class Pending:
    """Frames that may still be drawn: copies of `frames` and of what `after` makes of them, on the current stream."""

    def __init__(self, frames: Tensor, after: After | None) -> None:
        made = None if after is None else after(frames)
        self._frames, self._after = _fetched(frames), None if made is None else _fetched(made)
        self._done = torch.cuda.Event() if frames.is_cuda else None  # type: ignore[no-untyped-call]
        if self._done is not None:
            self._done.record()

    def wait(self) -> Drawn:
        """The frames, when they are there."""
        if self._done is not None:
            self._done.synchronize()
        return Drawn(self._frames.numpy(), None if self._after is None else self._after.numpy())


def _fetched(tensor: Tensor) -> Tensor:
    """A copy on the CPU, from a GPU one that arrives later: PyTorch keeps pinned memory for the next."""
    if not tensor.is_cuda:
        return tensor.cpu()
    into = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    return into.copy_(tensor, non_blocking=True)
