"""Faces found in pictures: turned, small, several, none, and where a box says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from talkinghead.core.errors import FaceError
from talkinghead.core.types import Face, Image
from talkinghead.faces import FaceTracker, doubtful, find_face, find_faces
from talkinghead.faces.geometry import head_pose
from talkinghead.faces.landmarker import Landmarker

EXAMPLES = Path(__file__).parents[2] / "examples"


def apart(face: Face, expected: Face) -> float:
    """Mean distance of the landmarks in pupil distances."""
    distance = np.linalg.norm(face.landmarks[:, :2] - expected.landmarks[:, :2], axis=1)
    return float(distance.mean() / expected.pupil_distance_px)


def turned(image: Image, matrix: np.ndarray, size_px: tuple[int, int]) -> Image:
    return Image(cv2.warpAffine(image.pixels, matrix, size_px, flags=cv2.INTER_AREA, borderValue=(90, 90, 90)))


def small(image: Image, face: Face, share: float, width: int = 1600) -> tuple[Image, np.ndarray]:
    """The face on a large grey canvas, `share` of its width wide, and the map to it."""
    x, y, w, h = (int(v) for v in face.box)
    around = image.pixels[max(0, y - h // 2) : y + 2 * h, max(0, x - w) : x + 2 * w]
    scale = share * width / w
    shrunk = cv2.resize(around, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    canvas = np.full((1000, width, 3), 110, np.uint8)
    canvas[500 : 500 + shrunk.shape[0], 1000 : 1000 + shrunk.shape[1]] = shrunk
    left, top = max(0, x - w), max(0, y - h // 2)
    matrix = np.array([[scale, 0, 1000 - scale * left], [0, scale, 500 - scale * top]])
    return Image(canvas, name="canvas.png"), matrix


def test_landmarks_lie_on_the_face(astronaut_face: Face) -> None:
    assert astronaut_face.landmarks.shape == (478, 3)
    x, y, w, h = astronaut_face.box
    assert np.allclose((x, y, w, h), (180, 70, 92, 108), atol=10)
    # The pupils, read off the picture by eye.
    assert np.allclose(astronaut_face.landmarks[468, :2], (203, 101), atol=2.5)
    assert np.allclose(astronaut_face.landmarks[473, :2], (246, 103), atol=2.5)


@pytest.mark.parametrize("degrees", [90, 180, 270, 40, 140])
def test_turned_faces_are_found_where_they_are(hopper: Image, hopper_face: Face, degrees: int) -> None:
    matrix = cv2.getRotationMatrix2D((256, 300), degrees, 0.8)
    found = find_face(turned(hopper, matrix, (512, 600)))
    assert apart(found, hopper_face.moved(matrix)) < 0.05
    roll = (-degrees + float(head_pose(hopper_face.landmarks)[2]) + 180) % 360 - 180
    assert abs((float(head_pose(found.landmarks)[2]) - roll + 180) % 360 - 180) < 4


@pytest.mark.parametrize("share", [0.10, 0.05, 0.035])
def test_small_faces_are_found(astronaut: Image, astronaut_face: Face, share: float) -> None:
    image, matrix = small(astronaut, astronaut_face, share)
    assert apart(find_face(image), astronaut_face.moved(matrix)) < 0.08


def test_a_small_face_on_its_side_is_found(astronaut: Image, astronaut_face: Face) -> None:
    image, matrix = small(astronaut, astronaut_face, 0.06)
    found = find_face(Image(np.rot90(image.pixels).copy()))
    expected = astronaut_face.moved(matrix).moved(np.array([[0, 1, 0], [-1, 0, image.size_px[0] - 1]]))
    assert apart(found, expected) < 0.08


@pytest.fixture(scope="module")
def pair(astronaut: Image, hopper: Image) -> Image:
    return Image(np.concatenate([astronaut.pixels, hopper.pixels[:512]], 1), name="pair.png")


def test_several_faces_come_largest_first(pair: Image, astronaut_face: Face, hopper_face: Face) -> None:
    first, second = find_faces(pair)
    assert apart(first, hopper_face.moved(np.array([[1, 0, 512], [0, 1, 0]]))) < 0.05
    assert apart(second, astronaut_face) < 0.05
    assert apart(find_face(pair), first) < 0.02
    assert apart(find_face(pair, index=2), second) < 0.05
    assert len(find_faces(pair, max_faces=1)) == 1


@pytest.mark.parametrize("index", [3, 0, -1])
def test_a_wrong_number_is_told_how_many_there_are(pair: Image, index: int) -> None:
    with pytest.raises(FaceError, match=r"pair\.png, which shows 2 faces: choose --face 1"):
        find_face(pair, index=index)


def test_no_face_is_an_error_that_names_the_way_out() -> None:
    grey = Image(np.full((120, 120, 3), 128, np.uint8), name="wall.jpg")
    assert find_faces(grey) == []
    with pytest.raises(FaceError, match=r"no face was found in wall\.jpg.*--box x,y,width,height"):
        find_face(grey)


def test_a_box_finds_the_face_in_it(pair: Image, astronaut_face: Face) -> None:
    assert apart(find_face(pair, box=astronaut_face.box), astronaut_face) < 0.03


def test_a_box_without_a_face_gets_the_average_face() -> None:
    noise = Image(np.random.default_rng(1).integers(0, 255, (300, 400, 3), dtype=np.uint8))
    face = find_face(noise, box=(100, 50, 120, 150))
    assert np.allclose(face.box, (100, 50, 120, 150), atol=0.01)
    assert face.landmarks[152, 1] > face.landmarks[1, 1] > face.landmarks[10, 1]
    assert face.landmarks[468, 0] < face.landmarks[473, 0]
    whole = find_face(noise, box=(0, 0, 400, 300))
    assert np.allclose(whole.box, (0, 0, 400, 300), atol=0.01)


@pytest.mark.parametrize("box", [(900, 0, 50, 50), (-80, 10, 50, 50), (10, 10, 0, 50), (10, 10, 50, -5)])
def test_a_box_outside_the_picture_is_an_error(box: tuple[float, float, float, float]) -> None:
    grey = Image(np.full((200, 300, 3), 128, np.uint8), name="wall.jpg")
    with pytest.raises(FaceError, match="box"):
        find_face(grey, box=box)


def test_nothing_is_said_on_stderr() -> None:
    code = (
        "from talkinghead.faces import find_face, FaceTracker\n"
        "from talkinghead.media.images import read_image\n"
        f"image = read_image({str(EXAMPLES / 'astronaut.png')!r})\n"
        "find_face(image); FaceTracker().track(image.pixels)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout == ""


def test_onnxruntime_is_loaded_only_when_a_face_is_looked_for() -> None:
    code = "import sys, talkinghead.faces; sys.exit('onnxruntime' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def drawn(parts: list[tuple[tuple[float, float], tuple[float, float], int]], ground: int = 200) -> Image:
    """Grey ellipses (middle, half axes, grey) on a plain ground, 400 pixels square."""
    picture = np.full((400, 400, 3), ground, np.uint8)
    for (x, y), (across, down), grey in parts:
        cv2.ellipse(picture, ((x, y), (2 * across, 2 * down), 0), (grey, grey, grey), -1)
    noise = np.random.default_rng(0).normal(0, 4, picture.shape)
    return Image(np.clip(cv2.GaussianBlur(picture, (0, 0), 1.2) + noise, 0, 255).astype(np.uint8), name="drawn.png")


SOCKET = [((200.0, 200.0), (120.0, 120.0), 225), ((155.0, 195.0), (9.0, 22.0), 25), ((245.0, 195.0), (9.0, 22.0), 25),
          ((200.0, 260.0), (15.0, 17.0), 25)]  # fmt: skip
EYEBALL = [((200.0, 200.0), (170.0, 170.0), 235), ((200.0, 200.0), (80.0, 80.0), 110),
           ((200.0, 200.0), (36.0, 36.0), 8), ((226.0, 172.0), (12.0, 12.0), 255)]  # fmt: skip
CATS_EYES = [((120.0, 200.0), (60.0, 42.0), 180), ((280.0, 200.0), (60.0, 42.0), 180),
             ((120.0, 200.0), (12.0, 40.0), 5), ((280.0, 200.0), (12.0, 40.0), 5)]  # fmt: skip
CAR = [((200.0, 200.0), (170.0, 110.0), 90), ((200.0, 130.0), (110.0, 50.0), 40), ((70.0, 220.0), (24.0, 24.0), 240),
       ((330.0, 220.0), (24.0, 24.0), 240), ((200.0, 250.0), (60.0, 20.0), 20)]  # fmt: skip


@pytest.mark.parametrize("parts", [SOCKET, EYEBALL, CATS_EYES, CAR], ids=["socket", "eyeball", "cat's eyes", "car"])
@pytest.mark.parametrize("ground", [30, 200])
def test_what_looks_a_little_like_a_face_is_none(
    parts: list[tuple[tuple[float, float], tuple[float, float], int]], ground: int
) -> None:
    assert find_faces(drawn(parts, ground)) == []


def test_people_are_not_doubtful(astronaut_face: Face, hopper_face: Face) -> None:
    for face in (astronaut_face, hopper_face):
        assert 0.85 < face.confidence <= 1
        assert not doubtful(face)
    assert doubtful(Face(hopper_face.landmarks, 0.78))


def test_faces_are_listed_as_mediapipe_measures_them(hopper: Image, hopper_face: Face) -> None:
    """What the networks' own tests hold against MediaPipe is what comes out here."""
    (first,) = Landmarker().faces(hopper.pixels)
    (listed,) = find_faces(hopper)
    assert np.array_equal(first.landmarks, listed.landmarks)
    assert listed.confidence == hopper_face.confidence


def test_a_face_is_measured_as_in_a_video(hopper: Image, astronaut: Image) -> None:
    """A picture that is the first of its own driving video must not seem to move."""
    for image in (hopper, astronaut):
        followed = FaceTracker().track(image.pixels)
        assert followed is not None
        assert apart(find_face(image), followed) < 1e-6


def test_a_box_overrules_the_detector(hopper: Image, hopper_face: Face) -> None:
    """Somebody's word that there is a face counts, beside one that the detector is sure of."""
    x, y, w, h = hopper_face.box
    beside = (x - w, y + h, w, h)
    face = find_face(hopper, box=beside)
    assert face.confidence == 1
    assert np.allclose(face.box, beside, atol=0.01)
