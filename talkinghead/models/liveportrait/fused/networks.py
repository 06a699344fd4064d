"""W and G, fused, in a row."""

from __future__ import annotations

from torch import Tensor, nn

from talkinghead.models.liveportrait.fast.generator import FastGenerator
from talkinghead.models.liveportrait.fast.warping import FastWarping, Source
from talkinghead.models.liveportrait.fused.generator import FusedGenerator
from talkinghead.models.liveportrait.fused.warping import FusedWarping


class FusedNetworks(nn.Module):
    """Keypoints to frames, sharing the weights of the networks they are made from."""

    def __init__(self, warping: FastWarping, generator: FastGenerator) -> None:
        super().__init__()
        self.warping, self.generator = FusedWarping(warping), FusedGenerator(generator)
        self.eval().requires_grad_(False)

    def forward(self, source: Source, kp_driving: Tensor, kp_source: Tensor) -> Tensor:
        """Keypoints (B, K, 3) float32 each, dense -> frames (B, 512, 512, 3) uint8 RGB."""
        pictures: Tensor = self.generator(self.warping(source, kp_driving, kp_source))
        return pictures
