"""NVIDIA's driver is begun beside the import of PyTorch, where there is a GPU, and nothing is left to wait for."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
import torch

from talkinghead.core.gpu import woken

_CONTEXT = """
import ctypes, threading
from talkinghead.core.device import resolve_device
print(resolve_device({name!r}))
import torch
flags, active = ctypes.c_uint(), ctypes.c_int()
print(torch.cuda.is_initialized(), [t.name for t in threading.enumerate()])
assert not ctypes.CDLL("libcuda.so.1").cuDevicePrimaryCtxGetState(0, ctypes.byref(flags), ctypes.byref(active))
print(active.value)
print(float(torch.ones(3, device="cuda").sum()))
"""


@pytest.mark.parametrize("name", ["auto", "cuda", "cuda:7", "cuda:x", "mps", "cpu", "tpu"])
def test_no_thread_outlives_it_whatever_there_is(name: str) -> None:
    with woken(name):
        pass
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("talkinghead-gpu")]


def test_what_fails_in_the_block_is_raised() -> None:
    with pytest.raises(ImportError, match="no torch"), woken("auto"):
        raise ImportError("no torch")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize("name", ["auto", "cuda", "cuda:0"])
def test_the_gpu_has_its_context_before_pytorch_asks(name: str) -> None:
    done = subprocess.run([sys.executable, "-c", _CONTEXT.format(name=name)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    device, before, active, total = done.stdout.splitlines()
    assert device.startswith("cuda")
    assert before == "False ['MainThread']"
    assert (active, total) == ("1", "3.0")
