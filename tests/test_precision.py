"""The neural renderer's precision: full where a picture or two gain no time by less, what was asked for elsewhere."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import talkinghead
from talkinghead.core.device import FEW_FRAMES
from talkinghead.core.settings import Settings
from talkinghead.models.liveportrait.engine import Engine
from talkinghead.motion.motion import Motion
from talkinghead.renderers import liveportrait
from talkinghead.renderers.liveportrait import LivePortraitRenderer
from tests.liveportrait import narrow


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The precisions for which the renderer is opened; narrow networks with random weights stand in for the real."""
    precisions: list[str] = []

    def opened(settings: Settings) -> LivePortraitRenderer:
        precisions.append(settings.precision)
        return LivePortraitRenderer(Engine(narrow.models()), settings.liveportrait)

    monkeypatch.setattr(liveportrait, "open_renderer", opened)
    return precisions


def still(frames: int) -> Motion:
    return Motion.from_blendshapes(np.zeros((frames, 52)), Fraction(25))


def test_a_few_frames_are_drawn_in_full_precision(asked: list[str], examples: Path) -> None:
    face = examples / "astronaut.png"
    talkinghead.edit(face, {"smile": 0.5}, renderer="liveportrait")
    talkinghead.animate(face, still(FEW_FRAMES), renderer="liveportrait")
    talkinghead.animate(face, examples / "grace_hopper.jpg", single=True, renderer="liveportrait")
    assert asked == ["fp32"] * 3


def test_many_frames_are_drawn_as_the_device_likes_it_and_a_wish_is_a_wish(asked: list[str], examples: Path) -> None:
    face = examples / "astronaut.png"
    talkinghead.animate(face, still(FEW_FRAMES + 1), renderer="liveportrait")
    talkinghead.Avatar(face, renderer="liveportrait")
    talkinghead.animate(face, still(1), renderer="liveportrait", precision="bf16")
    assert asked == ["auto", "auto", "bf16"]
