"""The crop rule and the ratios."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from talkinghead.core.errors import FaceError
from talkinghead.core.types import Crop, Face, Image
from talkinghead.models.liveportrait import crop


def corners(matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Where the crop's corners and centre lie in the picture."""
    ends = np.array([[0, 0], [512, 0], [512, 512], [0, 512], [256, 256]], float)
    at: npt.NDArray[np.float64] = (ends - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    return at


def test_upright_face(face: Face) -> None:
    """Brows at 90, chin at 190, ears 90 apart: the box is 100 high, its centre at (128, 140)."""
    at = corners(crop.crop_matrix(crop.mesh_points(face.landmarks)))
    assert at[1, 0] - at[0, 0] == pytest.approx(230)
    np.testing.assert_allclose(at[4], [128, 140 - 0.125 * 230], atol=0.05)


def test_forehead_does_not_count(face: Face) -> None:
    matrix = crop.crop_matrix(crop.mesh_points(face.landmarks))
    higher = face.landmarks.copy()
    higher[10, 1] -= 40
    np.testing.assert_array_equal(crop.crop_matrix(crop.mesh_points(higher)), matrix)


@pytest.mark.parametrize("degrees", [-150, -40, 25, 90])
def test_crop_turns_with_the_face(face: Face, degrees: float) -> None:
    angle = np.deg2rad(degrees)
    turn = 1.5 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = face.moved(np.column_stack([turn, [20, 30]]))
    points = face.moved(crop.crop_matrix(crop.mesh_points(face.landmarks))).landmarks
    again = turned.moved(crop.crop_matrix(crop.mesh_points(turned.landmarks))).landmarks
    np.testing.assert_allclose(again[:, :2], points[:, :2], atol=0.02)


def test_the_203_landmarks_follow_the_same_rule() -> None:
    points = np.full((203, 2), 100.0)
    points[[0, 6, 12, 18]] = [[80, 90], [85, 88], [90, 90], [85, 92]]
    points[[24, 30, 36, 42]] = [[110, 90], [115, 87], [120, 90], [115, 93]]
    points[[48, 66, 90, 102]] = [[90, 120], [110, 120], [100, 119], [100, 123]]
    points[[150, 160]] = [[60, 80], [140, 140]]
    at = corners(crop.crop_matrix(crop.points_203(points)))
    np.testing.assert_allclose(at[1, 0] - at[0, 0], 80 * 2.3)
    np.testing.assert_allclose(at[4], [100, 110 - 0.125 * 80 * 2.3])
    ratios = crop.ratios_203(points)
    np.testing.assert_allclose(ratios.eyes, [0.4, 0.6], rtol=1e-5)
    assert ratios.lip == pytest.approx(0.2)


def test_mesh_ratios(face: Face) -> None:
    ratios = crop.mesh_ratios(face.landmarks)
    np.testing.assert_allclose(ratios.eyes, [0.3, 0.3], rtol=1e-5)
    assert ratios.lip == pytest.approx(4 / 36, rel=1e-5)


def test_face_without_extent_is_refused() -> None:
    with pytest.raises(FaceError, match="too small"):
        crop.crop_matrix(crop.mesh_points(np.zeros((478, 3), np.float32)))


def test_large_pictures_are_averaged_not_skipped() -> None:
    stripes = np.zeros((2048, 2048, 3), np.uint8)
    stripes[::2] = 255
    matrix = np.array([[0.25, 0, 0], [0, 0.25, 0]])
    assert np.ptp(crop.cut(stripes, matrix)[8:-8, 8:-8].astype(int)) < 40


def test_a_whole_picture_reaches_the_networks_as_it_is(image: Image) -> None:
    whole = crop.whole_crop(image)
    assert whole.size_px == (512, 512)
    pixels = crop.cut(image.pixels, whole.matrix)
    np.testing.assert_array_equal(crop.network_picture(image, whole, pixels), image.pixels)
    other = Crop(np.array([[2.0, 0, 3], [0, 2.0, 3]]), (512, 512))
    assert (crop.network_picture(image, other, pixels) != image.pixels).any()


def test_odd_sides_lose_their_last_pixels(image: Image) -> None:
    odd = Image(np.pad(image.pixels, ((0, 1), (0, 1), (0, 0))))
    np.testing.assert_array_equal(crop.network_picture(odd, crop.whole_crop(odd), image.pixels), image.pixels)
