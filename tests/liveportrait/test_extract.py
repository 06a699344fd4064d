"""Reading a driver with the motion extractor."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest

from talkinghead.core.errors import FaceError
from talkinghead.core.types import Face, Image
from talkinghead.models.liveportrait.crop import mesh_ratios
from talkinghead.models.liveportrait.engine import Engine
from talkinghead.models.liveportrait.extract import DrivingCrop, extract, extract_picture
from talkinghead.models.liveportrait.reading import as_tensor


def moved(face: Face, dx: float, degrees: float = 0.0) -> Face:
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return face.moved(np.column_stack([turn, np.array([128, 128]) - turn @ [128, 128] + [dx, 0]]))


def driving_matrix(faces: list[Face]) -> npt.NDArray[np.float64]:
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
    ratios = [mesh_ratios(face.landmarks)] * 2
    first = extract(engine, pictures[:2], ratios, whole, Fraction(30))
    second = extract(engine, pictures[2:], ratios[:1], whole, Fraction(30), first.rest)
    assert (len(first), len(second), first.fps) == (2, 1, Fraction(30))
    assert second.rest is first.rest
    np.testing.assert_array_equal(first.rest.expression, first.expression[0])
    assert first.lip_ratio is not None
    np.testing.assert_allclose(first.lip_ratio, [4 / 36] * 2, rtol=1e-4)
    reading = engine.read(as_tensor(pictures))
    np.testing.assert_allclose(np.concatenate([first.rotation, second.rotation]), reading.degrees.numpy(), atol=0.2)
    np.testing.assert_allclose(
        np.concatenate([first.expression, second.expression]), reading.head.exp.numpy(), atol=2e-3
    )
    assert np.abs(second.expression[0] - first.expression[0]).max() > 4e-3


def test_single_picture_is_relative_to_neutral_lips(engine: Engine, image: Image, face: Face) -> None:
    motion = extract_picture(engine, image.pixels, face, Fraction(25))
    assert len(motion) == 1
    assert motion.rest.expression[19, 1] == pytest.approx(-0.0151)
    np.testing.assert_array_equal(motion.rest.rotation, motion.rotation[0])


def test_no_face_no_crop() -> None:
    with pytest.raises(FaceError, match="no frame shows a face"):
        driving_matrix([])
