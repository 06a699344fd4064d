"""Turning parts of a motion up and down."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from talkinghead.core.errors import InputError
from talkinghead.core.settings import Gains, Settings, parse_fps
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX
from talkinghead.motion.gains import apply_gains
from talkinghead.motion.motion import Motion, Rest

JAW, BLINK, BROW = (BLENDSHAPE_INDEX[name] for name in ("jawOpen", "eyeBlinkLeft", "browInnerUp"))


@pytest.fixture
def motion():
    weights = np.full((3, 52), 0.4, np.float32)
    return Motion.from_blendshapes(
        weights, Fraction(25), rotation=np.full((3, 3), 6.0), translation=np.full((3, 3), 0.1), scale=[1.1, 1.2, 1.3]
    )


def test_neutral_gains_change_nothing(motion):
    assert apply_gains(motion, Gains()) is motion


@pytest.mark.parametrize(("part", "shape"), [("mouth", JAW), ("blink", BLINK), ("expression", BROW)])
def test_each_gain_reaches_its_part_alone(motion, part, shape):
    changed = apply_gains(motion, Gains(**{part: 0.5}))
    for other in (JAW, BLINK, BROW):
        assert changed.blendshapes[0, other] == pytest.approx(0.2 if other == shape else 0.4)
    np.testing.assert_array_equal(changed.rotation, motion.rotation)


def test_still_freezes_the_head_and_nothing_else(motion):
    changed = apply_gains(motion, Gains(), still=True)
    assert not changed.rotation.any()
    assert not changed.translation.any()
    np.testing.assert_allclose(changed.scale, 1)
    np.testing.assert_array_equal(changed.blendshapes, motion.blendshapes)


def test_gains_count_from_the_driver_s_rest():
    rest = Rest(rotation=np.array([10, 0, 0], np.float32), scale=2.0)
    driven = Motion.from_blendshapes(np.zeros((1, 52)), Fraction(25), rotation=[[16, 0, 0]], scale=[3.0], rest=rest)
    changed = apply_gains(driven, Gains(head=0.5))
    assert changed.rotation[0, 0] == pytest.approx(13)
    assert changed.scale[0] == pytest.approx(2 * 1.5**0.5)


def test_weights_stay_within_bounds(motion):
    assert apply_gains(motion, Gains(mouth=3)).blendshapes.max() <= 1


@pytest.mark.parametrize("gain", [-0.1, 3.1, float("nan")])
def test_senseless_gains_are_refused(gain):
    with pytest.raises(InputError, match="between 0 and 3"):
        Gains(head=gain)


@pytest.mark.parametrize(
    ("text", "rate"),
    [("25", 25), ("29.97", Fraction(30000, 1001)), ("23.976", Fraction(24000, 1001)), ("59.94", Fraction(60000, 1001)),
     ("30000/1001", Fraction(30000, 1001)), ("12.5", Fraction(25, 2))],
)  # fmt: skip
def test_frame_rates_as_people_write_them(text, rate):
    assert parse_fps(text) == rate


@pytest.mark.parametrize("text", ["fast", "1/0", ""])
def test_what_is_no_frame_rate_is_refused(text):
    with pytest.raises(InputError, match="not a frame rate"):
        parse_fps(text)


@pytest.mark.parametrize("fps", [Fraction(0), Fraction(-25), Fraction(1000)])
def test_senseless_frame_rates_are_refused(fps):
    with pytest.raises(InputError, match="between 1 and"):
        Settings(fps=fps)


def test_settings_from_python_may_be_plain_values():
    settings = Settings(fps="29.97", checkpoints="weights")
    assert settings.fps == Fraction(30000, 1001)
    assert settings.checkpoints == Path("weights")
    assert Settings(fps=25).fps == Fraction(25)
    with pytest.raises(InputError, match="seed"):
        Settings(seed=-1)
