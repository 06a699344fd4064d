"""Detector and mesh together: single pictures, and frame after frame."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from talkinghead.core.types import Face, Image
from talkinghead.faces import mesh
from talkinghead.faces.landmarker import Landmarker, mean_distance, region_of, score_around, tessellation_edges
from talkinghead.models.face_mesh import Region

LEFT, TOP, WIDTH = 110, 40, 320


@pytest.fixture(scope="module")
def three(hopper: Image) -> Image:
    """Three of the same face, of which the last is mirrored."""
    around = hopper.pixels[TOP:400, LEFT : LEFT + WIDTH]
    return Image(np.concatenate([around, around, around[:, ::-1]], 1))


def test_every_face_comes_with_its_confidence(three: Image, hopper_face: Face) -> None:
    faces = sorted(Landmarker(max_faces=5).faces(three.pixels), key=lambda face: face.box[0])
    assert len(faces) == 3
    for face, shift in zip(faces[:2], (0, WIDTH), strict=True):
        assert mean_distance(face.landmarks - (shift - LEFT, -TOP, 0), hopper_face.landmarks) < 0.05
    assert all(0.8 < face.confidence < 1 for face in faces)
    assert len(Landmarker(max_faces=2).faces(three.pixels)) == 2
    assert Landmarker(confidence=0.995).faces(three.pixels) == []


def test_a_square_of_the_picture_is_enough(three: Image, hopper_face: Face) -> None:
    (face,) = Landmarker().faces(three.pixels, Region(1.5 * WIDTH, 180, 360))
    assert mean_distance(face.landmarks - (WIDTH - LEFT, -TOP, 0), hopper_face.landmarks) < 0.04


def test_a_video_is_followed_without_the_detector(hopper: Image, hopper_face: Face) -> None:
    """A face that leans further than the detector would find it is still held, when it got there by and by."""
    from talkinghead.faces.crop import resample

    video, still = Landmarker(video=True), Landmarker()
    for degrees in range(0, 121, 10):
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        matrix = np.array([[c, -s, 256 - c * 280 + s * 210], [s, c, 256 - s * 280 - c * 210]])
        pixels = resample(hopper.pixels, matrix, (512, 512))
        (face,) = video.faces(pixels)
        assert mean_distance(face.landmarks, hopper_face.moved(matrix).landmarks) < 0.08
    leant = still.faces(pixels)
    assert not leant or mean_distance(leant[0].landmarks, face.landmarks) > 0.3


def test_another_place_is_another_beginning(hopper: Image, astronaut: Image, astronaut_face: Face) -> None:
    video = Landmarker(video=True)
    video.faces(hopper.pixels)
    video.forget()
    (face,) = video.faces(astronaut.pixels)
    assert mean_distance(face.landmarks, astronaut_face.landmarks) < 0.05


def test_several_faces_are_followed_apart(three: Image) -> None:
    video = Landmarker(video=True, max_faces=3)
    for shift in (0, 3, 6, 9):
        faces = video.faces(np.roll(three.pixels, shift, 1))
        assert len(faces) == 3
        assert len({int(face.landmarks[1, 0] / WIDTH) for face in faces}) == 3


def test_the_score_tells_a_face_from_none(hopper: Image, hopper_face: Face) -> None:
    region = region_of(hopper_face)
    wide = region._replace(side=1.5 * region.side)
    assert score_around(hopper.pixels, wide) > 0.8
    assert score_around(hopper.pixels, wide._replace(angle=wide.angle + np.pi)) < 0.75
    assert score_around(hopper.pixels, wide._replace(y=wide.y + 2 * wide.side)) < 0.5
    assert score_around(np.zeros((64, 64, 3), np.uint8)) == 0


def test_the_tessellation_is_a_mesh_over_every_point() -> None:
    edges = tessellation_edges()
    assert len(edges) == 2556  # as many as MediaPipe names
    degrees = Counter(point for edge in {tuple(sorted(edge)) for edge in edges} for point in edge)
    assert sorted(degrees) == list(range(468))
    assert (min(degrees.values()), max(degrees.values())) == (3, 8)
    # A surface with a mouth, two eyes and a rim: Euler's points - edges + triangles is 1 - 3.
    triangles = mesh.triangles()
    assert 468 - sum(degrees.values()) // 2 + len(triangles) == 1 - 3
