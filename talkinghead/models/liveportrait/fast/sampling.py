"""Trilinear sampling as matrix products and gathers: zeros outside, corners not aligned (PyTorch's grid_sample)."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor
from torch.nn import functional


def pixel(coordinate: Tensor, size: int) -> Tensor:
    """Coordinates whose -1 and 1 are the outer edges of the first and last voxel -> voxel indices, fractional."""
    return ((coordinate + 1) * size - 1) / 2


def shift_matrix(shift: Tensor, size: int) -> Tensor:
    """(...,) shifts of the identity grid -> (..., size, size): row i holds voxel i's linear interpolation weights."""
    grid = torch.linspace(-1, 1, size, dtype=shift.dtype, device=shift.device)
    at = pixel(grid + shift.unsqueeze(-1), size)
    voxels = torch.arange(size, dtype=shift.dtype, device=shift.device)
    return (1 - (at.unsqueeze(-1) - voxels).abs()).clamp(min=0)


def sample_shifted(volume: Tensor, shift: Tensor) -> Tensor:
    """A volume sampled by translated identity grids, one axis after the other.

    Args:
        volume: (B or 1, C, D, H, W).
        shift: (B, N, 3) in x, y, z.

    Returns:
        (B, N, C, D, H, W).
    """
    b, c, d, h, w = volume.shape
    batch, n = shift.shape[:2]
    ax, ay, az = (shift_matrix(shift[..., i], size) for i, size in enumerate((w, h, d)))
    # The innermost axis first: it alone is shared by all shifts of a volume and costs one large product.
    x = torch.matmul(volume.reshape(b, 1, c * d * h, w), ax.transpose(-1, -2))
    x = torch.matmul(ay.unsqueeze(2), x.view(batch, n, c * d, h, w))
    return torch.matmul(az.unsqueeze(2), x.view(batch, n, c, d, h * w)).view(batch, n, c, d, h, w)


def corners(deformation: Tensor, size: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
    """The eight voxels around each sampling point.

    Args:
        deformation: (..., 3) in x, y, z.
        size: (D, H, W).

    Returns:
        indices (..., 8) int64 into the flattened volume, weights (..., 8): zero outside the volume.
    """
    depth, height, width = size
    at = [pixel(deformation[..., i], n) for i, n in enumerate((width, height, depth))]
    low = [value.floor() for value in at]
    indices: list[Tensor] = []
    weights: list[Tensor] = []
    for step in product((0, 1), repeat=3):
        index, weight = torch.zeros_like(at[0]), torch.ones_like(at[0])
        for axis, (n, stride) in enumerate(((width, 1), (height, width), (depth, width * height))):
            place = low[axis] + step[axis]
            part = at[axis] - low[axis] if step[axis] else 1 - (at[axis] - low[axis])
            weight = weight * part * ((place >= 0) & (place < n))
            index = index + place.clamp(0, n - 1) * stride
        indices.append(index)
        weights.append(weight)
    # Voxel indices stay below 2 ** 24, so that single precision holds them exactly.
    return torch.stack(indices, -1).long(), torch.stack(weights, -1)


def gather(table: Tensor, indices: Tensor, weights: Tensor) -> Tensor:
    """Rows of `table` (V, C) at `indices` (N, 8), weighted by `weights` (N, 8) and summed: (N, C)."""
    if table.device.type == "mps":  # whose embedding_bag takes no weights
        return (table[indices] * weights.to(table.dtype).unsqueeze(-1)).sum(1)
    return functional.embedding_bag(indices, table, mode="sum", per_sample_weights=weights.to(table.dtype))
