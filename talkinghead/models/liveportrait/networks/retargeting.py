"""S, R_lip and R_eye: small multilayer perceptrons on keypoints."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn


class Retargeting(nn.Module):
    """(B, widths[0]) -> (B, widths[-1]): linear layers with ReLU between them."""

    def __init__(self, *widths: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for narrow, wide in pairwise(widths):
            layers += [nn.Linear(narrow, wide), nn.ReLU()]
        self.mlp = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.mlp(x)
        return out


def stitching() -> Retargeting:
    """(kp_source 63, kp_driving 63) -> (keypoint deltas 63, tx, ty): keeps the shoulders where they are."""
    return Retargeting(126, 128, 128, 64, 65)


def lip_retargeting() -> Retargeting:
    """(kp_source 63, source lip ratio, target lip ratio) -> keypoint deltas 63."""
    return Retargeting(65, 128, 128, 64, 63)


def eye_retargeting() -> Retargeting:
    """(kp_source 63, source left and right eye ratio, target eye ratio) -> keypoint deltas 63."""
    return Retargeting(66, 256, 256, 128, 128, 64, 63)
