"""W between whose convolutions nothing is stored twice."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from talkinghead.models.liveportrait.fast import fold
from talkinghead.models.liveportrait.fast.upsampled import UpsampledConv
from talkinghead.models.liveportrait.fast.warping import FastHourglass, FastWarping, Source, UpStep, slices
from talkinghead.models.liveportrait.fused import launch, warp_kernels
from talkinghead.models.liveportrait.fused.generator import bias_of
from talkinghead.models.liveportrait.fused.launch import convolved, convolved_relu, empty
from talkinghead.models.liveportrait.networks.warping import KEYPOINT_VARIANCE
from talkinghead.models.liveportrait.padding import power_of_two


class FusedUpStep(nn.Module):
    """(B, in, D, H, W) and skip (B, s, D, 2 H, 2 W) -> (B, out + s, D, 2 H, 2 W), as `UpStep`."""

    bias: Tensor

    def __init__(self, step: UpStep) -> None:
        super().__init__()
        self.conv, self.out_channels = step.conv, step.out_channels
        phases = step.conv.phases.values() if isinstance(step.conv, UpsampledConv) else [step.conv]
        first = next(iter(phases))
        assert isinstance(first, nn.Conv3d)
        self.register_buffer("bias", bias_of(first))

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        low, high = (x.shape[-2], x.shape[-1]), (skip.shape[-2], skip.shape[-1])
        out = empty(x, len(x), self.out_channels + skip.shape[1], *skip.shape[2:])
        if isinstance(self.conv, UpsampledConv):
            phases = {name: convolved(x, _volume(conv)) for name, conv in self.conv.phases.items()}
            launch.interleave(phases, low, 2, out, self.bias)
        else:
            wide = functional.interpolate(x, scale_factor=(1.0, 2.0, 2.0))
            launch.interleave({"22": convolved(wide, self.conv)}, high, 1, out, self.bias)
        return launch.interleave({"22": skip}, high, 1, out, first=self.out_channels)


def _volume(module: nn.Module) -> nn.Conv3d:
    assert isinstance(module, nn.Conv3d)
    return module


class FusedHourglass(nn.Module):
    """(B, padded in, D, H, W) channels last -> (B, padded out, D, H, W), as `FastHourglass`."""

    def __init__(self, network: FastHourglass) -> None:
        super().__init__()
        self.down, self.last = network.down, network.last
        self.biases = nn.ParameterList(
            nn.Parameter(bias_of(conv), requires_grad=False) for conv in fold.each(network.down, nn.Conv3d)
        )
        self.up = nn.ModuleList(FusedUpStep(step) for step in fold.each(network.up, UpStep))

    def forward(self, x: Tensor) -> Tensor:
        maps = [x]
        for conv, bias in zip(self.down, self.biases):
            maps.append(launch.pooled(convolved(maps[-1], _volume(conv)), bias))
        x = maps.pop()
        for step in self.up:
            x = step(x, maps.pop())
        return convolved_relu(x, self.last)


class FusedWarping(nn.Module):
    """Source and keypoints -> (B, 256, 64, 64) channels last, as `FastWarping`, whose sources it takes."""

    mask_bias: Tensor
    occlusion_bias: Tensor
    third_bias: Tensor
    fourth_bias: Tensor

    def __init__(self, network: FastWarping) -> None:
        super().__init__()
        self.in_channels, self.hourglass = network.hourglass.in_channels, FusedHourglass(network.hourglass)
        heads = network.heads
        self.heads, self.taps, self.candidates = heads.conv, heads.taps, heads.candidates
        self.third, self.fourth, self.leak = network.third, network.fourth, network.leak
        self.register_buffer("mask_bias", heads.mask_bias.float())
        self.register_buffer("occlusion_bias", heads.occlusion_bias.float().reshape(1))
        self.register_buffer("third_bias", bias_of(network.third))
        self.register_buffer("fourth_bias", bias_of(network.fourth))

    def forward(self, source: Source, kp_driving: Tensor, kp_source: Tensor) -> Tensor:
        """Keypoints (B, K, 3) float32, dense."""
        prediction = self.hourglass(self._candidates(source, kp_driving, kp_source))
        parts = convolved(slices(prediction), self.heads)
        moved = self._moved(source, parts, kp_driving, kp_source)
        x = launch.add_bias_(convolved(moved, self.third), self.third_bias, self.leak)
        return self._dimmed(convolved(x, self.fourth), parts, source.size[0])

    def _candidates(self, source: Source, kp_driving: Tensor, kp_source: Tensor) -> Tensor:
        (batch, n), (depth, height, width) = kp_driving.shape[:2], source.size
        out = empty(self.third.weight, batch, self.in_channels, depth, height, width)
        warp_kernels.candidates[depth * height, n + 2, batch](
            source.compact, kp_driving, kp_source, out, depth, height, width, KEYPOINT_VARIANCE,
            keypoints=n, out_channels=self.in_channels, of_each=len(source.compact) > 1,
            features=source.compact.shape[1], block=power_of_two(width), num_warps=2,
        )  # fmt: skip
        return out

    def _moved(self, source: Source, parts: Tensor, kp_driving: Tensor, kp_source: Tensor) -> Tensor:
        """The source's feature volume, sampled: (B, D * C, H, W)."""
        (batch, n), (depth, height, width) = kp_driving.shape[:2], source.size
        channels = source.table.shape[1]
        out = empty(self.third.weight, batch, depth * channels, height, width)
        warp_kernels.warp[depth * height, batch](
            parts, self.mask_bias, kp_driving, kp_source, source.table, out, depth, height, width, n, parts.shape[1],
            channels, of_each=len(source.compact) > 1, taps=self.taps, several=power_of_two(n + 1),
            block=power_of_two(width), channel_block=power_of_two(channels),
        )  # fmt: skip
        return out

    def _dimmed(self, x: Tensor, parts: Tensor, depth: int) -> Tensor:
        batch, channels, height, width = x.shape
        out, pixels, block = torch.empty_like(x), height * width, power_of_two(channels)
        rows = max(1, 2048 // block)
        warp_kernels.dim[-(-pixels // rows), batch](
            x, self.fourth_bias, parts, self.occlusion_bias, out, pixels, channels, parts.shape[1],
            self.taps * self.candidates, depth=depth, rows=rows, block=block,
        )  # fmt: skip
        return out
