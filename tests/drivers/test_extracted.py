"""Drivers read by LivePortrait's motion extractor."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from talkinghead.core.errors import FaceError
from talkinghead.core.types import Image
from talkinghead.drivers.liveportrait import ExtractedMotionSource, ExtractedPictureSource
from talkinghead.media.images import read_image
from talkinghead.models.liveportrait.engine import Engine
from talkinghead.motion.motion import Motion
from tests.liveportrait import narrow

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(narrow.models())


@pytest.fixture(scope="module")
def portrait() -> Image:
    return read_image(next(path for path in sorted(EXAMPLES.iterdir()) if path.suffix in (".png", ".jpg")))


def test_a_clip_is_relative_to_its_first_frame(engine: Engine, portrait: Image) -> None:
    dark = np.zeros_like(portrait.pixels)
    pictures = [portrait.pixels, np.roll(portrait.pixels, 5, 1), dark]
    source = ExtractedMotionSource(pictures, Fraction(30), engine, frames=3)
    motion = Motion.concatenate(list(source))
    assert len(motion) == 3
    assert motion.view == "expression"
    np.testing.assert_array_equal(motion.rest.rotation, motion.rotation[0])
    assert (source.report.frames, source.report.lost, source.report.gaps) == (3, 1, 1)
    # What was not measured holds the last measurement.
    assert motion.lip_ratio is not None
    assert motion.lip_ratio[2] == motion.lip_ratio[1]


def test_no_face_is_said_with_the_drivers_name(engine: Engine) -> None:
    dark = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(FaceError, match=r"dark\.mp4: no frame shows a face"):
        list(ExtractedMotionSource([dark, dark], Fraction(25), engine, name="dark.mp4"))


def test_a_picture_eases_from_rest_into_its_expression_and_back(engine: Engine, portrait: Image) -> None:
    one = next(iter(ExtractedPictureSource(portrait, engine)))
    clip = ExtractedPictureSource(portrait, engine, clip=True)
    motion = next(iter(clip))
    assert len(one) == 1
    assert len(motion) == clip.frames
    np.testing.assert_allclose(motion.expression[[0, -1]], np.stack([one.rest.expression] * 2), atol=1e-6)
    np.testing.assert_allclose(motion.expression[len(motion) // 2], one.expression[0], atol=1e-6)
