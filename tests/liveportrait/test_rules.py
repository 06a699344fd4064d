"""LivePortrait's motion rules against a second, plain reading of them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from talkinghead.core.errors import InputError, MotionError
from talkinghead.core.renderer_options import LivePortraitOptions, Region
from talkinghead.models.liveportrait.crop import Ratios
from talkinghead.models.liveportrait.head import Head, rotation_matrix
from talkinghead.models.liveportrait.weights import Models
from talkinghead.motion.motion import Motion, Rest
from talkinghead.renderers.liveportrait.animate import Animator, SourceState, source_state
from tests.liveportrait.plain_rules import LIPS, Array, Options, Plain

DRAWN = np.random.RandomState(3)


@pytest.fixture(scope="module")
def source() -> tuple[SourceState, Array]:
    """A source of one picture and its pose in degrees."""
    degrees = np.array([4.0, -12.0, 7.0])
    head = Head(
        torch.tensor(0.03 * DRAWN.randn(1, 21, 3), dtype=torch.float32),
        rotation_matrix(torch.tensor(degrees[None], dtype=torch.float32)),
        torch.tensor(0.1 * DRAWN.randn(1, 3), dtype=torch.float32),
        torch.tensor([[1.3]]),
    )
    kp = torch.tensor(0.3 * DRAWN.randn(1, 21, 3), dtype=torch.float32)
    return source_state(kp, head, [Ratios(np.array([0.3, 0.34], np.float32), 0.12)]), degrees


@pytest.fixture(scope="module")
def motion() -> Motion:
    """Four frames whose rest is the first."""
    exp, rotation, t = 0.03 * DRAWN.randn(4, 21, 3), 8 * DRAWN.randn(4, 3), 0.05 * DRAWN.randn(4, 3)
    scale = 1.2 + 0.05 * DRAWN.randn(4)
    rest = Rest(
        expression=exp[0].astype(np.float32),
        rotation=rotation[0].astype(np.float32),
        translation=t[0].astype(np.float32),
        scale=float(scale[0]),
    )
    return Motion.from_expression(exp, Fraction(25), rotation=rotation, translation=t, scale=scale, rest=rest,
                                  eye_ratio=0.3 + 0.1 * DRAWN.rand(4, 2), lip_ratio=0.3 * DRAWN.rand(4))  # fmt: skip


def animate(models: Models, options: Options, source: SourceState, motion: Motion, single: bool = False) -> Array:
    animator = Animator(models, LivePortraitOptions(**options), single)
    # One frame first, then the rest: batches must not change anything.
    parts = [motion] if len(motion) == 1 else [motion[:1], motion[1:]]
    x = [animator.keypoints(source, part, animator.moved(source, part)) for part in parts]
    answer: Array = torch.cat(x).double().numpy()
    return answer


REGIONS: tuple[Region, ...] = ("exp", "pose", "lip", "eyes")
CASES: list[Options] = [
    {},
    *[Options(region=region) for region in REGIONS],
    *[Options(region=region, absolute=True) for region in ("all", *REGIONS)],
    {"absolute": True, "driving_option": "pose-friendly"},
    {"absolute": True, "normalize_lip": True},
    {"absolute": True, "normalize_lip": True, "eye_retargeting": True, "stitching": False},
    {"driving_option": "pose-friendly", "stitching": False},
    {"stitching": False, "multiplier": 1.7},
    {"multiplier": 0.4, "absolute": True},
    {"normalize_lip": True, "multiplier": 1.5},
    {"lip_retargeting": True},
    {"eye_retargeting": True, "stitching": False},
    {"lip_retargeting": True, "eye_retargeting": True, "absolute": True},
    {"lip_retargeting": True, "normalize_lip": True, "region": "lip"},
]


@pytest.mark.parametrize("options", CASES, ids=str)
def test_keypoints_follow_the_rules(
    models: Models, source: tuple[SourceState, Array], motion: Motion, options: Options
) -> None:
    state, degrees = source
    plain = Plain(state, degrees, motion, models, options)
    expected = np.stack([plain.frame(i) for i in range(len(motion))])
    np.testing.assert_allclose(animate(models, options, state, motion), expected, atol=3e-6)


def test_replaced_keypoints_take_the_drivers_expression(
    models: Models, source: tuple[SourceState, Array], motion: Motion
) -> None:
    state, degrees = source
    driver = replace(motion, rest=Rest(replaced_keypoints=tuple(LIPS)))
    plain = Plain(state, degrees, driver, models, {})
    expected = np.stack([plain.frame(i) for i in range(len(motion))])
    np.testing.assert_allclose(animate(models, {}, state, driver), expected, atol=3e-6)
    adding = animate(models, {}, state, replace(motion, rest=Rest()))
    assert np.abs(adding - expected).max() > 1e-3


def test_first_frame_of_relative_motion_is_the_source_itself(
    models: Models, source: tuple[SourceState, Array], motion: Motion
) -> None:
    state, _ = source
    x = animate(models, {"stitching": False}, state, motion)
    np.testing.assert_allclose(x[0], state.x[0].double().numpy(), atol=2e-6)
    assert np.abs(x[1] - x[0]).max() > 0.01


def test_single_driving_picture_is_relative_to_neutral_lips(
    models: Models, source: tuple[SourceState, Array], motion: Motion
) -> None:
    state, degrees = source
    neutral = np.zeros((21, 3), np.float32)
    neutral[14], neutral[17] = (-0.0008, -0.0018, 0), (-0.0006, -0.0012, 0.0001)
    neutral[19], neutral[20] = (0, -0.0151, -0.0025), (0.0002, 0.0056, 0.0027)
    answer = animate(models, {}, state, motion[:1], single=True)
    expected = Plain(state, degrees, replace(motion[:1], rest=replace(motion.rest, expression=neutral)), models, {})
    np.testing.assert_allclose(answer[0], expected.frame(0), atol=3e-6)
    # Absolute: as it is, since moving by what changed since the first frame would leave nothing.
    absolute = animate(models, {"absolute": True, "stitching": False}, state, motion[:1], single=True)
    plain = Plain(state, degrees, motion[:1], models, {"absolute": True})
    np.testing.assert_allclose(absolute[0], plain.animated(0), atol=3e-6)


def test_driving_option_changes_nothing(models: Models, source: tuple[SourceState, Array], motion: Motion) -> None:
    """Not relative motion, whose factor is 1, nor absolute motion, to which it does not apply."""
    for absolute in (False, True):
        friendly, other = (
            animate(models, {"absolute": absolute, "driving_option": option}, source[0], motion)
            for option in ("expression-friendly", "pose-friendly")
        )
        np.testing.assert_array_equal(friendly, other)


def test_what_absolute_motion_leaves_to_the_source_is_not_smoothed(
    models: Models, source: tuple[SourceState, Array], motion: Motion
) -> None:
    """Of a smoothed expression, absolute motion takes keypoints 1, 2, 6, 11 to 20, and axes of 3, 4, 5, 8 and 9."""
    state, one = source[0], motion[:1]
    exp, rotation = torch.full((1, 21, 3), 9.0), torch.eye(3)[None]
    for absolute in (True, False):
        animator = Animator(models, LivePortraitOptions(absolute=absolute))
        head = animator.smoothed(state, one, animator.moved(state, one), exp, rotation)
        torch.testing.assert_close(head.rotation, rotation)
        taken = {(int(k), int(axis)) for _, k, axis in (head.exp == 9.0).nonzero()}
        whole = {(k, axis) for k in (range(21) if not absolute else (1, 2, 6, *range(11, 21))) for axis in range(3)}
        assert taken == whole | {(3, 1), (4, 1), (5, 2), (8, 2), (9, 1), (9, 2)}
        torch.testing.assert_close(head.exp[head.exp != 9.0], state.head.exp[head.exp != 9.0])


def test_lips_that_are_closed_are_not_normalised(
    models: Models, source: tuple[SourceState, Array], motion: Motion
) -> None:
    closed = source[0]._replace(lip=torch.tensor([[0.0299]]))
    np.testing.assert_array_equal(
        animate(models, {"normalize_lip": True}, closed, motion), animate(models, {}, closed, motion)
    )


def test_retargeting_needs_ratios(models: Models, source: tuple[SourceState, Array], motion: Motion) -> None:
    bare = replace(motion, eye_ratio=None, lip_ratio=None)
    wanted: list[Options] = [{"eye_retargeting": True}, {"lip_retargeting": True}]
    for options in wanted:
        with pytest.raises(MotionError, match=r"no (eye|lip) ratios"):
            animate(models, options, source[0], bare)


@pytest.mark.parametrize("multiplier", [float("nan"), 9.0])
def test_wrong_multipliers_are_refused(multiplier: float) -> None:
    with pytest.raises(InputError, match="multiplier"):
        LivePortraitOptions(multiplier=multiplier)


def test_wrong_words_are_refused() -> None:
    with pytest.raises(InputError, match="no region 'nose'"):
        LivePortraitOptions(region="nose")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no driving option 'friendly'"):
        LivePortraitOptions(driving_option="friendly")  # type: ignore[arg-type]
