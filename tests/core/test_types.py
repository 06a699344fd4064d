"""Faces and portraits: what moves with the picture plane."""

from __future__ import annotations

import numpy as np
import pytest

from talkinghead.core.types import Crop, Face, Image, Portrait


def row_of_points() -> Face:
    points = np.zeros((478, 3), np.float32)
    points[:, 0] = np.arange(478)
    points[:, 2] = -5
    return Face(points)


def test_a_face_moves_with_its_picture() -> None:
    moved = row_of_points().moved(np.array([[2.0, 0, 10], [0, 2.0, 20]]))
    np.testing.assert_allclose(moved.landmarks[3], [16, 20, -10])
    assert moved.box == pytest.approx((10, 20, 954, 0))
    assert moved.pupil_distance_px == pytest.approx(10)


def test_a_portraits_landmarks_are_in_crop_pixels() -> None:
    matrix = np.array([[0.5, 0, -10], [0, 0.5, 0]])
    pixels = np.zeros((40, 60, 3), np.uint8)
    portrait = Portrait(Image(pixels), row_of_points(), Crop(matrix, (60, 40)), pixels)
    assert portrait.image.size_px == (60, 40)
    np.testing.assert_allclose(portrait.landmarks[100], [40, 0, -2.5])
