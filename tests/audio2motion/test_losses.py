"""The terms of the loss: what is unknown teaches nothing, and noise teaches only that nobody speaks."""

from __future__ import annotations

import torch

from audio2motion.network.model import Output
from audio2motion.phones import VISEMES
from audio2motion.targets import LIP_BLENDSHAPES
from audio2motion.training.losses import MotionLoss

CHANNELS = len(LIP_BLENDSHAPES)


def output(steps: int = 60) -> Output:
    torch.manual_seed(0)
    parts = torch.rand(2, steps, CHANNELS), torch.randn(2, steps, len(VISEMES)), torch.zeros(2, steps)
    return Output(*(part.requires_grad_() for part in parts))


def test_unknown_lips_teach_nothing() -> None:
    said, wanted = output(), torch.zeros(2, 60, CHANNELS)
    wanted[1] = torch.nan
    visemes = torch.full((2, 60), VISEMES.index("a"))
    sum(MotionLoss(LIP_BLENDSHAPES)(said, wanted, visemes).values()).backward()
    for part in (said.motion, said.visemes):
        assert part.grad is not None
        assert part.grad[0].abs().sum() > 0
        assert part.grad[1].abs().sum() == 0


def test_noise_teaches_that_nobody_speaks_and_speech_that_somebody_does() -> None:
    said, wanted = output(), torch.full((2, 60, CHANNELS), torch.nan)
    visemes = torch.zeros(2, 60, dtype=torch.int64)
    visemes[1, 40:] = VISEMES.index("a")
    MotionLoss(LIP_BLENDSHAPES)(said, wanted, visemes)["voice_activity"].backward()
    assert said.voice_activity.grad is not None
    assert (said.voice_activity.grad[0] > 0).all()
    assert (said.voice_activity.grad[1, :25] > 0).all()
    assert (said.voice_activity.grad[1, 25:] < 0).all()  # from 300 ms before it


def test_where_sounds_are_unknown_presence_is_not_taught() -> None:
    said = output()
    terms = MotionLoss(LIP_BLENDSHAPES)(said, torch.zeros(2, 60, CHANNELS), torch.full((2, 60), -100))
    assert set(terms) == {"shape", "velocity", "opening", "width"}
