"""Who launches W and G's kernels, and which: one by one, recorded as a CUDA graph, or fused."""

from __future__ import annotations

import logging
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from talkinghead.core.errors import DeviceError
from talkinghead.models.liveportrait.fast.generator import FastGenerator
from talkinghead.models.liveportrait.fast.warping import FastWarping, Source
from talkinghead.models.liveportrait.graphs import Graphs
from talkinghead.models.liveportrait.making import Draw, Making, fused, one_line
from talkinghead.models.liveportrait.padding import in_powers_of_two

_log = logging.getLogger("talkinghead")

Kernels = Literal["eager", "graph", "fused", "compiled"]

# So many frames are drawn before fused kernels are made: shorter runs are over before they would be ready.
FUSE_AFTER = 32


class Networks(NamedTuple):
    """W and G on their device."""

    warping: FastWarping
    generator: FastGenerator

    def draw(self, source: Source, kp_driving: Tensor, kp_source: Tensor) -> Tensor:
        """Keypoints (B, K, 3) each -> frames (B, 512, 512, 3) uint8 RGB, all on the networks' device."""
        image: Tensor = self.generator(self.warping(source, kp_driving, kp_source))
        # Published frames are truncated, not rounded.
        return (image.clamp(0, 1) * 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


class Painter(Protocol):
    """Draws on a device. For one thread at a time."""

    @property
    def kernels(self) -> Kernels:
        """Which kernels draw the next frames."""
        ...

    def __call__(self, source: Source, kp_driving: Tensor, kp_source: Tensor) -> Tensor:
        """Keypoints (B, K, 3) and (1 or B, K, 3) from anywhere -> frames (B, 512, 512, 3) uint8 on the device.

        They hold until the next call.
        """
        ...

    def forget(self) -> None:
        """Let go of what was prepared for the numbers of frames drawn so far, and of its memory."""
        ...


class EagerPainter:
    """Kernels as PyTorch meets them, or as torch.compile made them."""

    def __init__(self, draw: Draw, device: torch.device, kernels: Kernels = "eager") -> None:
        self._draw, self._device, self.kernels = draw, device, kernels

    def __call__(self, source: Source, kp_driving: Tensor, kp_source: Tensor) -> Tensor:
        """See `Painter`."""
        driving = kp_driving.to(self._device)
        return self._draw(source, driving, kp_source.to(self._device).expand_as(driving))

    def forget(self) -> None:
        """Nothing is kept."""


class GraphPainter:
    """CUDA graphs, one for each number of frames at once, of eager kernels first and of fused ones when they are ready.

    Where recording fails, kernels are launched one by one from then on, and the log says why.

    Args:
        networks: W and G on the GPU.
        device: the GPU.
        fuse: make fused kernels "never"; "soon": in a thread, once a run turns out to be long; "first": at once.

    Raises:
        DeviceError: fused kernels were to be made at once and cannot be.
    """

    def __init__(self, networks: Networks, device: torch.device, fuse: Literal["never", "soon", "first"]) -> None:
        self._networks, self._device, self._fuse = networks, device, fuse
        self._pool = torch.cuda.graph_pool_handle()
        self._draw: Draw = networks.draw
        self._replayed = in_powers_of_two(self._replay)
        self._graphs: dict[tuple[int, int, int], Graphs] = {}
        self._making: Making | None = None
        self._drawn = 0
        self.kernels: Kernels = "graph"
        if fuse == "first":
            try:
                self._draw = fused(networks.warping, networks.generator)
            except Exception as error:  # no Triton, no compiler, too old a GPU
                raise DeviceError(f"fused kernels cannot be made here ({one_line(error)})") from None
            self.kernels = "fused"

    def __call__(self, source: Source, kp_driving: Tensor, kp_source: Tensor) -> Tensor:
        """See `Painter`."""
        self._change_over(source)
        still = kp_source.expand_as(kp_driving)
        self._drawn += len(kp_driving)
        if self.kernels == "eager":
            return self._draw(source, kp_driving.to(self._device), still.to(self._device))
        try:
            return self._replayed(source, kp_driving, still)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            _log.warning("CUDA graphs do not work here, drawing goes on without them: %s", one_line(error))
            self._draw, self.kernels = self._networks.draw, "eager"
            self.forget()
            return self._draw(source, kp_driving.to(self._device), still.to(self._device))

    def forget(self) -> None:
        """See `Painter`."""
        self._graphs = {}
        torch.cuda.empty_cache()

    def _replay(self, source: Source, kp_driving: Tensor, kp_source: Tensor) -> Tensor:
        (out,) = self._recorded(source.size)((source.compact, source.table, kp_driving, kp_source), lasting=2)
        return out

    def _recorded(self, size: tuple[int, int, int]) -> Graphs:
        """The graphs for sources of this size."""
        if size not in self._graphs:
            draw = self._draw

            def work(compact: Tensor, table: Tensor, kp_driving: Tensor, kp_source: Tensor) -> tuple[Tensor, ...]:
                return (draw(Source(compact, table, size), kp_driving, kp_source),)

            self._graphs[size] = Graphs(work, self._device, self._pool)
        return self._graphs[size]

    def _change_over(self, source: Source) -> None:
        """Begin to make fused kernels when a run has become long, and take them when they are ready."""
        if self._making is not None:
            made = self._making.ready()
            if made is not None and self.kernels == "graph":
                self._draw, self._making, self.kernels = made, None, "fused"
                self.forget()
        elif self._fuse == "soon" and self._drawn >= FUSE_AFTER and self.kernels == "graph":
            self._fuse = "never"
            self._making = Making(self._networks.warping, self._networks.generator, source)
