"""Folding norms into convolutions, and the memory layout that fast convolutions want."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_weights

from talkinghead.models.liveportrait.networks.blocks import SpectralConv2d

Conv = TypeVar("Conv", nn.Conv2d, nn.Conv3d)
Module = TypeVar("Module", bound=nn.Module)

# Matrix units (AMX, tensor cores) work on tiles of 16 channels: others leave the fast path.
CHANNEL_TILE = 16


def padded(channels: int) -> int:
    """`channels` rounded up to a whole number of tiles."""
    return -(-channels // CHANNEL_TILE) * CHANNEL_TILE


def fold_batch_norm(conv: Conv, norm: nn.Module) -> Conv:
    """One convolution that does what `conv` and then the batch norm `norm` do in inference mode."""
    assert isinstance(norm, nn.BatchNorm2d | nn.BatchNorm3d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    weight, bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    folded = type(conv)(conv.in_channels, conv.out_channels, conv.kernel_size, padding=conv.padding, device="meta")  # type: ignore[arg-type]
    return _with(folded, weight, bias)


def each(modules: nn.Module, kind: type[Module]) -> list[Module]:
    """The children of a module list, in order, as what they are."""
    children = list(modules.children())
    found = [child for child in children if isinstance(child, kind)]
    assert len(found) == len(children)
    return found


def bias_of(conv: nn.Conv2d | nn.Conv3d) -> Tensor:
    """A convolution's bias (out,), zeros where it has none."""
    return conv.weight.new_zeros(conv.out_channels) if conv.bias is None else conv.bias.detach()


def fold_spectral(conv: SpectralConv2d) -> nn.Conv2d:
    """A plain convolution with the spectral norm divided out."""
    return conv2d(conv.weight(), conv.bias, conv.padding)


def conv2d(weight: Tensor, bias: Tensor | None, padding: int | tuple[int, int]) -> nn.Conv2d:
    """A convolution with these weights (out, in, h, w)."""
    out, into, height, width = weight.shape
    conv = nn.Conv2d(into, out, (height, width), padding=padding, bias=bias is not None, device="meta")
    return _with(conv, weight, bias)


def conv3d(weight: Tensor, bias: Tensor | None, padding: int | tuple[int, int, int]) -> nn.Conv3d:
    """A convolution with these weights (out, in, d, h, w)."""
    out, into, depth, height, width = weight.shape
    conv = nn.Conv3d(into, out, (depth, height, width), padding=padding, bias=bias is not None, device="meta")
    return _with(conv, weight, bias)


def _with(conv: Conv, weight: Tensor, bias: Tensor | None) -> Conv:
    """Without copies: fresh memory of that size takes longer than all arithmetic here."""
    conv.weight = nn.Parameter(weight.detach(), requires_grad=False)
    conv.bias = None if bias is None else nn.Parameter(bias.detach(), requires_grad=False)
    return conv


def pad_weight(weight: Tensor, out: int, into: int) -> Tensor:
    """(o, i, ...) grown with zeros to (out, into, ...)."""
    grown = weight.new_zeros(out, into, *weight.shape[2:])
    grown[: weight.shape[0], : weight.shape[1]] = weight
    return grown


def pad_bias(bias: Tensor, out: int) -> Tensor:
    """(o,) grown with zeros to (out,)."""
    return torch.cat([bias, bias.new_zeros(out - len(bias))])


def channels_last(module: Module) -> Module:
    """`module` with every convolution's weights stored channels last."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            part.weight.data = part.weight.data.contiguous(memory_format=torch.channels_last)
        elif isinstance(part, nn.Conv3d):
            part.weight.data = part.weight.data.contiguous(memory_format=torch.channels_last_3d)
    return module
