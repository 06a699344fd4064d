"""A head as LivePortrait's motion extractor reads it, and its implicit keypoints.

Shapes: B batch (frames), K = 21 keypoints. Keypoints live in the crop: x right, y down, z inward, the crop's edges at
-1 and 1.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

N_KEYPOINTS = 21

_LIP_NEUTRAL = {
    14: (-0.0008, -0.0018, 0.0),
    17: (-0.0006, -0.0012, 0.0001),
    19: (0.0, -0.0151, -0.0025),
    20: (0.0002, 0.0056, 0.0027),
}


class Head(NamedTuple):
    """A head's state: `exp` (B, K, 3), `rotation` (B, 3, 3) for row vectors, `t` (B, 3), `scale` (B, 1)."""

    exp: Tensor
    rotation: Tensor
    t: Tensor
    scale: Tensor


def lip_neutral() -> Tensor:
    """(K, 3): the expression of closed lips, which stands for the rest of a driver that has one frame alone."""
    table = torch.zeros(N_KEYPOINTS, 3)
    for keypoint, values in _LIP_NEUTRAL.items():
        table[keypoint] = torch.tensor(values)
    return table


def rotation_matrix(degrees: Tensor) -> Tensor:
    """(B, 3) pitch, yaw, roll -> (B, 3, 3): (Rz Ry Rx)^T, which rotates row vectors as kp @ R."""
    (cp, cy, cr), (sp, sy, sr) = (
        torch.cos(torch.deg2rad(degrees)).unbind(-1),
        torch.sin(torch.deg2rad(degrees)).unbind(-1),
    )
    rows = [
        torch.stack([cy * cr, cy * sr, -sy], -1),
        torch.stack([sp * sy * cr - cp * sr, sp * sy * sr + cp * cr, sp * cy], -1),
        torch.stack([cp * sy * cr + sp * sr, cp * sy * sr - sp * cr, cp * cy], -1),
    ]
    return torch.stack(rows, -2)


def keypoints(canonical: Tensor, head: Head) -> Tensor:
    """Canonical keypoints (B, K, 3) in the state of `head` -> (B, K, 3): scale * (kp @ R + exp) + (tx, ty, 0)."""
    x = head.scale[:, None] * (canonical @ head.rotation + head.exp)
    return x + head.t[:, None] * x.new_tensor([1.0, 1.0, 0.0])
