"""M, the motion extractor: a ConvNeXt V2 (Woo et al. 2023) with one linear head per motion parameter."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

N_KEYPOINTS = 21
N_BINS = 66
BIN_DEG = 3.0
FIRST_BIN_DEG = -97.5
_EPS = 1e-6


class RawMotion(NamedTuple):
    """What M's heads say of a picture, in the order of the published heads.

    `pitch`, `yaw`, `roll` (B, 66) logits of 3-degree bins; `t` (B, 3); `exp` (B, 63); `scale` (B, 1); `kp` (B, 63).
    """

    pitch: Tensor
    yaw: Tensor
    roll: Tensor
    t: Tensor
    exp: Tensor
    scale: Tensor
    kp: Tensor


def bins_to_degrees(logits: Tensor) -> Tensor:
    """(B, 66) logits -> (B,) degrees: the expected bin."""
    bins = torch.arange(N_BINS, dtype=torch.float32, device=logits.device)
    return (logits.float().softmax(1) * bins).sum(1) * BIN_DEG + FIRST_BIN_DEG


class LayerNorm2d(nn.LayerNorm):
    """Layer norm over the channels of (B, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = super().forward(x.permute(0, 2, 3, 1))
        return out.permute(0, 3, 1, 2)


class GlobalResponseNorm(nn.Module):
    """Global response normalisation over (B, H, W, C)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, 1, 1, channels))
        self.beta = nn.Parameter(torch.zeros(1, 1, 1, channels))

    def forward(self, x: Tensor) -> Tensor:
        # Squares of half-precision activations overflow, so the norm is taken in single precision.
        energy = torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True, dtype=torch.float32)
        share = (energy / (energy.mean(-1, keepdim=True) + _EPS)).to(x.dtype)
        out: Tensor = self.gamma * (x * share) + self.beta + x
        return out


class ConvNextBlock(nn.Module):
    """(B, C, H, W) -> the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=_EPS)
        self.pwconv1 = nn.Linear(channels, 4 * channels)
        self.grn = GlobalResponseNorm(4 * channels)
        self.pwconv2 = nn.Linear(4 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        y = self.pwconv2(self.grn(functional.gelu(self.pwconv1(y))))
        return x + y.permute(0, 3, 1, 2)


class ConvNext(nn.Module):
    """The trunk and its heads: (B, 3, H, W) RGB in 0..1 -> RawMotion."""

    def __init__(self, depths: tuple[int, ...], widths: tuple[int, ...]) -> None:
        super().__init__()
        stem = nn.Sequential(nn.Conv2d(3, widths[0], 4, stride=4), LayerNorm2d(widths[0], eps=_EPS))
        down = [
            nn.Sequential(LayerNorm2d(narrow, eps=_EPS), nn.Conv2d(narrow, wide, 2, stride=2))
            for narrow, wide in pairwise(widths)
        ]
        self.downsample_layers = nn.ModuleList([stem, *down])
        self.stages = nn.ModuleList(
            nn.Sequential(*[ConvNextBlock(width) for _ in range(depth)]) for depth, width in zip(depths, widths)
        )
        self.norm = nn.LayerNorm(widths[-1], eps=_EPS)
        self.fc_kp = nn.Linear(widths[-1], 3 * N_KEYPOINTS)
        self.fc_scale = nn.Linear(widths[-1], 1)
        self.fc_pitch = nn.Linear(widths[-1], N_BINS)
        self.fc_yaw = nn.Linear(widths[-1], N_BINS)
        self.fc_roll = nn.Linear(widths[-1], N_BINS)
        self.fc_t = nn.Linear(widths[-1], 3)
        self.fc_exp = nn.Linear(widths[-1], 3 * N_KEYPOINTS)

    def forward(self, picture: Tensor) -> RawMotion:
        x = picture
        for downsample, stage in zip(self.downsample_layers, self.stages):
            x = stage(downsample(x))
        x = self.norm(x.mean((2, 3)))
        heads = (self.fc_pitch, self.fc_yaw, self.fc_roll, self.fc_t, self.fc_exp, self.fc_scale, self.fc_kp)
        return RawMotion(*[head(x) for head in heads])


class MotionExtractor(nn.Module):
    """(B, 3, 256, 256) RGB in 0..1 -> RawMotion; the published depths and widths are the defaults (tiny)."""

    def __init__(self, depths: tuple[int, ...] = (3, 3, 9, 3), widths: tuple[int, ...] = (96, 192, 384, 768)) -> None:
        super().__init__()
        self.detector = ConvNext(depths, widths)

    def forward(self, picture: Tensor) -> RawMotion:
        out: RawMotion = self.detector(picture)
        return out
