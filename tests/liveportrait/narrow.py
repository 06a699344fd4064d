"""LivePortrait's networks with few channels and random weights: real code, quick enough for tests."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

from talkinghead.models.liveportrait.networks import retargeting
from talkinghead.models.liveportrait.networks.appearance import AppearanceExtractor
from talkinghead.models.liveportrait.networks.blocks import SpectralConv2d
from talkinghead.models.liveportrait.networks.generator import Generator
from talkinghead.models.liveportrait.networks.motion import MotionExtractor
from talkinghead.models.liveportrait.networks.warping import WarpingModule
from talkinghead.models.liveportrait.weights import Models

Module = TypeVar("Module", bound=nn.Module)


def randomised(network: Module, seed: int) -> Module:
    """`network` with every parameter and running statistic drawn, so that no term vanishes."""
    generator = torch.Generator().manual_seed(seed)

    def draw(tensor: torch.Tensor) -> torch.Tensor:
        return torch.randn(tensor.shape, generator=generator)

    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith("running_var"):
                tensor.copy_(1 + 0.3 * draw(tensor).abs())
            elif name.endswith(("weight_u", "weight_v")):
                tensor.copy_(nn.functional.normalize(draw(tensor), dim=0))
            elif tensor.ndim >= 2 and not name.endswith(("gamma", "beta")):
                tensor.copy_(draw(tensor) / tensor[0].numel() ** 0.5)
            elif tensor.is_floating_point():
                tensor.copy_(0.1 * draw(tensor) + float(name.endswith("weight") and tensor.ndim == 1))
    return network.eval().requires_grad_(False)


def models(seed: int = 0) -> Models:
    """All seven networks for 256x256 pictures; spectral norms are near what power iteration would give."""
    generator = randomised(Generator(width=4, hidden=8), seed)
    for part in generator.modules():
        if isinstance(part, SpectralConv2d):
            left, _, right = torch.linalg.svd(part.weight_orig.flatten(1), full_matrices=False)
            part.weight_u.copy_(left[:, 0])
            part.weight_v.copy_(right[0])
    motion = randomised(MotionExtractor((1, 1, 1, 1), (8, 8, 16, 16)), seed + 1)
    # Keypoints of a believable size: scale about 1, expression small.
    motion.detector.fc_scale.weight.mul_(0.05)
    motion.detector.fc_scale.bias.fill_(1.0)
    for head in (motion.detector.fc_exp, motion.detector.fc_t):
        head.weight.mul_(0.05)
    motion.detector.fc_kp.weight.mul_(0.3)
    builders = retargeting.stitching, retargeting.lip_retargeting, retargeting.eye_retargeting
    stitching, lip, eye = (randomised(build(), seed + 3 + i) for i, build in enumerate(builders))
    for network in (stitching, lip, eye):
        last = network.mlp[-1]
        assert isinstance(last, nn.Linear)
        last.weight.mul_(0.05)
    return Models(
        randomised(AppearanceExtractor(width=4, channels=4, depth=2), seed + 2),
        motion,
        randomised(WarpingModule(channels=4, depth=2, expansion=4, widest=16, compressed=1, out=16), seed + 6),
        generator,
        stitching,
        lip,
        eye,
    )
