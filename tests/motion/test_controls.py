"""Controls and blendshapes as one frame of motion."""

from __future__ import annotations

import numpy as np
import pytest

from talkinghead.core.emotions import EMOTIONS
from talkinghead.core.errors import InputError
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX
from talkinghead.motion.controls import CONTROLS, controls_to_motion
from talkinghead.motion.motion import Motion


def weight(motion: Motion, name: str) -> float:
    return float(motion.blendshapes[0, BLENDSHAPE_INDEX[name]])


def test_both_sides_of_a_control() -> None:
    assert weight(controls_to_motion({"smile": 0.6}), "mouthSmileLeft") == pytest.approx(0.6)
    assert weight(controls_to_motion({"smile": -0.6}), "mouthFrownRight") == pytest.approx(0.6)
    assert weight(controls_to_motion({"smile": -0.6}), "mouthSmileLeft") == 0


def test_looking_to_the_persons_left_turns_both_eyes_that_way() -> None:
    motion = controls_to_motion({"gaze_x": 0.5})
    assert weight(motion, "eyeLookOutLeft") == weight(motion, "eyeLookInRight") == pytest.approx(0.5)
    # In LivePortrait's keypoints that is to the picture's right.
    assert motion.expression[0, 11, 0] > 0
    assert motion.expression[0, 15, 0] > 0


def test_pose_and_any_arkit_name() -> None:
    motion = controls_to_motion({"yaw": 12, "pitch": -3, "zoom": 1.1, "x": 0.1, "jawOpen": 0.3})
    np.testing.assert_allclose(motion.rotation[0], [-3, 12, 0])
    np.testing.assert_allclose(motion.translation[0], [0.1, 0, 0], atol=1e-7)
    assert motion.scale[0] == pytest.approx(1.1)
    assert weight(motion, "jawOpen") == pytest.approx(0.3)


def test_nothing_asked_is_rest() -> None:
    motion = controls_to_motion({})
    assert len(motion) == 1
    assert not motion.blendshapes.any()
    assert not motion.expression.any()
    assert not motion.rotation.any()
    assert not motion.translation.any()
    assert motion.scale.tolist() == [1]


@pytest.mark.parametrize("name", [*CONTROLS, *EMOTIONS])
def test_every_control_does_something(name: str) -> None:
    rest, moved = controls_to_motion({}), controls_to_motion({name: 0.5})
    pairs = [
        (rest.blendshapes, moved.blendshapes), (rest.rotation, moved.rotation),
        (rest.translation, moved.translation), (rest.scale, moved.scale),
    ]  # fmt: skip
    assert sum(not np.array_equal(before, after) for before, after in pairs) == 1


@pytest.mark.parametrize(
    ("controls", "message"),
    [
        ({"smiel": 1}, "no control 'smiel'"),
        ({"smile": 2}, "between -1 and 1"),
        ({"jawOpen": -0.1}, "between 0 and 1"),
        ({"happy": -0.1}, "between 0 and 1"),
        ({"yaw": 90}, "between -30 and 30"),
        ({"yaw": float("nan")}, "between -30 and 30"),
    ],
)
def test_unknown_names_and_values_out_of_range_are_refused(controls: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        controls_to_motion(controls)
