"""Reading a driver with the motion extractor."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from talkinghead.core.errors import FaceError
from talkinghead.core.types import Face, Image
from talkinghead.models.liveportrait.crop import mesh_ratios
from talkinghead.models.liveportrait.engine import Engine
from talkinghead.models.liveportrait.extract import DrivingCrop, extract, extract_picture


def moved(face: Face, dx: float, degrees: float = 0.0) -> Face:
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return face.moved(np.column_stack([turn, np.array([128, 128]) - turn @ [128, 128] + [dx, 0]]))


def driving_matrix(faces: list[Face]) -> np.ndarray:
    crop = DrivingCrop()
    for face in faces:
        crop.add(face)
    return crop.matrix


def test_one_upright_box_for_the_whole_clip(face: Face) -> None:
    """The face is 100 px high: a box of 220 px, whose centre is 22 px above the face's own at (128, 140)."""
    matrix = driving_matrix([moved(face, dx) for dx in (-20, 0, 20)])
    np.testing.assert_allclose(matrix[:, :2], np.eye(2) * 512 / 220, rtol=1e-4)
    np.testing.assert_allclose((np.array([256, 256]) - matrix[:, 2]) * 220 / 512, [128, 118], atol=0.05)
    leaning = driving_matrix([moved(face, 0, 20)])
    assert leaning[0, 1] == leaning[1, 0] == 0


def test_motion_is_what_the_extractor_reads(engine: Engine, image: Image, face: Face) -> None:
    pictures = [np.roll(image.pixels, 9 * i, 1) for i in range(3)]
    # A crop that is the picture itself, so that the reading can be compared with a direct one.
    whole = np.array([[2.0, 0, 0.5], [0, 2.0, 0.5]])
    chunks = list(
        extract(engine, [(pixels, mesh_ratios(face.landmarks)) for pixels in pictures], whole, Fraction(30), batch=2)
    )
    assert [len(chunk) for chunk in chunks] == [2, 1]
    assert chunks[1].rest is chunks[0].rest
    np.testing.assert_array_equal(chunks[0].rest.expression, chunks[0].expression[0])
    np.testing.assert_allclose(chunks[0].lip_ratio, [4 / 36] * 2, rtol=1e-4)
    assert np.abs(chunks[1].expression[0] - chunks[0].expression[0]).max() > 0


def test_single_picture_is_relative_to_neutral_lips(engine: Engine, image: Image, face: Face) -> None:
    motion = extract_picture(engine, image.pixels, face, Fraction(25))
    assert len(motion) == 1
    assert motion.rest.expression[19, 1] == pytest.approx(-0.0151)
    np.testing.assert_array_equal(motion.rest.rotation, motion.rotation[0])


def test_no_face_no_crop() -> None:
    with pytest.raises(FaceError, match="no frame shows a face"):
        driving_matrix([])
