"""The networks on a device at a precision: pictures in, keypoints out; keypoints in, pictures out."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import deepcopy
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from talkinghead.core.errors import DeviceError
from talkinghead.core.renderer_options import Acceleration
from talkinghead.models.liveportrait.compiled import Compiled
from talkinghead.models.liveportrait.drawing import EagerPainter, GraphPainter, Kernels, Networks, Painter
from talkinghead.models.liveportrait.fast.appearance import FastAppearance
from talkinghead.models.liveportrait.fast.filtered import filter_convolutions
from talkinghead.models.liveportrait.fast.fold import channels_last
from talkinghead.models.liveportrait.fast.generator import FastGenerator
from talkinghead.models.liveportrait.fast.warping import FastWarping, Source
from talkinghead.models.liveportrait.graphs import Graphs
from talkinghead.models.liveportrait.kernels import CUDNN_FLAGS
from talkinghead.models.liveportrait.networks.motion import RawMotion
from talkinghead.models.liveportrait.padding import filled_up, in_powers_of_two, power_of_two
from talkinghead.models.liveportrait.pending import After, Pending
from talkinghead.models.liveportrait.reading import RAW_SIZES, Reading, read_raw
from talkinghead.models.liveportrait.weights import ModelFiles, Models

_log = logging.getLogger("talkinghead")

Module = TypeVar("Module", bound=nn.Module)

_TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Engine:
    """LivePortrait's networks, arranged for one device.

    F, W and G run in `precision`; M and the small networks, whose answers are positions, always in single precision,
    the small ones on the CPU: what they say is needed there, and asking a GPU takes longer than they do.
    Any number of threads may draw at a time.

    Args:
        models: the networks, which are taken over, or their files, of which each network is read once.
        device: where they shall run.
        precision: "fp32", "bf16" or "fp16".
        acceleration: who launches W and G's kernels (see `LivePortraitOptions`).

    Raises:
        CheckpointError: a network's file is damaged, or of another network.
        DeviceError: the networks do not run in this precision, or not with this acceleration.
    """

    def __init__(
        self,
        models: Models | ModelFiles,
        device: torch.device | str = "cpu",
        precision: str = "fp32",
        acceleration: Acceleration = "auto",
    ) -> None:
        if precision == "int8":
            # Measured: activations cost more to quantise than matrix units save, and SSIM falls to 0.99.
            raise DeviceError("int8 gains nothing for the neural renderer: choose --precision bf16 or fp32")
        if precision not in _TYPES:
            raise DeviceError(f"the neural renderer has no precision {precision!r}: choose {', '.join(_TYPES)}")
        self.device, self.dtype, self.precision = torch.device(device), _TYPES[precision], precision
        self._on_gpu = self.device.type == "cuda"
        with ThreadPoolExecutor(1, "talkinghead-weights") as pool, torch.inference_mode(False), torch.no_grad():
            # The next networks are read while one is folded: where it will run, as fresh memory costs a GPU no time.
            warping, generator = pool.submit(lambda: models.warping), pool.submit(lambda: models.generator)
            appearance, motion = pool.submit(lambda: models.appearance), pool.submit(lambda: models.motion)
            small = pool.submit(lambda: (models.stitching, models.lip, models.eye))
            self.warping = self._placed(FastWarping(warping.result().to(self.device)))
            self.generator = self._placed(FastGenerator(generator.result().to(self.device)))
            self.appearance = self._placed(FastAppearance(appearance.result().to(self.device)))
            if self.device.type == "cpu" and self.dtype == torch.float32 and acceleration != "compile":
                filter_convolutions(self.warping, self.generator)
            self.motion = motion.result() if self._on_gpu else motion.result().to(self.device)
            self.stitching, self.lip, self.eye = small.result()
        if self._on_gpu:
            torch.cuda.empty_cache()  # single precision's share, which drawing in half would keep beside its own
        self._motion_there: nn.Module | None = None if self._on_gpu else self.motion
        self._lock = threading.Lock()
        self._most: int | None = None
        self._stream = torch.cuda.Stream(self.device) if self._on_gpu else None  # type: ignore[no-untyped-call]
        with self._at_work():
            self._painter = self._opened(acceleration)
        recorded = self._on_gpu and acceleration != "eager"
        self._read_graphs = Graphs(self._read, self.device) if recorded else None
        self._source_graphs = Graphs(self._prepare, self.device) if recorded else None

    def _placed(self, module: Module) -> Module:
        """In the engine's precision, channels last, which matrix units want."""
        return channels_last(module.to(self.device, self.dtype)).eval().requires_grad_(False)

    def _opened(self, acceleration: Acceleration) -> Painter:
        """Who draws."""
        networks = Networks(self.warping, self.generator)
        if acceleration == "compile":
            return EagerPainter(in_powers_of_two(Compiled(networks.draw)), self.device, "compiled")
        if not self._on_gpu:
            if acceleration in ("graph", "fused"):
                raise DeviceError(f"--acceleration {acceleration} is for NVIDIA GPUs: leave it out")
            return EagerPainter(networks.draw, self.device)
        if acceleration == "eager":
            return EagerPainter(networks.draw, self.device)
        if self.dtype == torch.float32 and acceleration == "fused":
            raise DeviceError("fused kernels are for half precision: choose --precision fp16")
        if self.dtype == torch.float32 or acceleration == "graph":
            return GraphPainter(networks, self.device, "never")
        return GraphPainter(networks, self.device, "soon" if acceleration == "auto" else "first")

    @property
    def kernels(self) -> Kernels:
        """Which kernels draw the next frames."""
        return self._painter.kernels

    @torch.inference_mode()
    def read(self, pictures: Tensor) -> Reading:
        """(B, 3, 256, 256) RGB in 0..1 -> keypoints, expression and pose, float32 on the CPU."""
        pictures = pictures.float()
        if self._motion_there is None and len(pictures) == 1:
            # A still picture is read once: a GPU takes a second to get ready for that.
            return read_raw(self.motion(pictures.cpu()))
        with self._at_work():
            if self._motion_there is None:
                self._motion_there = deepcopy(self.motion).to(self.device)
            if self._read_graphs is None:
                (raw,) = self._read(pictures.to(self.device))
            else:
                (raw,) = self._read_graphs([filled_up(pictures, power_of_two(len(pictures)))])
            said = raw[: len(pictures)].cpu()
        return read_raw(RawMotion(*torch.split(said, RAW_SIZES, 1)))

    def _read(self, pictures: Tensor) -> tuple[Tensor]:
        """M's raw heads side by side."""
        assert self._motion_there is not None
        return (torch.cat(list(self._motion_there(pictures)), 1),)

    @torch.inference_mode()
    def source(self, pictures: Tensor) -> Source:
        """(S, 3, 256, 256) RGB in 0..1 -> what `draw` needs of them."""
        with self._at_work():
            if self._source_graphs is None:
                compact, table = self._prepare(pictures.to(self.device, self.dtype))
            else:
                whole = filled_up(pictures.to(self.dtype), power_of_two(len(pictures)))
                compact, table = (part.clone() for part in self._source_graphs([whole]))
        depth, height, width = compact.shape[2:]
        return Source(compact, table, (depth, height, width)).part(0, len(pictures))

    def _prepare(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        compact, table, _ = self.warping.prepare(self.appearance(pictures))
        return compact, table

    def draw(self, source: Source, kp_driving: Tensor, kp_source: Tensor) -> Tensor:
        """Keypoints (B, K, 3) each -> frames (B, 512, 512, 3) uint8 RGB on the CPU. `source` holds 1 or B pictures."""
        drawn = [pending.wait().frames for pending in self.submit(source, kp_driving, kp_source)]
        return torch.from_numpy(drawn[0] if len(drawn) == 1 else np.concatenate(drawn))

    @torch.inference_mode()
    def submit(
        self, source: Source, kp_driving: Tensor, kp_source: Tensor, after: After | None = None
    ) -> list[Pending]:
        """Begin to draw, as `draw` does: the frames in order, in one piece or, where memory is short, in several."""
        frames, pending = len(kp_driving), list[Pending]()
        begin = 0
        while begin < frames:
            end = min(frames, begin + (self._most or frames))
            part = _part(source, begin, end, frames)
            still = kp_source if len(kp_source) == 1 else kp_source[begin:end]
            try:
                with self._at_work():
                    pending.append(Pending(self._painter(part, kp_driving[begin:end], still), after))
            except torch.OutOfMemoryError:
                if end - begin == 1:
                    raise DeviceError("the GPU's memory does not hold one frame: close what uses it, or choose "
                                      "--precision fp16 or --device cpu") from None  # fmt: skip
                self._halve(end - begin)
                continue
            begin = end
        return pending

    def _halve(self, frames: int) -> None:
        """Draw half as many at once from now on: so many did not fit into the GPU's memory."""
        first, self._most = self._most is None, max(1, frames // 2)
        with self._at_work():
            self._painter.forget()
        if first:
            _log.warning("the GPU's memory does not hold %d frames at once: drawing fewer", frames)

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """On a GPU: one thread at a time, on the engine's own stream, and single precision is what it says."""
        if self._stream is None:
            yield
            return
        with self._lock, CUDNN_FLAGS, torch.cuda.stream(self._stream):
            yield


def _part(source: Source, begin: int, end: int, frames: int) -> Source:
    """What frames `begin` to `end` of `frames` are drawn from."""
    if len(source.compact) == 1 or (begin, end) == (0, frames):
        return source
    return source.part(begin, end)
