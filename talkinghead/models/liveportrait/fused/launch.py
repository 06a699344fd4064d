"""The kernels as functions of tensors: shapes read off the maps, blocks chosen for them, outputs allocated.

Maps are (B, C, H, W) channels last or (B, C, D, H, W) channels last; whatever is passed must be dense in that layout.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from talkinghead.models.liveportrait.fused import kernels
from talkinghead.models.liveportrait.padding import power_of_two

EPSILON = 1e-5
# Values that a program holds in registers: enough work to hide memory's latency, few enough to need no spilling.
_TILE = 4096
_STATS_TILE = 8192
# Chunks of pixels of which statistics are taken apart before they are joined.
_MOST_CHUNKS = 256


class Stats(NamedTuple):
    """Of every channel of every sample: `mean` and `scale`, 1 / standard deviation, (B, C) float32 each."""

    mean: Tensor
    scale: Tensor


def _blocks(channels: int, tile: int = _TILE) -> tuple[int, int]:
    """(pixels, channels) of a program's tile."""
    block = min(128, power_of_two(channels))
    return max(1, tile // block), block


def convolved(x: Tensor, conv: nn.Conv2d | nn.Conv3d) -> Tensor:
    """The convolution without its bias, dense channels last."""
    stride, padding = conv.stride, _padding(conv)
    if isinstance(conv, nn.Conv2d):
        return _dense(functional.conv2d(x, conv.weight, None, stride, padding))
    return _dense(functional.conv3d(x, conv.weight, None, stride, padding))


def convolved_relu(x: Tensor, conv: nn.Conv2d | nn.Conv3d) -> Tensor:
    """relu(convolution + bias) in one cuDNN kernel."""
    if not x.is_cuda:
        return _dense(functional.relu(conv(x)))
    out: Tensor = torch.cudnn_convolution_relu(
        x, conv.weight, conv.bias, conv.stride, _padding(conv), conv.dilation, conv.groups
    )
    return _dense(out)


def _padding(conv: nn.Conv2d | nn.Conv3d) -> tuple[int, ...]:
    assert not isinstance(conv.padding, str)
    return conv.padding


def _dense(x: Tensor) -> Tensor:
    layout = torch.channels_last if x.ndim == 4 else torch.channels_last_3d
    return x.contiguous(memory_format=layout)


def empty(like: Tensor, *size: int) -> Tensor:
    """A map of `size` (B, C, [D,] H, W), channels last, of the type and device of `like`."""
    layout = torch.channels_last if len(size) == 4 else torch.channels_last_3d
    return torch.empty(size, dtype=like.dtype, device=like.device, memory_format=layout)


def _planes(x: Tensor) -> tuple[int, int, int, int]:
    """(planes, C, H, W) of a map or a volume."""
    return x.numel() // (x.shape[1] * x.shape[-2] * x.shape[-1]), x.shape[1], x.shape[-2], x.shape[-1]


def stats(x: Tensor) -> Stats:
    """Mean and 1 / standard deviation of each channel of each sample of `x` (B, C, H, W)."""
    batch, channels, height, width = x.shape
    pixels, block = height * width, min(64, power_of_two(channels))
    rows = max(_STATS_TILE // block, power_of_two(-(-pixels // _MOST_CHUNKS)))
    chunks = -(-pixels // rows)
    means, squares = x.new_empty(2, batch, chunks, channels, dtype=torch.float32)
    kernels.partial_stats[chunks, -(-channels // block), batch](
        x, means, squares, pixels, channels, rows=rows, block=block, num_warps=8
    )
    mean, scale = x.new_empty(2, batch, channels, dtype=torch.float32)
    kernels.final_stats[-(-channels // 32), batch](
        means, squares, mean, scale, pixels, channels, chunks, rows, EPSILON, chunk_block=power_of_two(chunks), block=32
    )
    return Stats(mean, scale)


def modulate(x: Tensor, of_x: Stats, guide: Tensor, guide_bias: Tensor, leak: float = 1.0) -> Tensor:
    """leaky(normalised x * (g + bias) + (h + bias)); `guide` (B, 2 C, f H, f W) holds g, then h; x (B, C, H, W)."""
    batch, channels, height, width = guide.shape[0], x.shape[1], guide.shape[2], guide.shape[3]
    out = empty(x, batch, channels, height, width)
    rows, block = _blocks(channels)
    kernels.modulate[-(-height * width // rows), -(-channels // block), batch](
        x, of_x.mean, of_x.scale, guide, guide_bias, out, height * width, width, channels, leak,
        factor=width // x.shape[3], rows=rows, block=block,
    )  # fmt: skip
    return out


def add_(x: Tensor, y: Tensor, bias: Tensor, leak: float = 1.0) -> Tensor:
    """leaky(x + y + bias), written over `x`."""
    kernels.add[(-(-x.numel() // _TILE),)](x, y, bias, x, x.numel(), x.shape[1], leak, block=_TILE, num_warps=8)
    return x


def add_bias_(x: Tensor, bias: Tensor, leak: float = 1.0) -> Tensor:
    """leaky(x + bias), written over `x`."""
    kernels.add_bias[(-(-x.numel() // _TILE),)](x, bias, x, x.numel(), x.shape[1], leak, block=_TILE, num_warps=8)
    return x


def interleave(
    phases: Mapping[str, Tensor],
    size: tuple[int, int],
    factor: int,
    into: Tensor,
    bias: Tensor | None = None,
    *,
    first: int = 0,
    parts: int = 1,
) -> Tensor:
    """Write the phases of an upsampled map into `into`, from channel `first` on; relu(phase + bias) where a bias is.

    Args:
        phases: by kind of row and column (see `fast.upsampled`), a map that is not upsampled as "22".
        size: (H, W) before upsampling.
        into: (B, C, [D,] f H, f W); with several `parts` (parts, B, f H, f W, C / parts), dense.
    """
    given = next(iter(phases.values()))
    maps = [phases.get(f"{row}{column}", given) for row in range(3) for column in range(3)]
    (height, width), channels = size, given.shape[1]
    planes = _planes(given)[0]
    part = channels // parts
    out_channels, stride = (part, into[0].numel()) if parts > 1 else (into.shape[1], 0)
    rows, block = _blocks(part)
    grid = planes * -(-height * width // rows), factor * factor, parts * -(-part // block)
    kernels.interleave[grid](
        *maps, given if bias is None else bias, into, height, width, channels, part, stride, out_channels, first,
        factor=factor, relu=bias is not None, rows=rows, block=block,
    )  # fmt: skip
    return into


def pooled(x: Tensor, bias: Tensor) -> Tensor:
    """relu(x + bias), each 2 x 2 pixels of a plane averaged: (B, C, D, H, W) -> (B, C, D, H / 2, W / 2)."""
    planes, channels, height, width = _planes(x)
    out = empty(x, *x.shape[:-2], height // 2, width // 2)
    rows, block = _blocks(channels)
    grid = -(-(height // 2) * (width // 2) // rows), -(-channels // block), planes
    kernels.pool[grid](x, bias, out, height, width, channels, rows=rows, block=block)
    return out


def picture(x: Tensor, bias: Tensor) -> Tensor:
    """(B, C >= 12, H, W) -> pictures (B, 2 H, 2 W, 3) uint8."""
    batch, channels, height, width = x.shape
    out = torch.empty(batch, 2 * height, 2 * width, 3, dtype=torch.uint8, device=x.device)
    kernels.picture[(-(-out.numel() // 1024),)](x, bias, out, out.numel(), height, width, channels, block=1024)
    return out
