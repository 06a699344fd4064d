"""The networks on a device at a precision: pictures in, keypoints out; keypoints in, pictures out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from talkinghead.core.errors import DeviceError
from talkinghead.core.types import Pixels
from talkinghead.models.liveportrait.compiled import Compiled, in_powers_of_two
from talkinghead.models.liveportrait.fast import FastAppearance, FastGenerator, FastWarping
from talkinghead.models.liveportrait.fast.filtered import filter_convolutions
from talkinghead.models.liveportrait.fast.warping import Source
from talkinghead.models.liveportrait.head import N_KEYPOINTS, Head, rotation_matrix
from talkinghead.models.liveportrait.kernels import CUDNN_FLAGS
from talkinghead.models.liveportrait.networks.motion import RawMotion, bins_to_degrees
from talkinghead.models.liveportrait.weights import Models

Module = TypeVar("Module", bound=nn.Module)

_TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Reading(NamedTuple):
    """What M reads off pictures: `canonical` keypoints (B, K, 3), the `head`'s state, and `degrees` (B, 3)."""

    canonical: Tensor
    head: Head
    degrees: Tensor


def as_tensor(pictures: Sequence[Pixels]) -> Tensor:
    """B pictures (h, w, 3) uint8 -> (B, 3, h, w) float32 in 0..1."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255


def read_raw(raw: RawMotion) -> Reading:
    """M's raw heads as keypoints, expression and pose."""
    degrees = torch.stack([bins_to_degrees(raw.pitch), bins_to_degrees(raw.yaw), bins_to_degrees(raw.roll)], 1)
    head = Head(torch.unflatten(raw.exp, 1, (N_KEYPOINTS, 3)), rotation_matrix(degrees), raw.t, raw.scale)
    return Reading(torch.unflatten(raw.kp, 1, (N_KEYPOINTS, 3)), head, degrees)


class Engine:
    """LivePortrait's networks, arranged for one device.

    F, W and G run in `precision`; M and the small networks, whose answers are positions, always in single precision.
    Any number of threads may draw at a time.

    Args:
        models: the networks, which are taken over: M and the small ones are moved to the device.
        device: where they shall run.
        precision: "fp32", "bf16" or "fp16".
        compiled: let torch.compile fuse W and G; where it cannot, a line in the log says why and they run uncompiled.

    Raises:
        DeviceError: the networks do not run in this precision.
    """

    def __init__(
        self, models: Models, device: torch.device | str = "cpu", precision: str = "fp32", compiled: bool = False
    ) -> None:
        if precision == "int8":
            # Measured: activations cost more to quantise than matrix units save, and SSIM falls to 0.99.
            raise DeviceError("int8 gains nothing for the neural renderer: choose --precision bf16 or fp32")
        if precision not in _TYPES:
            raise DeviceError(f"the neural renderer has no precision {precision!r}: choose {', '.join(_TYPES)}")
        self.device, self.dtype, self.precision = torch.device(device), _TYPES[precision], precision
        depth = models.appearance.depth
        with torch.inference_mode(False), torch.no_grad():
            self.appearance = self._placed(FastAppearance(models.appearance))
            self.warping = self._placed(FastWarping(models.warping, depth))
            self.generator = self._placed(FastGenerator(models.generator))
            if self.device.type == "cpu" and self.dtype == torch.float32 and not compiled:
                filter_convolutions(self.warping, self.generator)
        self.motion = models.motion.to(self.device)
        self.stitching, self.lip, self.eye = (net.to(self.device) for net in (models.stitching, models.lip, models.eye))
        self._draw: Callable[[Source, Tensor, Tensor], Tensor] = self._drawn
        if compiled:
            self._draw = in_powers_of_two(Compiled(self._drawn))

    def _placed(self, module: Module) -> Module:
        return module.to(self.device, self.dtype).eval().requires_grad_(False)

    @torch.inference_mode()
    def read(self, pictures: Tensor) -> Reading:
        """(B, 3, 256, 256) RGB in 0..1 -> keypoints, expression and pose, float32 on the device."""
        with self._kernels():
            return read_raw(self.motion(pictures.to(self.device, torch.float32)))

    @torch.inference_mode()
    def source(self, pictures: Tensor) -> Source:
        """(S, 3, 256, 256) RGB in 0..1 -> what `draw` needs of them."""
        with self._kernels():
            feature: Tensor = self.appearance(pictures.to(self.device, self.dtype))
            return self.warping.prepare(feature)

    @torch.inference_mode()
    def draw(self, source: Source, kp_driving: Tensor, kp_source: Tensor) -> Tensor:
        """Keypoints (B, K, 3) each -> frames (B, 512, 512, 3) uint8 RGB on the CPU. `source` holds 1 or B pictures."""
        with self._kernels():
            return self._draw(source, kp_driving, kp_source.expand_as(kp_driving)).cpu()

    def _kernels(self) -> AbstractContextManager[None]:
        """On CUDA, sizes never change: let cuDNN try its kernels once, and keep single precision what it says."""
        return CUDNN_FLAGS if self.device.type == "cuda" else nullcontext()

    def _drawn(self, source: Source, kp_driving: Tensor, kp_source: Tensor) -> Tensor:
        image: Tensor = self.generator(self.warping(source, kp_driving, kp_source))
        # Published frames are truncated, not rounded.
        return (image.clamp(0, 1) * 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()
