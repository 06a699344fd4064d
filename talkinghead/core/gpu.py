"""NVIDIA's driver, begun while PyTorch is being imported."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_LOOK_EVERY_S = 0.005
_DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"


@contextmanager
def woken(name: str) -> Iterator[None]:
    """While the block imports PyTorch, a thread begins NVIDIA's driver and makes the context of the GPU that `name` is.

    Both wait for the hardware, a fifth of a second in all, and PyTorch would ask for them only once it is imported. It
    takes over what it finds: the driver begins once in a process, and a GPU has one such context there. Nothing is
    begun for the CPU, and no context is made for a PyTorch that has no CUDA. What fails fails again where PyTorch asks.
    """
    kind, _, number = name.partition(":")
    if kind not in ("auto", "cuda") or not (number or "0").isdecimal():
        yield
        return
    over = threading.Event()
    thread = threading.Thread(target=_wake, args=(int(number or 0), over), name="talkinghead-gpu")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _wake(number: int, over: threading.Event) -> None:
    """The driver's own functions; they answer 0 where they succeed, and are called without Python's lock."""
    with suppress(OSError, AttributeError):
        driver = ctypes.CDLL(_DRIVER)
        device, context = ctypes.c_int(), ctypes.c_void_p()
        if driver.cuInit(0) or driver.cuDeviceGet(ctypes.byref(device), number):
            return
        # PyTorch tells early in its import which CUDA it was made for, if for any.
        while not hasattr(version := sys.modules.get("torch.version"), "cuda") and not over.wait(_LOOK_EVERY_S):
            pass
        if getattr(version, "cuda", None):
            driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), device)
