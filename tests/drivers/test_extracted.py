"""Videos and pictures that a renderer's own extractor reads: narrow networks with random weights stand in."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from talkinghead.core.errors import FaceError
from talkinghead.drivers.opening import open_driving
from talkinghead.media.images import read_image
from talkinghead.media.video import write_video
from talkinghead.models.liveportrait.engine import Engine
from talkinghead.motion.motion import Motion
from tests.liveportrait import narrow

FPS = Fraction(30)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(narrow.models())


@pytest.fixture(scope="module")
def video(examples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten frames of a portrait that slides, one without it, and half a second of sound."""
    pixels = read_image(examples / "astronaut.png", max_side_px=320).pixels
    frames = [*[np.roll(pixels, 3 * i, axis=1) for i in range(10)], np.zeros_like(pixels)]
    path = tmp_path_factory.mktemp("video") / "video.mp4"
    write_video(path, frames, FPS, examples / "speech.wav", duration_s=11 / 30)
    return path


def test_a_video_is_read_by_the_extractor_against_its_first_frame(engine: Engine, video: Path) -> None:
    driving = open_driving(video, extractor=engine)
    motion = Motion.concatenate(list(driving))
    assert (len(motion), driving.frames, driving.fps, driving.single) == (11, 11, FPS, False)
    assert motion.view == "expression"
    np.testing.assert_array_equal(motion.rest.rotation, motion.rotation[0])
    assert np.ptp(motion.translation, axis=0).max() > 0
    assert motion.lip_ratio is not None
    # What was not measured holds the last measurement.
    assert motion.lip_ratio[10] == motion.lip_ratio[9]
    assert driving.report is not None
    assert (driving.report.frames, driving.report.lost, driving.report.gaps) == (11, 1, 1)
    assert driving.sound is not None
    again = Motion.concatenate(list(driving))
    np.testing.assert_array_equal(again.expression, motion.expression)


def test_another_rate_is_heeded(engine: Engine, video: Path) -> None:
    driving = open_driving(video, fps=Fraction(15), extractor=engine)
    assert driving.fps == 15
    assert sum(map(len, driving)) == driving.frames == round(11 / 30 * 15)


def test_a_picture_is_read_by_the_extractor(engine: Engine, examples: Path) -> None:
    one = open_driving(examples / "astronaut.png", still=True, extractor=engine)
    clip = open_driving(examples / "astronaut.png", extractor=engine)
    (motion,), eased = list(one), Motion.concatenate(list(clip))
    assert (one.single, one.frames, len(motion)) == (True, 1, 1)
    assert (clip.single, clip.frames) == (False, len(eased))
    np.testing.assert_allclose(eased.expression[[0, -1]], np.stack([motion.rest.expression] * 2), atol=1e-6)
    np.testing.assert_allclose(eased.expression[len(eased) // 2], motion.expression[0], atol=1e-6)


def test_no_face_is_said_with_the_drivers_name(engine: Engine, tmp_path: Path) -> None:
    write_video(tmp_path / "dark.mp4", [np.zeros((64, 64, 3), np.uint8)] * 3, FPS)
    with pytest.raises(FaceError, match=r"dark\.mp4: no frame shows a face"):
        list(open_driving(tmp_path / "dark.mp4", extractor=engine))
