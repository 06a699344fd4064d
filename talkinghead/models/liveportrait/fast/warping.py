"""W with batch norms folded, candidates sampled as translations, and its 7x7x7 convolution taken slice by slice."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from talkinghead.models.liveportrait.fast import fold, sampling
from talkinghead.models.liveportrait.fast.upsampled import UpsampledConv
from talkinghead.models.liveportrait.networks.blocks import DownBlock3d, UpBlock3d
from talkinghead.models.liveportrait.networks.warping import (
    KEYPOINT_VARIANCE,
    DenseMotion,
    WarpingModule,
    identity_grid,
    size_of,
)

# The first upsampling steps see planes of 2 or 4 pixels and are bound by reading weights, of which phases have more.
_STEPS_WITHOUT_PHASES = 2
# Far from a keypoint its Gaussian is taken as zero: products of three such factors would be denormal numbers, which a
# CPU multiplies a hundred times more slowly (the hourglass's two large convolutions took four times as long).
NEGLIGIBLE = 1e-10


class Source(NamedTuple):
    """What W needs of a source, computed once: `compact` (S, c, D, H, W), `table` (S * D * H * W, C), `size` (D, H, W).

    S is 1 for a still picture, else the batch's size.
    """

    compact: Tensor
    table: Tensor
    size: tuple[int, int, int]

    def part(self, begin: int, end: int) -> Source:
        """Pictures `begin` to `end` of the S, as views."""
        voxels = math.prod(self.size)
        return Source(self.compact[begin:end], self.table[begin * voxels : end * voxels], self.size)


def slices(x: Tensor) -> Tensor:
    """(B, C, D, H, W) channels last -> (B * D, C, H, W) channels last, a view."""
    return x.permute(0, 2, 1, 3, 4).flatten(0, 1)


def volumes(x: Tensor, depth: int) -> Tensor:
    """The reverse of `slices`."""
    return torch.unflatten(x, 0, (-1, depth)).permute(0, 2, 1, 3, 4)


class UpStep(nn.Module):
    """(B, in, D, H, W) and skip (B, s, D, 2 H, 2 W) -> (B, out + s, D, 2 H, 2 W): upsampled, convolved, joined."""

    def __init__(self, conv: nn.Conv3d, phases: bool) -> None:
        super().__init__()
        self.out_channels = conv.out_channels
        self.conv = UpsampledConv(conv.weight, fold.bias_of(conv), 2) if phases else conv

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        out = self.out_channels
        size = (len(x), out + skip.shape[1], *size_of(skip))
        joined = torch.empty(size, dtype=x.dtype, device=x.device, memory_format=torch.channels_last_3d)
        if isinstance(self.conv, UpsampledConv):
            self.conv(x, joined[:, :out])
        else:
            joined[:, :out] = self.conv(functional.interpolate(x, scale_factor=(1.0, 2.0, 2.0))).relu_()
        joined[:, out:] = skip
        return joined


class FastHourglass(nn.Module):
    """(B, padded in, D, H, W) channels last -> (B, padded out, D, H, W); padding channels stay zero."""

    def __init__(self, motion: DenseMotion) -> None:
        super().__init__()
        encoder, decoder = motion.hourglass.encoder, motion.hourglass.decoder
        down = [fold.fold_batch_norm(b.conv, b.norm) for b in fold.each(encoder.down_blocks, DownBlock3d)]
        first, self.in_channels = down[0], fold.padded(down[0].in_channels)
        padding = self.in_channels - first.in_channels
        down[0] = fold.conv3d(fold.pad_weight(first.weight, first.out_channels, self.in_channels), first.bias, 1)
        self.down = nn.ModuleList(down)
        up = [fold.fold_batch_norm(b.conv, b.norm) for b in fold.each(decoder.up_blocks, UpBlock3d)]
        self.up = nn.ModuleList(UpStep(conv, i >= _STEPS_WITHOUT_PHASES) for i, conv in enumerate(up))
        last = fold.fold_batch_norm(decoder.conv, decoder.norm)
        self.out_channels = fold.padded(last.out_channels)
        weight = fold.pad_weight(last.weight, self.out_channels, last.in_channels + padding)
        self.last = fold.conv3d(weight, fold.pad_bias(fold.bias_of(last), self.out_channels), 1)

    def forward(self, x: Tensor) -> Tensor:
        depth = x.shape[2]
        maps = [x]
        for conv in self.down:
            y = functional.relu_(conv(maps[-1]))
            maps.append(volumes(functional.avg_pool2d(slices(y), 2), depth))
        x = maps.pop()
        for step in self.up:
            x = step(x, maps.pop())
        return functional.relu_(self.last(x))


class SliceHeads(nn.Module):
    """The mask's 7x7x7 convolution and the occlusion's 7x7 one as a single plane convolution of each depth slice.

    Each slice gives its part of every neighbouring slice's answer (7 depths x 22 candidates, then one occlusion part
    per depth), and the parts are summed: matrix units take a wide plane convolution at full speed, but no 7x7x7 one.
    """

    def __init__(self, motion: DenseMotion, depth: int) -> None:
        super().__init__()
        mask, occlusion = motion.mask, motion.occlusion
        self.candidates, self.taps, self.depth = mask.out_channels, mask.kernel_size[0], depth
        channels = mask.in_channels
        by_depth = mask.weight.permute(2, 0, 1, 3, 4).flatten(0, 1)
        hidden = occlusion.weight.view(channels, depth, *occlusion.kernel_size).transpose(0, 1)
        weight = torch.cat([by_depth, hidden])
        out = fold.padded(len(weight))
        self.conv = fold.conv2d(fold.pad_weight(weight, out, fold.padded(channels)), None, 3)
        self.mask_bias = nn.Parameter(fold.bias_of(mask), requires_grad=False)
        self.occlusion_bias = nn.Parameter(fold.bias_of(occlusion), requires_grad=False)

    def forward(self, prediction: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, D, H, W) channels last -> mask logits (B, D, H, W, 22), occlusion logits (B, 1, H, W), float32."""
        depth, n = self.depth, self.candidates
        parts = torch.unflatten(self.conv(slices(prediction)).permute(0, 2, 3, 1), 0, (-1, depth))
        logits = self.mask_bias.float().expand(*parts.shape[:4], n).clone()
        reach = self.taps // 2
        for tap in range(max(0, reach - depth + 1), min(self.taps, reach + depth)):
            # Slice z + tap - reach contributes its tap-th part to slice z.
            low, high = max(0, reach - tap), min(depth, depth + reach - tap)
            logits[:, low:high] += parts[:, low + tap - reach : high + tap - reach, ..., tap * n : (tap + 1) * n]
        first = self.taps * n
        hidden = torch.stack([parts[:, z, ..., first + z] for z in range(depth)], 1).float().sum(1, keepdim=True)
        return logits, hidden + self.occlusion_bias.float()


class FastWarping(nn.Module):
    """Source and keypoints -> (B, 256, 64, 64), as WarpingModule; `prepare` takes in a source's feature volume."""

    def __init__(self, network: WarpingModule) -> None:
        super().__init__()
        motion, depth = network.dense_motion_network, network.depth
        self.compress = fold.fold_batch_norm(motion.compress, motion.norm)
        self.hourglass, self.heads = FastHourglass(motion), SliceHeads(motion, depth)
        third = fold.fold_batch_norm(network.third.conv, network.third.norm)
        # The gather answers channels within depth; the published order is depth within channels.
        by_channel = torch.unflatten(third.weight, 1, (-1, depth)).transpose(1, 2).flatten(1, 2)
        self.third = fold.conv2d(by_channel, third.bias, 1)
        self.leak = network.third.leak
        self.fourth = fold.conv2d(network.fourth.weight, network.fourth.bias, 0)

    def prepare(self, feature: Tensor) -> Source:
        """A feature volume (S, C, D, H, W) as W reads it."""
        compact = functional.relu(self.compress(feature)).float()
        table = feature.float().permute(0, 2, 3, 4, 1).flatten(0, 3).contiguous()
        return Source(compact, table, size_of(feature))

    def forward(self, source: Source, kp_driving: Tensor, kp_source: Tensor) -> Tensor:
        deformation, occlusion = self.dense_motion(source, kp_driving, kp_source)
        return self.warp(source, deformation, occlusion)

    def dense_motion(self, source: Source, kp_driving: Tensor, kp_source: Tensor) -> tuple[Tensor, Tensor]:
        """Keypoints (B, K, 3) float32 -> deformation (B, D, H, W, 3) float32, occlusion (B, 1, H, W) float32."""
        shift = functional.pad(kp_source - kp_driving, (0, 0, 1, 0))
        logits, hidden = self.heads(self.hourglass(self.candidates(source, shift, kp_driving, kp_source)))
        # The candidates' weights sum to 1, so their grids' mean is the identity and the mean shift.
        deformation = identity_grid(*source.size, like=shift) + torch.einsum(
            "bdhwn,bnc->bdhwc", logits.softmax(-1), shift
        )
        return deformation, hidden.sigmoid()

    def candidates(self, source: Source, shift: Tensor, kp_driving: Tensor, kp_source: Tensor) -> Tensor:
        """The hourglass's input (B, padded 110, D, H, W), channels last: per candidate a heatmap and four samples."""
        samples = sampling.sample_shifted(source.compact, shift)
        heat = gaussian(kp_driving, source.size) - gaussian(kp_source, source.size)
        batch, n, c = samples.shape[:3]
        dtype, channels = self.fourth.weight.dtype, self.hourglass.in_channels
        joined = torch.zeros(batch, *source.size, channels, dtype=dtype, device=shift.device)
        by_candidate = torch.unflatten(joined[..., : n * (c + 1)], -1, (n, c + 1))
        by_candidate[..., 1:, 0] = heat.permute(0, 2, 3, 4, 1)
        by_candidate[..., 1:] = samples.permute(0, 3, 4, 5, 1, 2)
        return joined.permute(0, 4, 1, 2, 3)

    def warp(self, source: Source, deformation: Tensor, occlusion: Tensor) -> Tensor:
        """The source's feature volume sampled by the deformation, flattened and dimmed where hidden."""
        depth, height, width = source.size
        batch = len(deformation)
        # Rows in the order height, width, depth come out as a channels-last map of depth x C channels.
        indices, weights = sampling.corners(deformation.permute(0, 2, 3, 1, 4), source.size)
        voxels = depth * height * width
        if len(source.table) > voxels:
            indices = indices + torch.arange(batch, device=indices.device).view(-1, 1, 1, 1, 1) * voxels
        moved = sampling.gather(source.table, indices.flatten(0, 3), weights.flatten(0, 3))
        x = moved.view(batch, height, width, -1).permute(0, 3, 1, 2).to(self.fourth.weight.dtype)
        x = functional.leaky_relu_(self.third(x), self.leak)
        flat: Tensor = self.fourth(x)
        return flat * occlusion.to(x.dtype)


def gaussian(keypoints: Tensor, size: tuple[int, int, int]) -> Tensor:
    """(B, K, 3) -> (B, K, D, H, W): a Gaussian around each keypoint, as a product of one along each axis."""

    def along(axis: int, n: int) -> Tensor:
        grid = torch.linspace(-1, 1, n, dtype=keypoints.dtype, device=keypoints.device)
        values = torch.exp(-0.5 * (grid - keypoints[..., axis, None]).square() / KEYPOINT_VARIANCE)
        return values * (values > NEGLIGIBLE) if values.device.type == "cpu" else values

    depth, height, width = size
    x, y, z = along(0, width), along(1, height), along(2, depth)
    return z[..., :, None, None] * (y[..., :, None] * x[..., None, :])[..., None, :, :]
