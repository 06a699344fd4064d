"""Driving by video, folder and picture: what was drawn is tracked back."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from talkinghead.core.errors import FaceError, ImageError, VideoError
from talkinghead.core.types import Face, Image
from talkinghead.drivers.frames import FolderMotionSource
from talkinghead.drivers.picture import PictureMotionSource
from talkinghead.drivers.video import TrackedMotionSource, VideoMotionSource
from talkinghead.faces import find_face
from talkinghead.media.images import write_image
from talkinghead.media.video import write_video
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX
from talkinghead.motion.motion import Motion
from talkinghead.motion.protocols import MotionSource

from .conftest import BLINKS, FPS, NEUTRAL, Driver

JAW, SMILE, BLINK = (BLENDSHAPE_INDEX[name] for name in ("jawOpen", "mouthSmileLeft", "eyeBlinkLeft"))


@pytest.fixture(scope="module")
def source(driver: Driver) -> TrackedMotionSource:
    return TrackedMotionSource(driver.frames, FPS, frames=len(driver.frames))


@pytest.fixture(scope="module")
def tracked(source: TrackedMotionSource) -> Motion:
    return Motion.concatenate(list(source))


def test_every_frame_becomes_one_frame_of_motion(source, tracked, driver):
    assert isinstance(source, MotionSource)
    assert len(tracked) == len(driver.frames) == source.frames
    assert tracked.fps == FPS
    assert source.report.lost == 0


def test_the_jaw_is_tracked_in_time_and_size(tracked, driver):
    seen, drawn = tracked.blendshapes[:, JAW], driver.motion.blendshapes[:, JAW]
    assert np.corrcoef(seen, drawn)[0, 1] > 0.95
    lags = [np.corrcoef(np.roll(seen, k)[4:-4], drawn[4:-4])[0, 1] for k in (-2, -1, 0, 1, 2)]
    assert int(np.argmax(lags)) == 2  # none
    assert seen[drawn > 0.6].mean() == pytest.approx(drawn[drawn > 0.6].mean(), rel=0.35)


def test_neutral_is_found_though_the_clip_does_not_begin_with_it(source, tracked):
    assert source.calibration.neutral.frame in NEUTRAL
    assert source.calibration.matched_frame is None
    assert not tracked.rest.blendshapes.any()
    assert tracked.blendshapes[NEUTRAL.start + 2 : NEUTRAL.stop - 2, JAW].max() < 0.08


def test_smile_and_blinks_are_found(tracked):
    # The portrait smiles already, which leaves less to add.
    assert tracked.blendshapes[66:, SMILE].mean() > 0.3
    assert tracked.blendshapes[NEUTRAL.start : NEUTRAL.stop, SMILE].mean() < 0.1
    for middle in BLINKS:
        assert tracked.blendshapes[middle - 1 : middle + 2, BLINK].max() > 0.5
    assert tracked.blendshapes[NEUTRAL.start : NEUTRAL.stop, BLINK].mean() < 0.15


def test_head_pose_follows_in_sign_and_size(tracked, driver):
    for axis in (0, 1):
        seen = tracked.rotation[:40, axis] - tracked.rest.rotation[axis]
        drawn = driver.motion.rotation[:40, axis]
        assert np.corrcoef(seen, drawn)[0, 1] > 0.9
        assert 0.5 < np.ptp(seen) / np.ptp(drawn) < 1.5


def test_a_portrait_that_is_a_frame_of_the_driver_is_what_motion_counts_from(driver):
    matched = TrackedMotionSource(driver.frames[:30], FPS, portrait=find_face(Image(driver.frames[7])))
    motion = Motion.concatenate(list(matched))
    assert abs(matched.calibration.matched_frame - 7) <= 1
    assert np.abs(motion.rotation[7] - motion.rest.rotation).max() < 1.5
    assert abs(motion.scale[7] / motion.rest.scale - 1) < 0.02
    # A renderer closes a portrait's mouth itself: the jaw counts from there, whatever the portrait does.
    assert motion.rest.blendshapes[JAW] < 0.1
    other = Face(find_face(Image(driver.frames[7])).landmarks * np.float32([1, 1.25, 1]))
    stranger = TrackedMotionSource(driver.frames[:30], FPS, portrait=other)
    list(stranger)
    assert stranger.calibration.matched_frame is None


def test_a_face_that_goes_away_is_counted_and_comes_back(driver, tmp_path):
    blank = np.full_like(driver.frames[0], 128)
    frames = [*driver.frames[:30], *[blank] * 20, *driver.frames[44:56]]
    write_video(tmp_path / "gap.mp4", frames, FPS)
    source = VideoMotionSource(tmp_path / "gap.mp4")
    motion = Motion.concatenate(list(source))
    assert source.frames == len(motion) == 62
    assert not source.has_audio
    assert 18 <= source.report.lost <= 26  # finding it again may take a few frames
    assert source.report.gaps == 1
    assert np.abs(motion.blendshapes[47:49]).max() < 0.15
    assert np.isfinite(motion.rotation).all()


def test_streams_of_any_calibration_length_hold_every_frame(driver):
    short = TrackedMotionSource(driver.frames[:41], FPS, calibration_s=0.4)
    assert sum(len(chunk) for chunk in short) == 41
    one = TrackedMotionSource(driver.frames[:1], FPS)
    assert sum(len(chunk) for chunk in one) == 1


def test_no_face_and_no_video_are_said_in_one_line(tmp_path):
    noise = [np.random.default_rng(i).integers(0, 255, (96, 96, 3), np.uint8) for i in range(6)]
    write_video(tmp_path / "noise.mp4", noise, FPS)
    with pytest.raises(FaceError, match=r"noise\.mp4: no face"):
        list(VideoMotionSource(tmp_path / "noise.mp4"))
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(VideoError):
        VideoMotionSource(tmp_path / "text.mp4")
    with pytest.raises(VideoError, match="no file"):
        VideoMotionSource(tmp_path / "nowhere.mp4")


def test_a_folder_is_read_in_the_order_of_its_numbers(driver, tmp_path):
    for number in (1, 2, 10, 9):
        write_image(tmp_path / f"frame{number}.png", driver.frames[{1: 0, 2: 2, 9: 4, 10: 6}[number]])
    (tmp_path / "notes.txt").write_text("not a frame")
    source = FolderMotionSource(tmp_path, fps=Fraction(25))
    assert [path.name for path in source._pictures.paths] == ["frame1.png", "frame2.png", "frame9.png", "frame10.png"]
    motion = Motion.concatenate(list(source))
    drawn = driver.motion.blendshapes[[0, 2, 4, 6], JAW]
    assert len(motion) == 4
    assert np.argmin(motion.blendshapes[:, JAW]) == np.argmin(drawn)
    with pytest.raises(VideoError, match="no pictures"):
        FolderMotionSource(_empty(tmp_path), fps=FPS)


def _empty(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def test_one_picture_gives_one_frame_or_an_eased_clip(driver):
    talking = Image(driver.frames[0])
    (one,) = PictureMotionSource(talking)
    assert len(one) == 1
    assert one.blendshapes[0, JAW] > 0.3
    source = PictureMotionSource(talking, clip=True)
    (clip,) = source
    jaw = clip.blendshapes[:, JAW]
    assert len(clip) == source.frames > 30
    assert jaw[0] == jaw[-1] == 0
    assert jaw.max() == pytest.approx(one.blendshapes[0, JAW])
    assert np.abs(np.diff(jaw)).max() < 0.2 * jaw.max()
    with pytest.raises((FaceError, ImageError)):
        PictureMotionSource(Image(np.zeros((64, 64, 3), np.uint8), name="black"))
