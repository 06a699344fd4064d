"""Blendshapes on a portrait: lips and lids go through the networks, the rest through directions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from talkinghead.core.renderer_options import LivePortraitOptions, Region
from talkinghead.models.liveportrait.crop import Ratios
from talkinghead.models.liveportrait.head import Head, rotation_matrix
from talkinghead.models.liveportrait.weights import Models
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX, to_expression
from talkinghead.motion.motion import Motion
from talkinghead.renderers.liveportrait.animate import Animator, SourceState, source_state
from talkinghead.renderers.liveportrait.rules import retarget
from talkinghead.renderers.liveportrait.speech import LIP_RATIO_PER_DELTA, articulate


def motion(frames: list[dict[str, float]], rotation: list[list[float]] | None = None) -> Motion:
    weights = np.zeros((len(frames), 52), np.float32)
    for row, names in zip(weights, frames):
        for name, value in names.items():
            row[BLENDSHAPE_INDEX[name]] = value
    return Motion.from_blendshapes(weights, Fraction(25), rotation=rotation)


@pytest.fixture
def source() -> SourceState:
    draw = torch.Generator().manual_seed(1)
    head = Head(
        torch.zeros(1, 21, 3), rotation_matrix(torch.tensor([[0.0, 10.0, 0.0]])), torch.zeros(1, 3), torch.ones(1, 1)
    )
    return source_state(
        torch.randn(1, 21, 3, generator=draw) * 0.3, head, [Ratios(np.array([0.3, 0.34], np.float32), 0.1)]
    )


def run(
    models: Models, source: SourceState, driver: Motion, region: Region = "all", normalize_lip: bool = False
) -> torch.Tensor:
    options = LivePortraitOptions(stitching=False, region=region, normalize_lip=normalize_lip)
    animator = Animator(models, options)
    return animator.keypoints(source, driver, animator.moved(source, driver))


def test_jaw_becomes_a_lip_ratio_and_nothing_else() -> None:
    said = articulate(motion([{"jawOpen": 0.5}]))
    assert said.lip_ratio[0] == pytest.approx(0.05 * LIP_RATIO_PER_DELTA)
    assert np.abs(said.expression).max() < 1e-6


def test_pressed_lips_are_closed_lips() -> None:
    assert articulate(motion([{"mouthPressLeft": 1.0, "mouthPressRight": 1.0}])).lip_ratio[0] == 0


def test_pucker_and_smile_stay_directions() -> None:
    driver = motion([{"mouthPucker": 1.0}, {"mouthSmileLeft": 0.6}])
    np.testing.assert_allclose(articulate(driver).expression, to_expression(driver.blendshapes), atol=1e-6)


def test_common_blink_goes_to_the_eye_network_and_a_wink_to_directions() -> None:
    said = articulate(motion([{"eyeBlinkLeft": 1.0, "eyeBlinkRight": 0.4}]))
    assert said.closed[0] == pytest.approx(0.4)
    np.testing.assert_allclose(
        said.expression[0], to_expression(motion([{"eyeBlinkLeft": 0.6}]).blendshapes)[0], atol=1e-6
    )


def test_opening_reaches_the_portrait_through_its_own_lips(models: Models, source: SourceState) -> None:
    x = run(models, source, motion([{"jawOpen": 0.6}]))
    target = retarget(models.lip, source.x, torch.tensor([[0.1, 0.6 * 0.1 * LIP_RATIO_PER_DELTA]]))
    itself = retarget(models.lip, source.x, torch.tensor([[0.1, 0.1]]))
    torch.testing.assert_close(x, source.x + target - itself, atol=2e-6, rtol=0)


def test_blink_lowers_the_target_ratio(models: Models, source: SourceState) -> None:
    x = run(models, source, motion([{"eyeBlinkLeft": 0.75, "eyeBlinkRight": 0.75}]), region="eyes")
    eyes = [retarget(models.eye, source.x, torch.tensor([[0.3, 0.34, 0.32 * part]])) for part in (0.25, 1.0)]
    torch.testing.assert_close(x, source.x + eyes[0] - eyes[1], atol=2e-6, rtol=0)


def test_head_turns_relative_to_the_portrait(models: Models, source: SourceState) -> None:
    closed = source._replace(lip=torch.zeros(1, 1))
    x = run(models, closed, motion([{}, {}], rotation=[[0, 0, 0], [0, 5.0, 0]]))
    torch.testing.assert_close(x[0], closed.x[0], atol=1e-6, rtol=0)
    expected = closed.canonical[0] @ rotation_matrix(torch.tensor([[0.0, 15.0, 0.0]]))[0]
    torch.testing.assert_close(x[1], expected, atol=2e-6, rtol=0)


@pytest.mark.parametrize(("region", "lips"), [("lip", True), ("eyes", False), ("pose", False), ("exp", True)])
def test_region_decides_whether_lips_move(models: Models, source: SourceState, region: Region, lips: bool) -> None:
    x = run(models, source, motion([{"jawOpen": 0.8}]), region=region)
    assert ((x - source.x).abs().max() > 1e-4) == lips


def test_lips_are_not_closed_twice(models: Models, source: SourceState) -> None:
    driver = motion([{"jawOpen": 0.3}])
    torch.testing.assert_close(run(models, source, driver, normalize_lip=True), run(models, source, driver))
