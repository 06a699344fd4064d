"""How cuDNN shall choose its kernels while the networks run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType

import torch


class SharedContext(AbstractContextManager[None]):
    """A context that any number of threads share: the first to enter sets it up, the last to leave takes it back.

    Entered by every thread on its own, a context that saves, sets and restores would restore in the middle of another
    thread's work, and would save what that one had set.

    Args:
        build: makes the context, each time that a first one enters.
    """

    def __init__(self, build: Callable[[], AbstractContextManager[None]]) -> None:
        self._build, self._lock = build, threading.Lock()
        self._inside = 0
        self._context: AbstractContextManager[None] | None = None

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                context = self._build()
                context.__enter__()
                self._context = context
            self._inside += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside and self._context is not None:
                # What went wrong in one thread is not for the context of all to see.
                context, self._context = self._context, None
                context.__exit__(None, None, None)


# PyTorch keeps cuDNN's flags once for the process: there are none for a thread, nor for one convolution of a module.
# They are therefore set while single precision is at work on a GPU, once for all that are, and are the caller's own
# again when the last one is done. Another thread's own convolutions in that time use these flags: exact single
# precision, and kernels chosen by cuDNN's rules. Choosing by trying gains a tenth in single precision and a thirtieth
# in half, but takes a second for each number of frames, and all the memory there is to find the largest workspace.
CUDNN_FLAGS = SharedContext(lambda: torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=False))
