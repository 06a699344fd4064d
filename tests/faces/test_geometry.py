"""Measures on meshes: independent of place and size, right in sign."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from talkinghead.core.types import Face
from talkinghead.faces import canonical_mesh, geometry, mesh


def matrix(degrees: tuple[float, float, float]) -> np.ndarray:
    """Rz(roll) Ry(yaw) Rx(pitch)."""
    return Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()


def posed(degrees: tuple[float, float, float], size: float = 80.0) -> np.ndarray:
    return ((canonical_mesh() @ matrix(degrees).T) * size + (300, 200, 0)).astype(np.float32)


def test_the_average_face_mirrors_itself_with_its_lips_together() -> None:
    face = canonical_mesh()
    assert face.shape == (478, 3)
    assert np.allclose(face[473, :2] - face[468, :2], (1, 0), atol=1e-3)
    for left, right in ((33, 263), (133, 362), (61, 291), (78, 308), (234, 454), (70, 300)):
        assert np.allclose(face[left] * (-1, 1, 1), face[right], atol=1e-3)
    assert geometry.mouth_opening(face) < 0.02
    assert 0.4 < geometry.mouth_width(face) < 0.6
    assert face[1, 2] < face[10, 2] < face[234, 2]  # the nose is nearest, the side farthest


@pytest.mark.parametrize("degrees", [(0, 0, 0), (12, 0, 0), (0, 25, 0), (0, 0, -35), (8, -15, 100)])
def test_head_pose_is_read_off(degrees: tuple[float, float, float]) -> None:
    assert np.allclose(geometry.head_pose(posed(degrees)), degrees, atol=1e-2)


def test_signs_of_the_angles() -> None:
    nose, eyes = mesh.NOSE_TIP, [468, 473]
    rest = posed((0, 0, 0))
    lowered, turned, leaning = posed((15, 0, 0)), posed((0, 15, 0)), posed((0, 0, 15))
    assert lowered[nose, 1] - lowered[eyes, 1].mean() > rest[nose, 1] - rest[eyes, 1].mean()
    assert turned[nose, 0] < rest[nose, 0]
    assert leaning[mesh.FOREHEAD, 0] > rest[mesh.FOREHEAD, 0]


def test_real_faces_look_ahead(astronaut_face: Face, hopper_face: Face) -> None:
    for face in (astronaut_face, hopper_face):
        assert np.abs(geometry.head_pose(face.landmarks)).max() < 5
    # She smiles with her teeth; the admiral's lips are closed.
    assert geometry.mouth_opening(astronaut_face.landmarks) > 0.08
    assert geometry.mouth_opening(hopper_face.landmarks) < 0.03
    assert geometry.mouth_width(astronaut_face.landmarks) > geometry.mouth_width(hopper_face.landmarks)
    assert all(ratio > 0.15 for ratio in geometry.eye_openness(astronaut_face.landmarks))


def test_measures_do_not_depend_on_pose_and_size(astronaut_face: Face) -> None:
    points = astronaut_face.landmarks.astype(np.float64)
    other = ((points @ matrix((10, 20, 30)).T) * 3 + 50).astype(np.float32)
    for measure in (geometry.mouth_opening, geometry.mouth_width, geometry.lip_ratio, geometry.eye_openness):
        assert np.allclose(measure(other), measure(astronaut_face.landmarks), rtol=1e-3)


def test_triangles_cover_the_mesh_once() -> None:
    triangles = mesh.triangles()
    assert triangles.shape == (852, 3)
    assert set(triangles.ravel()) == set(range(468))
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [0, 2]]]), axis=1)
    assert np.unique(edges, axis=0, return_counts=True)[1].max() == 2


def test_curves_run_from_left_to_right() -> None:
    face = canonical_mesh()
    for curve in (mesh.INNER_LIP_UPPER, mesh.INNER_LIP_LOWER, mesh.OUTER_LIP_UPPER, mesh.OUTER_LIP_LOWER,
                  mesh.LEFT_LID_UPPER, mesh.LEFT_LID_LOWER, mesh.RIGHT_LID_UPPER, mesh.RIGHT_LID_LOWER,
                  mesh.LEFT_BROW_LOWER, mesh.LEFT_BROW_UPPER, mesh.RIGHT_BROW_LOWER, mesh.RIGHT_BROW_UPPER,
                  ):  # fmt: skip
        assert (np.diff(face[list(curve), 0]) > 0).all()
