"""Motion: the one currency between what drives and what draws."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from talkinghead.core.errors import MotionError
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX
from talkinghead.motion.motion import Motion, Rest


def ramp(frames: int, fps: Fraction = Fraction(25)) -> Motion:
    weights = np.zeros((frames, 52), np.float32)
    weights[:, BLENDSHAPE_INDEX["jawOpen"]] = np.linspace(0, 1, frames)
    return Motion.from_blendshapes(weights, fps, rotation=np.outer(np.arange(frames), [0, 1, 0]))


def test_both_views_say_the_same() -> None:
    motion = ramp(11)
    np.testing.assert_allclose(motion.expression[:, 19, 1], np.linspace(0, 0.1, 11), atol=1e-6)
    assert motion.view == "blendshapes"


def test_from_expression_fits_what_moved_from_the_rest() -> None:
    rest = Rest(expression=np.random.default_rng(0).normal(0, 0.05, (21, 3)).astype(np.float32))
    deltas = np.repeat(rest.expression[None], 3, axis=0)
    deltas[2, 19, 1] += 0.05
    motion = Motion.from_expression(deltas, Fraction(25), rest=rest)
    jaw = motion.blendshapes[:, BLENDSHAPE_INDEX["jawOpen"]]
    assert jaw[0] == pytest.approx(0, abs=1e-4)
    assert jaw[2] > 0.2
    assert motion.view == "expression"


def test_slices_and_concatenation_are_inverse() -> None:
    motion = ramp(10)
    again = Motion.concatenate([motion[:4], motion[4:5], motion[5:]])
    np.testing.assert_array_equal(again.blendshapes, motion.blendshapes)
    np.testing.assert_array_equal(again.rotation, motion.rotation)
    assert again.fps == motion.fps


@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(25), Fraction(30), Fraction(60), Fraction(1)])
def test_resampling_keeps_the_duration_to_within_a_frame(fps: Fraction) -> None:
    motion = ramp(250)
    other = motion.resampled(fps)
    assert other.fps == fps
    assert abs(len(other) / fps - len(motion) / motion.fps) <= 1 / fps
    assert np.all(np.diff(other.blendshapes[:, BLENDSHAPE_INDEX["jawOpen"]]) >= 0)


def test_weights_are_held_within_bounds() -> None:
    motion = Motion.from_blendshapes(np.full((2, 52), 1.7), Fraction(25))
    assert motion.blendshapes.max() == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Motion.from_blendshapes(np.zeros((2, 51)), Fraction(25)), r"\(T, 52\)"),
        (lambda: Motion.from_blendshapes(np.zeros((0, 52)), Fraction(25)), "at least one frame"),
        (lambda: Motion.from_blendshapes(np.zeros((2, 52)), Fraction(0)), "must be positive"),
        (lambda: Motion.from_blendshapes(np.full((2, 52), np.nan), Fraction(25)), "not finite"),
        (lambda: Motion.from_blendshapes(np.zeros((2, 52)), Fraction(25), rotation=np.zeros((3, 3))), "rotation"),
        (lambda: Motion.from_expression(np.zeros((2, 20, 3)), Fraction(25)), r"\(T, 21, 3\)"),
        (lambda: Motion.concatenate([]), "no motion"),
        (lambda: Motion.concatenate([ramp(2), ramp(2, Fraction(30))]), "share their frame rate"),
    ],
)
def test_what_is_not_a_motion_is_refused(make: Callable[[], Motion], message: str) -> None:
    with pytest.raises(MotionError, match=message):
        make()
