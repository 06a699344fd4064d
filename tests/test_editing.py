"""Controls and blendshapes as one frame of motion."""

import numpy as np
import pytest

from talkinghead.core.errors import InputError
from talkinghead.core.settings import Settings
from talkinghead.media.images import read_image
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX
from talkinghead.motion.controls import CONTROLS, Editor, Sheet, controls_to_motion


def weight(motion, name):
    return float(motion.blendshapes[0, BLENDSHAPE_INDEX[name]])


def test_both_sides_of_a_control():
    assert weight(controls_to_motion({"smile": 0.6}), "mouthSmileLeft") == pytest.approx(0.6)
    assert weight(controls_to_motion({"smile": -0.6}), "mouthFrownRight") == pytest.approx(0.6)
    assert weight(controls_to_motion({"smile": -0.6}), "mouthSmileLeft") == 0


def test_looking_to_the_person_s_left_turns_both_eyes_that_way():
    motion = controls_to_motion({"gaze_x": 0.5})
    assert weight(motion, "eyeLookOutLeft") == weight(motion, "eyeLookInRight") == pytest.approx(0.5)
    # In LivePortrait's keypoints that is to the picture's right.
    assert motion.expression[0, 11, 0] > 0
    assert motion.expression[0, 15, 0] > 0


def test_pose_and_any_arkit_name():
    motion = controls_to_motion({"yaw": 12, "pitch": -3, "zoom": 1.1, "x": 0.1, "jawOpen": 0.3})
    np.testing.assert_allclose(motion.rotation[0], [-3, 12, 0])
    np.testing.assert_allclose(motion.translation[0], [0.1, 0, 0], atol=1e-7)
    assert motion.scale[0] == pytest.approx(1.1)
    assert weight(motion, "jawOpen") == pytest.approx(0.3)


def test_nothing_asked_is_rest():
    motion = controls_to_motion({})
    assert not motion.blendshapes.any()
    assert not motion.rotation.any()


@pytest.mark.parametrize("name", CONTROLS)
def test_every_control_does_something(name):
    rest, moved = controls_to_motion({}), controls_to_motion({name: 0.5})
    parts = ("blendshapes", "rotation", "translation", "scale")
    assert any(not np.array_equal(getattr(rest, part), getattr(moved, part)) for part in parts)


@pytest.mark.parametrize(
    ("controls", "message"),
    [
        ({"smiel": 1}, "no control 'smiel'"),
        ({"smile": 2}, "between -1 and 1"),
        ({"jawOpen": -0.1}, "between 0 and 1"),
        ({"yaw": 90}, "between -30 and 30"),
        ({"yaw": float("nan")}, "between -30 and 30"),
    ],
)
def test_unknown_names_and_values_out_of_range_are_refused(controls, message):
    with pytest.raises(InputError, match=message):
        controls_to_motion(controls)


@pytest.mark.parametrize("name", ["astronaut.png", "grace_hopper.jpg"])
def test_an_edit_of_nothing_leaves_the_picture_as_it_is(examples, name):
    editor = Editor(examples / name, Settings(renderer="warp"))
    np.testing.assert_array_equal(editor.draw({}), read_image(examples / name).pixels)


def test_an_edit_changes_the_face_and_not_the_corners(examples):
    before = read_image(examples / "astronaut.png").pixels.astype(int)
    after = Editor(examples / "astronaut.png", Settings(renderer="warp")).draw({"smile": 0.8, "blink": 1})
    change = np.abs(after - before).max(axis=2)
    assert change[90:190, 180:270].max() > 40
    assert change[:20, :20].max() == 0
    assert change[400:].max() == 0


def test_a_sheet_has_a_cell_for_every_value(examples):
    editor = Editor(examples / "astronaut.png", Settings(renderer="warp", framing="crop"))
    sheet = editor.draw_sheet({}, [Sheet("smile", (0, 1)), Sheet("yaw", (-5, 0, 5))], cell_px=100)
    assert sheet.shape[0] == 3 * 128
    cells = np.split(sheet, 2, axis=1)
    assert not np.array_equal(*cells)
