"""The networks on ONNX Runtime: what MediaPipe 0.10.21 says of the same pictures, on any thread, after a fork."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from talkinghead.core.types import Floats, Pixels
from talkinghead.models.face_mesh import FaceDetector, FaceMesh, Region, region_of_points
from talkinghead.models.face_mesh.detector import anchors, decode
from talkinghead.models.face_mesh.mesh import SIZE_PX

# What MediaPipe 0.10.21 gives in its static mode, with irises: made by the script that is named in it.
REFERENCE = Path(__file__).with_name("reference.npz")


def expected(name: str) -> Floats:
    with np.load(REFERENCE) as content:
        return np.asarray(content[name], np.float32)


def percent_of_pupils(mesh: Floats, other: Floats) -> float:
    apart = np.linalg.norm(mesh[:, :2] - other[:, :2], axis=1).mean()
    return float(100 * apart / np.linalg.norm(other[468, :2] - other[473, :2]))


@pytest.mark.parametrize("name", ["hopper", "astronaut"])
def test_points_are_mediapipes(name: str, request: pytest.FixtureRequest) -> None:
    pixels: Pixels = request.getfixturevalue(name)
    (found,) = FaceDetector().detect(pixels)
    (mesh,) = FaceMesh().measure(pixels, [found.region])
    assert found.score == pytest.approx(float(expected(f"{name}_score")[0]), abs=1e-3)
    assert percent_of_pupils(mesh.points, expected(name)) < 0.05
    assert np.abs(mesh.points[:, 2] - expected(name)[:, 2]).max() < 0.2
    assert mesh.presence > 0.99


def test_following_is_as_mediapipe_follows(hopper: Pixels) -> None:
    (found,) = FaceDetector().detect(hopper)
    region = found.region
    for _ in range(4):
        (mesh,) = FaceMesh().measure(hopper, [region])
        region = region_of_points(mesh.points)
    # Each step answers to the rounding of the last; the third and the fifth step are 0.6 and more away.
    assert percent_of_pupils(mesh.points, expected("hopper_fourth")) < 0.3


def test_a_batch_is_as_good_as_one_by_one(hopper: Pixels) -> None:
    (found,) = FaceDetector().detect(hopper)
    regions = [found.region, found.region._replace(x=found.region.x + 9), found.region._replace(angle=0.2)]
    together = FaceMesh().measure(hopper, regions)
    for region, mesh in zip(regions, together, strict=True):
        (alone,) = FaceMesh().measure(hopper, [region])
        assert np.abs(alone.points - mesh.points).max() < 1e-3
    assert FaceMesh().measure(hopper, []) == []


def test_a_turned_face_is_found_in_a_turned_square(hopper: Pixels) -> None:
    (upright,) = FaceDetector().detect(hopper)
    turned = np.ascontiguousarray(np.rot90(hopper))  # a quarter counterclockwise: (x, y) goes to (y, width - x)
    height, width = turned.shape[:2]
    square = Region(width / 2, height / 2, float(max(width, height)), -math.pi / 2)
    (found,) = FaceDetector().detect(turned, square)
    assert found.region.x == pytest.approx(upright.region.y, abs=4)
    assert found.region.y == pytest.approx(hopper.shape[1] - upright.region.x, abs=4)
    assert found.region.angle == pytest.approx(upright.region.angle - math.pi / 2, abs=0.06)
    assert found.holds(found.region.x, found.region.y)
    assert not found.holds(found.region.x + found.region.side, found.region.y)


def test_two_faces_come_surest_first(hopper: Pixels) -> None:
    pair = np.concatenate([hopper // 3, hopper[:, ::-1]], 1)
    found = FaceDetector().detect(pair)
    assert len(found) == 2
    assert found[0].score >= found[1].score
    assert sorted(item.region.x > 512 for item in found) == [False, True]
    assert FaceDetector(confidence=0.99).detect(pair) == []
    assert FaceDetector().detect(np.full((90, 120, 3), 128, np.uint8)) == []


def test_overlapping_boxes_become_one_as_heavy_as_their_scores() -> None:
    boxes, scores = np.zeros((896, 16), np.float32), np.full(896, -100, np.float32)
    boxes[:, 2:4] = 40
    boxes[:, 4:] = 1
    near, far = 2 * (16 * 5 + 5), 2 * (16 * 12 + 12)
    scores[[near, near + 1, far]] = 2.0, 0.0, 1.0
    boxes[near + 1, 0] = 6
    found = decode(boxes, scores, 0.4)
    assert [round(score, 3) for _, score in found] == [0.881, 0.731]
    middle = 128 * anchors()[near]
    share = 0.5 / (0.5 + 0.880797)
    assert found[0][0][:2].mean(0) == pytest.approx([middle[0] + 6 * share, middle[1]], abs=1e-3)
    assert found[0][0][2:] == pytest.approx(np.tile(middle + 1, (6, 1)), abs=1e-3)


@pytest.mark.parametrize("angle", [0.0, 0.4, -2.5])
def test_a_crop_and_its_way_back(angle: float) -> None:
    rows, columns = np.mgrid[0:300, 0:400]
    picture = np.stack([columns / 400 * 255, rows / 300 * 255, 0 * rows], -1).astype(np.uint8)
    region = Region(190.0, 140.0, 120.0, angle)
    crop = region.cut(picture, SIZE_PX)
    at = np.array([[20.0, 30.0], [96.0, 96.0], [150.0, 101.0]], np.float32)
    there = region.back(at, SIZE_PX)
    for (x, y), (column, row) in zip(at.astype(int), there, strict=True):
        assert abs(int(crop[y, x, 0]) - column / 400 * 255) < 2
        assert abs(int(crop[y, x, 1]) - row / 300 * 255) < 2
    assert np.linalg.norm(there[0] - there[1]) == pytest.approx(np.linalg.norm(at[0] - at[1]) * 120 / SIZE_PX, rel=1e-5)


def test_beyond_the_picture_its_edge_is_repeated_or_all_is_black() -> None:
    white = np.full((50, 50, 3), 255, np.uint8)
    outside = Region(-60.0, 25.0, 40.0)
    assert outside.cut(white, 64).min() == 255
    assert outside.cut(white, 64, black_border=True).max() == 0


def test_a_very_long_picture_is_no_obstacle(hopper: Pixels) -> None:
    long = np.zeros((600, 40000, 3), np.uint8)
    long[:, 30000:30512] = hopper
    (found,) = FaceDetector().detect(long, Region(30256, 300, 600))
    (alone,) = FaceDetector().detect(hopper)
    assert found.region.x - 30000 == pytest.approx(alone.region.x, abs=6)


def test_threads_share_the_networks(hopper: Pixels, astronaut: Pixels) -> None:
    def look(pixels: Pixels) -> Floats:
        (found,) = FaceDetector().detect(pixels)
        return FaceMesh().measure(pixels, [found.region])[0].points

    pictures = [hopper, astronaut] * 6
    with ThreadPoolExecutor(4) as pool:
        for points, picture in zip(pool.map(look, pictures), pictures, strict=True):
            assert np.array_equal(points, look(picture))


FORKING = """
import os, sys, threading
import numpy as np
from pathlib import Path
from talkinghead.media.images import read_image
from talkinghead.models.face_mesh import FaceDetector, FaceMesh

def look():
    pixels = read_image(Path(sys.argv[1])).pixels
    (found,) = FaceDetector().detect(pixels)
    return FaceMesh().measure(pixels, [found.region])[0].points

before, environment, threads = look(), dict(os.environ), threading.active_count()
child = os.fork()
if not child:
    os._exit(0 if np.array_equal(look(), before) else 1)
_, status = os.waitpid(child, 0)
assert dict(os.environ) == environment and threading.active_count() == threads
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system knows no fork")
def test_a_fork_after_use_goes_on(examples: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORKING, str(examples / "grace_hopper.jpg")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout + done.stderr == ""
