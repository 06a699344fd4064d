"""A GPU made ready while weights are read from the disk."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import torch

from talkinghead.models.liveportrait.kernels import CUDNN_FLAGS

# Sides of what is computed only so that libraries load: as little as they take.
_CHANNELS, _SIDE_PX = 8, 16


@contextmanager
def made_ready(device: torch.device) -> Iterator[None]:
    """While the block runs, a thread makes the GPU's context and has cuDNN and cuBLAS load, which takes half a second.

    The thread ends with the block. What fails there fails again where the networks need it, and is told there. Other
    devices have nothing to get ready.
    """
    if device.type != "cuda":
        yield
        return
    thread = threading.Thread(target=_get_ready, args=(device,), name="talkinghead-gpu")
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _get_ready(device: torch.device) -> None:
    """The first convolution and the first product of matrices on the GPU."""
    with suppress(Exception), torch.inference_mode(), CUDNN_FLAGS, torch.cuda.device(device):
        picture = torch.zeros(1, _CHANNELS, _SIDE_PX, _SIDE_PX, dtype=torch.float16, device=device)
        torch.nn.functional.conv2d(picture, picture.new_zeros(_CHANNELS, _CHANNELS, 3, 3))
        torch.mm(picture[0, 0], picture[0, 0])
        torch.cuda.synchronize(device)
