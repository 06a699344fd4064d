"""The convolution blocks that the networks share: convolution, batch norm, activation, in that order."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class ConvBlock2d(nn.Module):
    """(B, in, H, W) -> (B, out, H, W): 3x3 convolution, batch norm, ReLU (leaky with slope `leak`)."""

    def __init__(self, in_channels: int, out_channels: int, leak: float = 0.0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm: nn.Module = nn.BatchNorm2d(out_channels)
        self.leak = leak

    def forward(self, x: Tensor) -> Tensor:
        return functional.leaky_relu(self.norm(self.conv(x)), self.leak)


class DownBlock2d(ConvBlock2d):
    """(B, in, H, W) -> (B, out, H / 2, W / 2): a ConvBlock2d, then 2x2 average pooling."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.avg_pool2d(super().forward(x), 2)


class ConvBlock3d(nn.Module):
    """(B, in, D, H, W) -> (B, out, D, H, W): 3x3x3 convolution, batch norm, ReLU."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(in_channels, out_channels, 3, padding=1)
        self.norm: nn.Module = nn.BatchNorm3d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.norm(self.conv(x)))


class DownBlock3d(ConvBlock3d):
    """(B, in, D, H, W) -> (B, out, D, H / 2, W / 2): a ConvBlock3d, then average pooling of the plane."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.avg_pool3d(super().forward(x), (1, 2, 2))


class UpBlock3d(ConvBlock3d):
    """(B, in, D, H, W) -> (B, out, D, 2 H, 2 W): nearest upsampling of the plane, then a ConvBlock3d."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(functional.interpolate(x, scale_factor=(1.0, 2.0, 2.0)))


class ResBlock3d(nn.Module):
    """(B, C, D, H, W) -> the same shape: twice (batch norm, ReLU, 3x3x3 convolution), added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv3d(channels, channels, 3, padding=1)
        self.norm1 = nn.BatchNorm3d(channels)
        self.norm2: nn.Module = nn.BatchNorm3d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(functional.relu(self.norm1(x)))
        added: Tensor = self.conv2(functional.relu(self.norm2(y)))
        return x + added


def _unit(length: int) -> Tensor:
    return torch.full((length,), length**-0.5)


class SpectralConv2d(nn.Module):
    """A convolution stored with its spectral norm's power-iteration vectors (Miyato et al. 2018).

    State: `weight_orig` (out, in, k, k), `weight_u` (out,), `weight_v` (in * k * k,), `bias` (out,) or none.
    The weight that convolves is weight_orig / (u . W v), W being weight_orig flattened over all but its first axis.
    """

    weight_u: Tensor
    weight_v: Tensor

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 3, bias: bool = True) -> None:
        super().__init__()
        plain = nn.Conv2d(in_channels, out_channels, kernel, bias=bias)
        self.weight_orig = plain.weight
        self.bias = plain.bias
        # Any unit vectors begin the iteration. On the meta device, where networks are built to be filled from a file, a
        # random one costs the import of PyTorch's whole compiler, which takes longer than PyTorch itself.
        self.register_buffer("weight_u", _unit(out_channels))
        self.register_buffer("weight_v", _unit(in_channels * kernel**2))
        self.padding = kernel // 2

    def weight(self) -> Tensor:
        """(out, in, k, k): the folded weight."""
        sigma = torch.dot(self.weight_u, torch.mv(self.weight_orig.flatten(1), self.weight_v))
        return self.weight_orig / sigma

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.weight(), self.bias, padding=self.padding)
