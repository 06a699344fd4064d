"""Drivers read by LivePortrait's motion extractor."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from talkinghead.core.errors import FaceError, InputError
from talkinghead.core.types import Face, Image, Pixels
from talkinghead.drivers.liveportrait import ExtractedVideoDriver, Look, extracted_picture, look
from talkinghead.media.images import read_image
from talkinghead.models.liveportrait.crop import Ratios, mesh_ratios
from talkinghead.models.liveportrait.engine import Engine
from talkinghead.motion.motion import Motion
from talkinghead.motion.protocols import Driver

EXAMPLES = Path(__file__).parents[2] / "examples"
WHOLE = np.array([[2.0, 0, 0.5], [0, 2.0, 0.5]])


@pytest.fixture(scope="module")
def portrait() -> Image:
    return read_image(EXAMPLES / "astronaut.png")


def driven(driver: Driver[tuple[Pixels, Ratios]], pictures: list[Pixels], ratios: list[Ratios]) -> list[Motion]:
    chunks = [driver.push(chunk) for chunk in zip(pictures, ratios, strict=True)]
    return [chunk for chunk in (*chunks, driver.finish()) if chunk is not None]


def test_a_look_finds_the_crop_and_every_frames_ratios(portrait: Image) -> None:
    dark, shifted = np.zeros_like(portrait.pixels), np.roll(portrait.pixels, 5, 1)
    # The tracker looks for a lost face every few frames only.
    found = look([dark, *[portrait.pixels] * 10, shifted, dark], Fraction(30))
    assert isinstance(found, Look)
    report = found.report
    before = report.lost - 1
    assert (report.frames, report.gaps, len(found.rows)) == (13, 2, 13)
    assert 1 <= before <= 10
    assert report.longest_s == pytest.approx(before / 30)
    # What was not measured holds the last measurement, and before the first one, that.
    np.testing.assert_array_equal(found.rows[12], found.rows[11])
    np.testing.assert_array_equal(found.rows[0], found.rows[before])
    assert np.abs(found.rows[11] - found.rows[0]).max() > 0
    assert (found.rows > 0).all()
    lips = [ratio.lip for ratio in found.ratios()]
    assert lips == pytest.approx(found.rows[:, 2].tolist())
    # One upright box, in the middle between the two places of the face.
    assert found.matrix[0, 0] == found.matrix[1, 1] > 0
    assert found.matrix[0, 1] == found.matrix[1, 0] == 0


def test_no_face_is_said_with_the_drivers_name() -> None:
    dark = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(FaceError, match=r"dark\.mp4: no frame shows a face"):
        look([dark, dark], Fraction(25), name="dark.mp4")


def test_a_clip_is_read_in_groups_relative_to_its_first_frame(engine: Engine, image: Image, face: Face) -> None:
    pictures = [np.roll(image.pixels, 4 * i, 1) for i in range(11)]
    ratios = [Ratios(np.array([0.3, 0.31], np.float32) + np.float32(0.01 * i), 0.02 * i) for i in range(11)]
    driver = ExtractedVideoDriver(engine, WHOLE, Fraction(30))
    assert not driver.single
    chunks = driven(driver, pictures, ratios)
    assert [len(chunk) for chunk in chunks] == [8, 3]
    assert all(chunk.rest is chunks[0].rest for chunk in chunks)
    motion = Motion.concatenate(chunks)
    assert motion.view == "expression"
    assert motion.fps == Fraction(30)
    np.testing.assert_array_equal(motion.rest.rotation, motion.rotation[0])
    assert motion.lip_ratio is not None
    np.testing.assert_allclose(motion.lip_ratio, 0.02 * np.arange(11), rtol=1e-6)
    assert motion.rotation.std(0).min() > 0
    with pytest.raises(InputError, match="has ended"):
        driver.push((image.pixels, mesh_ratios(face.landmarks)))


def test_a_closed_driver_has_nothing_left(engine: Engine, image: Image, face: Face) -> None:
    driver = ExtractedVideoDriver(engine, WHOLE, Fraction(25), single=True)
    assert driver.single
    assert driver.push((image.pixels, mesh_ratios(face.landmarks))) is None
    driver.close()
    assert driver.finish() is None


def test_a_picture_eases_from_rest_into_its_expression_and_back(engine: Engine, portrait: Image) -> None:
    one = extracted_picture(portrait, engine, Fraction(25))
    clip = extracted_picture(portrait, engine, Fraction(25), clip=True)
    assert len(one) == 1
    assert len(clip) == 15 + 20 + 15
    np.testing.assert_allclose(clip.expression[[0, -1]], np.stack([one.rest.expression] * 2), atol=1e-6)
    np.testing.assert_allclose(clip.expression[len(clip) // 2], one.expression[0], atol=1e-6)
    np.testing.assert_array_equal(clip.rotation, np.repeat(one.rotation, len(clip), 0))
