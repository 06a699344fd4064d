"""Turning parts of a motion up and down."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from talkinghead.core.settings import Gains
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX
from talkinghead.motion.gains import apply_gains
from talkinghead.motion.motion import Motion, Rest

JAW, BLINK, BROW = (BLENDSHAPE_INDEX[name] for name in ("jawOpen", "eyeBlinkLeft", "browInnerUp"))


@pytest.fixture
def motion() -> Motion:
    weights = np.full((3, 52), 0.4, np.float32)
    return Motion.from_blendshapes(
        weights, Fraction(25), rotation=np.full((3, 3), 6.0), translation=np.full((3, 3), 0.1), scale=[1.1, 1.2, 1.3]
    )


def test_neutral_gains_change_nothing(motion: Motion) -> None:
    assert apply_gains(motion, Gains()) is motion


@pytest.mark.parametrize(
    ("gains", "shape"), [(Gains(mouth=0.5), JAW), (Gains(blink=0.5), BLINK), (Gains(expression=0.5), BROW)]
)
def test_each_gain_reaches_its_part_alone(motion: Motion, gains: Gains, shape: int) -> None:
    changed = apply_gains(motion, gains)
    for other in (JAW, BLINK, BROW):
        assert changed.blendshapes[0, other] == pytest.approx(0.2 if other == shape else 0.4)
    np.testing.assert_array_equal(changed.rotation, motion.rotation)


def test_still_freezes_the_head_and_nothing_else(motion: Motion) -> None:
    changed = apply_gains(motion, Gains(), still=True)
    assert not changed.rotation.any()
    assert not changed.translation.any()
    np.testing.assert_allclose(changed.scale, 1)
    np.testing.assert_array_equal(changed.blendshapes, motion.blendshapes)


def test_gains_count_from_the_drivers_rest() -> None:
    rest = Rest(rotation=np.array([10, 0, 0], np.float32), scale=2.0)
    driven = Motion.from_blendshapes(np.zeros((1, 52)), Fraction(25), rotation=[[16, 0, 0]], scale=[3.0], rest=rest)
    changed = apply_gains(driven, Gains(head=0.5))
    assert changed.rotation[0, 0] == pytest.approx(13)
    assert changed.scale[0] == pytest.approx(2 * 1.5**0.5)


def test_weights_stay_within_bounds(motion: Motion) -> None:
    assert apply_gains(motion, Gains(mouth=3)).blendshapes.max() <= 1
