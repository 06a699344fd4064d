"""Fused kernels made in a thread, while frames are drawn without them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from talkinghead.models.liveportrait.fast.generator import FastGenerator
from talkinghead.models.liveportrait.fast.warping import FastWarping, Source
from talkinghead.models.liveportrait.head import N_KEYPOINTS

if TYPE_CHECKING:
    from talkinghead.models.liveportrait.fused.networks import FusedNetworks

_log = logging.getLogger("talkinghead")

Draw = Callable[[Source, Tensor, Tensor], Tensor]


def fused(warping: FastWarping, generator: FastGenerator) -> FusedNetworks:
    """W and G with fused kernels, which are compiled when they are first launched.

    Raises:
        ImportError: Triton is missing.
    """
    from talkinghead.models.liveportrait.fused.networks import FusedNetworks

    return FusedNetworks(warping, generator)


class Making:
    """Compiles all fused kernels, or finds them in Triton's cache on disk, in a thread of its own.

    Args:
        warping: W on the GPU, in half precision.
        generator: G, likewise.
        source: one that is drawn, for its sizes.
    """

    def __init__(self, warping: FastWarping, generator: FastGenerator, source: Source) -> None:
        self._networks, self._source = (warping, generator), source
        self._made: Draw | None = None
        # No daemon, which would be torn down amid a compiler: it looks whether the program still runs, and ends.
        self._thread = threading.Thread(target=self._make, name="talkinghead-fuse")
        self._thread.start()

    def ready(self) -> Draw | None:
        """The fused drawing, once its kernels are compiled."""
        return self._made

    def _make(self) -> None:
        device = self._source.table.device
        try:
            stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
            with torch.inference_mode(), torch.cuda.device(device), torch.cuda.stream(stream):
                made = fused(*self._networks)
                hooks = [module.register_forward_pre_hook(_go_on) for module in made.modules()]
                warm_up(made, self._source)
                stream.synchronize()
                for hook in hooks:
                    hook.remove()
        except _EndedError:
            return
        except Exception as error:  # no Triton, no compiler, too old a GPU: drawing goes on with what there is
            _log.info("drawing goes on without fused kernels: %s", one_line(error))
            return
        self._made = made


def warm_up(draw: Draw, source: Source) -> None:
    """Draw once for a picture and once for a video, whose kernels differ: every kernel is compiled then."""
    for pictures in (1, 2):
        compact, table, _ = source.part(0, 1)
        compact, table = compact.repeat(pictures, 1, 1, 1, 1), table.repeat(pictures, 1)
        keypoints = source.compact.new_zeros(pictures, N_KEYPOINTS, 3)
        draw(Source(compact, table, source.size), keypoints, keypoints)


class _EndedError(Exception):
    """The program has come to its end."""


def _go_on(module: nn.Module, inputs: object) -> None:
    if not threading.main_thread().is_alive():
        raise _EndedError


def one_line(error: Exception) -> str:
    """What an error says first: PyTorch's own often end their first line with a colon, and the reason follows."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return " ".join(lines[: 2 if lines[0].endswith(":") else 1])[:200]
