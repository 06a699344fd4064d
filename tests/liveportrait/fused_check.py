"""A program: what the fused networks answer, and the ones they are made from, by Triton's interpreter on the CPU.

Prints the largest difference of W for a picture and for a video, the largest value there, and the largest difference of
G's pictures, in grey levels. A program of its own, because the interpreter is chosen before Triton is imported.
"""

import os

os.environ["TRITON_INTERPRET"] = "1"

import torch

from talkinghead.models.liveportrait.fast.fold import channels_last
from talkinghead.models.liveportrait.fast.generator import FastGenerator
from talkinghead.models.liveportrait.fast.warping import FastWarping
from talkinghead.models.liveportrait.fused.generator import FusedGenerator
from talkinghead.models.liveportrait.fused.warping import FusedWarping
from talkinghead.models.liveportrait.networks.warping import DenseMotion, WarpingModule
from tests.liveportrait import narrow


def main() -> None:
    """See the module."""
    torch.manual_seed(0)
    network = WarpingModule(channels=4, depth=2, expansion=4, widest=16, compressed=1, out=16)
    # Three levels, the least that has a step of each kind: the interpreter takes seconds for a network of five.
    network.dense_motion_network = DenseMotion(4, 2, expansion=4, levels=3, widest=16, compressed=1)
    warping = channels_last(FastWarping(narrow.randomised(network, 6)))
    with torch.inference_mode():
        for pictures in (1, 2):
            source = warping.prepare(torch.rand(pictures, 4, 2, 8, 8))
            driving, still = torch.rand(pictures, 21, 3) - 0.5, torch.rand(pictures, 21, 3) - 0.5
            expected, answer = warping(source, driving, still), FusedWarping(warping)(source, driving, still)
            print(float((answer - expected).abs().max()), float(expected.abs().max()))
        generator = channels_last(FastGenerator(narrow.models().generator))
        guide = torch.rand(2, 16, 3, 3).contiguous(memory_format=torch.channels_last)
        levels = (generator(guide).clamp(0, 1) * 255).permute(0, 2, 3, 1)
        print(float((FusedGenerator(generator)(guide) - levels.floor()).abs().max()))


if __name__ == "__main__":
    main()
