"""Running small matrices on the calling thread alone, without touching any other thread.

The network's matrices are so small that handing parts of them to other threads costs more than it saves, and many times
more where the other cores are busy; and sums that are split otherwise round otherwise. `torch.set_num_threads` is
no remedy in a library: beside the calling thread's count it sets the one that every thread takes over which has not
computed yet. OpenMP's own count (`omp_set_num_threads`, the nthreads-var of the OpenMP specification) and MKL's
(`mkl_set_num_threads_local`) belong to the calling thread alone. They are looked up in the libraries that PyTorch
itself computes with. Where a build of PyTorch has neither, the count stays as it is.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch

# PyTorch's own library, through which its dependencies' symbols are found too; on Windows those are asked by name.
_LIBRARIES = ("libtorch_cpu.so", "libtorch_cpu.dylib", "torch_cpu.dll", "libiomp5md.dll")


class _Counts(NamedTuple):
    """C functions on the calling thread's counts; None where this build has none."""

    openmp: Callable[[], int] | None
    set_openmp: Callable[[int], object] | None
    exchange_mkl: Callable[[int], int] | None  # returns the count before, 0 for none of its own


@lru_cache(maxsize=1)
def _counts() -> _Counts:
    folder = Path(torch.__file__).parent / "lib"
    libraries = []
    for name in _LIBRARIES:
        if (folder / name).is_file():
            try:
                libraries.append(ctypes.CDLL(str(folder / name)))
            except OSError:
                continue
    openmp = _function(libraries, "omp_get_max_threads", ctypes.c_int)
    set_openmp = _function(libraries, "omp_set_num_threads", None, ctypes.c_int)
    mkl = _function(libraries, "MKL_Set_Num_Threads_Local", ctypes.c_int, ctypes.c_int)
    return _Counts(openmp, set_openmp if openmp else None, mkl)


def _function(
    libraries: list[ctypes.CDLL], name: str, result: type[ctypes.c_int] | None, *arguments: type[ctypes.c_int]
) -> Callable[..., int] | None:
    for library in libraries:
        try:
            function = library[name]
        except AttributeError:
            continue
        function.restype, function.argtypes = result, arguments
        found: Callable[..., int] = function
        return found
    return None


@contextmanager
def single_thread() -> Iterator[None]:
    """Compute on the calling thread alone within the block; nothing outside this thread changes."""
    # A thread's first question sets its counts up; it must not happen within the block.
    torch.get_num_threads()
    counts = _counts()
    before = counts.openmp() if counts.openmp else 0
    if counts.set_openmp:
        counts.set_openmp(1)
    mkl_before = counts.exchange_mkl(1) if counts.exchange_mkl else 0
    try:
        yield
    finally:
        if counts.set_openmp:
            counts.set_openmp(before)
        if counts.exchange_mkl:
            counts.exchange_mkl(mkl_before)
