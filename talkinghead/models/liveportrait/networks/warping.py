"""W, the warping module: moves the source's feature volume from its own keypoints to the driven ones."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from talkinghead.models.liveportrait.networks.blocks import ConvBlock2d, DownBlock3d, UpBlock3d
from talkinghead.models.liveportrait.networks.motion import N_KEYPOINTS

KEYPOINT_VARIANCE = 0.01


def size_of(volume: Tensor) -> tuple[int, int, int]:
    """(D, H, W) of (B, C, D, H, W)."""
    return volume.shape[2], volume.shape[3], volume.shape[4]


def identity_grid(depth: int, height: int, width: int, like: Tensor) -> Tensor:
    """(D, H, W, 3): x, y, z of each voxel, -1..1 from the first to the last."""
    z, y, x = (torch.linspace(-1, 1, n, dtype=like.dtype, device=like.device) for n in (depth, height, width))
    zz, yy, xx = torch.meshgrid(z, y, x, indexing="ij")
    return torch.stack([xx, yy, zz], -1)


class Encoder(nn.Module):
    """(B, in, D, H, W) -> that and five smaller maps, each with half the plane of the one before."""

    def __init__(self, in_channels: int, expansion: int, levels: int, widest: int) -> None:
        super().__init__()
        widths = [in_channels] + [min(widest, expansion * 2 ** (i + 1)) for i in range(levels)]
        self.down_blocks = nn.ModuleList(DownBlock3d(a, b) for a, b in pairwise(widths))

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = [x]
        for block in self.down_blocks:
            maps.append(block(maps[-1]))
        return maps


class Decoder(nn.Module):
    """The encoder's maps -> (B, expansion + in, D, H, W): upsampled and joined with the skips, largest last."""

    def __init__(self, in_channels: int, expansion: int, levels: int, widest: int) -> None:
        super().__init__()

        def width(level: int) -> int:
            return min(widest, expansion << level)

        self.up_blocks = nn.ModuleList(
            UpBlock3d((1 if i == levels else 2) * width(i), width(i - 1)) for i in range(levels, 0, -1)
        )
        self.out_channels = expansion + in_channels
        self.conv = nn.Conv3d(self.out_channels, self.out_channels, 3, padding=1)
        self.norm: nn.Module = nn.BatchNorm3d(self.out_channels)

    def forward(self, maps: list[Tensor]) -> Tensor:
        x = maps[-1]
        for block, skip in zip(self.up_blocks, maps[-2::-1]):
            x = torch.cat([block(x), skip], 1)
        return functional.relu(self.norm(self.conv(x)))


class Hourglass(nn.Module):
    """(B, in, D, H, W) -> (B, expansion + in, D, H, W)."""

    def __init__(self, in_channels: int, expansion: int, levels: int, widest: int) -> None:
        super().__init__()
        self.encoder = Encoder(in_channels, expansion, levels, widest)
        self.decoder = Decoder(in_channels, expansion, levels, widest)
        self.out_channels = self.decoder.out_channels

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.decoder(self.encoder(x))
        return out


class DenseMotion(nn.Module):
    """Feature volume and keypoints -> where each voxel comes from, and how much of it was hidden.

    22 candidate motions (the background's, then each keypoint's translation) are weighted per voxel.
    """

    def __init__(
        self, channels: int, depth: int, expansion: int = 32, levels: int = 5, widest: int = 1024, compressed: int = 4
    ) -> None:
        super().__init__()
        candidates = N_KEYPOINTS + 1
        self.compress = nn.Conv3d(channels, compressed, 1)
        self.norm: nn.Module = nn.BatchNorm3d(compressed)
        self.hourglass = Hourglass(candidates * (compressed + 1), expansion, levels, widest)
        self.mask = nn.Conv3d(self.hourglass.out_channels, candidates, 7, padding=3)
        self.occlusion = nn.Conv2d(self.hourglass.out_channels * depth, 1, 7, padding=3)

    def forward(self, feature: Tensor, kp_driving: Tensor, kp_source: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, D, H, W), (B, K, 3), (B, K, 3) -> deformation (B, D, H, W, 3), occlusion (B, 1, H, W) in 0..1."""
        compact = functional.relu(self.norm(self.compress(feature)))
        grid = identity_grid(*size_of(feature), like=kp_driving)
        grids = candidate_grids(grid, kp_driving, kp_source)
        moved = sample_candidates(compact, grids)
        heat = heatmap(grid, kp_driving) - heatmap(grid, kp_source)
        heat = torch.cat([torch.zeros_like(heat[:, :1]), heat], 1)
        joined = torch.cat([heat.unsqueeze(2), moved], 2).flatten(1, 2)
        prediction = self.hourglass(joined)
        weights = self.mask(prediction).softmax(1)
        deformation = (weights.unsqueeze(-1) * grids).sum(1)
        return deformation, self.occlusion(prediction.flatten(1, 2)).sigmoid()


def candidate_grids(grid: Tensor, kp_driving: Tensor, kp_source: Tensor) -> Tensor:
    """(D, H, W, 3), (B, K, 3), (B, K, 3) -> (B, K + 1, D, H, W, 3): the identity, then each keypoint's motion."""
    shift = functional.pad(kp_source - kp_driving, (0, 0, 1, 0))
    return grid + shift[:, :, None, None, None]


def sample_candidates(compact: Tensor, grids: Tensor) -> Tensor:
    """(B, c, D, H, W) sampled by (B, N, D, H, W, 3) -> (B, N, c, D, H, W)."""
    batch, n = grids.shape[:2]
    repeated = compact.unsqueeze(1).expand(-1, n, -1, -1, -1, -1).flatten(0, 1)
    sampled = functional.grid_sample(repeated, grids.flatten(0, 1).to(repeated.dtype), align_corners=False)
    return torch.unflatten(sampled, 0, (batch, n))


def heatmap(grid: Tensor, keypoints: Tensor) -> Tensor:
    """(D, H, W, 3), (B, K, 3) -> (B, K, D, H, W): a Gaussian around each keypoint."""
    distance = (grid - keypoints[:, :, None, None, None]).square().sum(-1)
    return torch.exp(-0.5 * distance / KEYPOINT_VARIANCE)


class WarpingModule(nn.Module):
    """Feature volume (B, 32, 16, 64, 64) and keypoints -> feature map (B, 256, 64, 64) in the driven pose."""

    def __init__(
        self,
        channels: int = 32,
        depth: int = 16,
        expansion: int = 32,
        widest: int = 1024,
        compressed: int = 4,
        out: int = 256,
    ) -> None:
        super().__init__()
        self.depth = depth
        self.dense_motion_network = DenseMotion(
            channels, depth, expansion=expansion, widest=widest, compressed=compressed
        )
        self.third = ConvBlock2d(channels * depth, out, leak=0.01)
        self.fourth = nn.Conv2d(out, out, 1)

    def forward(self, feature: Tensor, kp_driving: Tensor, kp_source: Tensor) -> Tensor:
        return self.warp(feature, *self.dense_motion_network(feature, kp_driving, kp_source))

    def warp(self, feature: Tensor, deformation: Tensor, occlusion: Tensor) -> Tensor:
        """The feature volume sampled by the deformation (B, D, H, W, 3), flattened and dimmed where hidden."""
        moved = functional.grid_sample(feature, deformation.to(feature.dtype), align_corners=False)
        flat: Tensor = self.fourth(self.third(moved.flatten(1, 2)))
        return flat * occlusion
