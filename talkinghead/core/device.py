"""Which device and which precision: decided here and nowhere else."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Literal, get_args

from talkinghead.core.errors import DeviceError
from talkinghead.core.gpu import woken

if TYPE_CHECKING:
    import torch

Precision = Literal["auto", "fp32", "bf16", "fp16", "int8"]

# So few frames take no longer than loading the weights does.
FEW_FRAMES = 8
DEVICES: tuple[str, ...] = ("auto", "cpu", "cuda", "mps")
PRECISIONS: tuple[str, ...] = get_args(Precision)


def resolve_device(name: str = "auto") -> torch.device:
    """The torch device that `name` asks for; `auto` takes CUDA, then Apple's MPS, then the CPU."""
    with woken(name) if "torch" not in sys.modules else nullcontext():
        import torch

    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if available[kind]))
    kind = name.split(":")[0]
    if kind not in available:
        raise DeviceError(f"there is no device {name!r}: choose one of {', '.join(DEVICES)}")
    if not available[kind]:
        raise DeviceError(f"this machine has no {kind} device that PyTorch can use: choose --device cpu")
    return torch.device(name)


def has_bf16(device: torch.device) -> bool:
    """Whether bfloat16 arithmetic is native on `device` (AVX512-BF16 or AMX on a CPU, Ampere or later on CUDA)."""
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return False


def resolve_precision(name: str, device: torch.device) -> Literal["fp32", "bf16", "fp16", "int8"]:
    """The precision for the neural renderer: `auto` takes fp16 on a GPU, bf16 on a CPU that has it, else fp32."""
    if name == "auto":
        if device.type in ("cuda", "mps"):
            return "fp16"
        return "bf16" if has_bf16(device) else "fp32"
    if name not in PRECISIONS:
        raise DeviceError(f"there is no precision {name!r}: choose one of {', '.join(PRECISIONS)}")
    if name == "fp16" and device.type == "cpu":
        raise DeviceError("half precision is for GPUs: choose --precision bf16 or fp32 on a CPU")
    if name == "int8" and device.type != "cpu":
        raise DeviceError("int8 is for CPUs: choose --precision fp16 on a GPU")
    return name  # type: ignore[return-value]
