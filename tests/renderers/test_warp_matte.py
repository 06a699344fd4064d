"""The matte that is drawn with a portrait: it goes where the skin goes."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from talkinghead.core.types import DrawnCrop, Portrait
from talkinghead.motion.controls import controls_to_motion
from talkinghead.renderers.warp import WarpRenderer

FPS = Fraction(25)


def drawn(renderer: WarpRenderer, portrait: Portrait, **controls: float) -> DrawnCrop:
    motion = controls_to_motion(controls)
    return next(iter(renderer.open(portrait, keep_mouth=True).draw(motion)))


def with_red(portrait: Portrait) -> Portrait:
    """The picture's own red as its matte: wherever skin alone is drawn, both must be the same."""
    return replace(portrait, matte=np.ascontiguousarray(portrait.pixels[..., 0]))


@pytest.mark.parametrize("controls", [{"yaw": 15.0}, {"roll": -12.0, "pitch": 6.0}, {"x": 0.1, "zoom": 1.1}])
def test_it_turns_with_the_head_bit_for_bit(
    renderer: WarpRenderer, portrait: Portrait, controls: dict[str, float]
) -> None:
    moved = drawn(renderer, with_red(portrait), **controls)
    assert moved.matte is not None
    assert (moved.matte != portrait.pixels[..., 0]).mean() > 0.2
    np.testing.assert_array_equal(moved.matte, moved.pixels[..., 0])


def test_it_goes_with_the_jaw(renderer: WarpRenderer, portrait: Portrait) -> None:
    moved = drawn(renderer, with_red(portrait), jaw=0.8, yaw=8.0)
    assert moved.matte is not None
    chin = portrait.landmarks[152, 1].astype(int)
    below = slice(chin - 8, chin + 30)
    off = np.abs(moved.matte[below].astype(int) - moved.pixels[below, :, 0])
    assert off.max() <= 2  # the skin's light changes with the jaw, the matte does not
    assert (off > 0).mean() < 0.02
    assert (moved.matte[below] != portrait.pixels[below, :, 0]).mean() > 0.2


@pytest.mark.parametrize("controls", [{}, {"yaw": 12.0}, {"jaw": 0.5, "smile": 0.4, "blink": 0.5}])
def test_the_picture_is_drawn_as_without_one(
    renderer: WarpRenderer, smiling: Portrait, controls: dict[str, float]
) -> None:
    without, matted = drawn(renderer, smiling, **controls), drawn(renderer, with_red(smiling), **controls)
    assert without.matte is None
    np.testing.assert_array_equal(without.pixels, matted.pixels)


def test_a_face_that_the_picture_cuts_off_keeps_its_size(renderer: WarpRenderer, smiling: Portrait) -> None:
    top = int(smiling.landmarks[10, 1]) + 4
    image = replace(smiling.image, pixels=np.ascontiguousarray(smiling.pixels[top:]))
    face = smiling.face.moved(np.array([[1, 0, smiling.crop.matrix[0, 2]], [0, 1, smiling.crop.matrix[1, 2] - top]]))
    cut = with_red(renderer.crop(image, face, whole=True))
    moved = drawn(renderer, cut, roll=10.0)
    assert moved.matte is not None
    np.testing.assert_array_equal(moved.matte, moved.pixels[..., 0])
