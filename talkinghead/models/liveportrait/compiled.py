"""Functions under torch.compile, and what becomes of them where it does not work."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import torch
from torch import Tensor

from talkinghead.models.liveportrait.fast.warping import Source
from talkinghead.models.liveportrait.making import Draw, one_line

_log = logging.getLogger("talkinghead")


class Compiled:
    """A drawing function under torch.compile. Where compiling fails, the function itself takes over for good.

    Only a failure of compiling does that: where the function fails by itself as well (inputs of a wrong shape), its own
    error is raised, as is any lack of memory, and the next call is compiled again. The log hears of a take-over once,
    in one line. Compilation is of the whole function, so that no part of it, nor a size too many, goes uncompiled
    without a word.

    Args:
        function: of tensors alone; each combination of their sizes is compiled once.
        backend: what torch.compile hands the graph to.
    """

    def __init__(self, function: Draw, backend: str | Callable[..., object] = "inductor") -> None:
        self._plain = function
        self._compiled: Draw | None = torch.compile(function, dynamic=False, fullgraph=True, backend=backend)
        self._lock = threading.Lock()

    def __call__(self, source: Source, kp_driving: Tensor, kp_source: Tensor) -> Tensor:
        compiled = self._compiled
        if compiled is None:
            return self._plain(source, kp_driving, kp_source)
        try:
            return compiled(source, kp_driving, kp_source)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # a missing compiler, an unsupported device: backends raise of everything
            reason = error
        # Outside of the handler, so that an error of the function's own is not told as a consequence of the other.
        answer = self._plain(source, kp_driving, kp_source)
        self._give_up(reason)
        return answer

    def _give_up(self, error: Exception) -> None:
        with self._lock:
            first, self._compiled = self._compiled is not None, None
        if first:
            _log.warning("torch.compile does not work here, drawing goes on without it: %s", one_line(error))
