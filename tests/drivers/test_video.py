"""Driving by video, folder and picture: what was drawn is tracked back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from talkinghead.core.errors import FaceError, ImageError, VideoError
from talkinghead.core.types import Face, Image, Pixels
from talkinghead.drivers.frames import Folder, tracked_folder
from talkinghead.drivers.opening import open_driving
from talkinghead.drivers.picture import picture_motion
from talkinghead.drivers.tracking.stream import Calibration
from talkinghead.drivers.video import VideoDriver, tracked, tracked_video
from talkinghead.faces import find_face
from talkinghead.media.image_writing import write_image
from talkinghead.media.images import read_image
from talkinghead.media.video import write_video
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX
from talkinghead.motion.motion import Motion

from .conftest import BLINKS, FPS, NEUTRAL, KnownClip

JAW, SMILE, BLINK = (BLENDSHAPE_INDEX[name] for name in ("jawOpen", "mouthSmileLeft", "eyeBlinkLeft"))


@dataclass
class Read:
    """What a driver made of a clip."""

    motion: Motion
    calibration: Calibration
    lost: int


def read(frames: list[Pixels], portrait: Face | None = None) -> Read:
    """Push every frame into a driver of its own."""
    driver = VideoDriver(FPS, portrait=portrait)
    pushed = [*[driver.push(pixels) for pixels in frames], driver.finish()]
    driver.close()
    motion = Motion.concatenate([part for part in pushed if part is not None])
    assert driver.calibration is not None
    assert driver.report is not None
    return Read(motion, driver.calibration, driver.report.lost)


@pytest.fixture(scope="module")
def seen(known_clip: KnownClip) -> Read:
    return read(known_clip.frames)


def test_every_frame_becomes_one_frame_of_motion(seen: Read, known_clip: KnownClip) -> None:
    assert len(seen.motion) == len(known_clip.frames)
    assert seen.motion.fps == FPS
    assert seen.lost == 0


def test_a_clip_of_pictures_gives_what_its_driver_gives(seen: Read, known_clip: KnownClip) -> None:
    driving = tracked(known_clip.frames, FPS, frames=len(known_clip.frames))
    again = Motion.concatenate(list(driving))
    np.testing.assert_array_equal(again.blendshapes, seen.motion.blendshapes)
    np.testing.assert_array_equal(again.rotation, seen.motion.rotation)
    assert (driving.frames, driving.single) == (len(again), False)
    assert driving.report is not None
    assert (driving.report.frames, driving.report.lost) == (len(again), 0)


def test_the_jaw_is_tracked_in_time_and_size(seen: Read, known_clip: KnownClip) -> None:
    found, drawn = seen.motion.blendshapes[:, JAW], known_clip.motion.blendshapes[:, JAW]
    assert np.corrcoef(found, drawn)[0, 1] > 0.95
    lags = [np.corrcoef(np.roll(found, k)[4:-4], drawn[4:-4])[0, 1] for k in (-2, -1, 0, 1, 2)]
    assert int(np.argmax(lags)) == 2  # none
    assert found[drawn > 0.6].mean() == pytest.approx(drawn[drawn > 0.6].mean(), rel=0.35)


def test_neutral_is_found_though_the_clip_does_not_begin_with_it(seen: Read) -> None:
    assert seen.calibration.neutral.frame in NEUTRAL
    assert seen.calibration.matched_frame is None
    assert not seen.motion.rest.blendshapes.any()
    assert seen.motion.blendshapes[NEUTRAL.start + 2 : NEUTRAL.stop - 2, JAW].max() < 0.08


def test_smile_and_blinks_are_found(seen: Read) -> None:
    found = seen.motion.blendshapes
    # The portrait smiles already, which leaves less to add.
    assert found[66:, SMILE].mean() > 0.3
    assert found[NEUTRAL.start : NEUTRAL.stop, SMILE].mean() < 0.1
    for middle in BLINKS:
        assert found[middle - 1 : middle + 2, BLINK].max() > 0.5
    assert found[NEUTRAL.start : NEUTRAL.stop, BLINK].mean() < 0.15


def test_head_pose_follows_in_sign_and_size(seen: Read, known_clip: KnownClip) -> None:
    for axis in (0, 1):
        found = seen.motion.rotation[:40, axis] - seen.motion.rest.rotation[axis]
        drawn = known_clip.motion.rotation[:40, axis]
        assert np.corrcoef(found, drawn)[0, 1] > 0.9
        assert 0.5 < np.ptp(found) / np.ptp(drawn) < 1.5


def test_a_portrait_that_is_a_frame_of_the_driver_is_what_motion_counts_from(known_clip: KnownClip) -> None:
    face = find_face(Image(known_clip.frames[7]))
    matched = read(known_clip.frames[:30], portrait=face)
    motion = matched.motion
    assert matched.calibration.matched_frame in (6, 7, 8)
    assert np.abs(motion.rotation[7] - motion.rest.rotation).max() < 1.5
    assert abs(motion.scale[7] / motion.rest.scale - 1) < 0.02
    # A renderer closes a portrait's mouth itself: the jaw counts from there, whatever the portrait does.
    assert motion.rest.blendshapes[JAW] < 0.1
    other = Face(face.landmarks * np.array([1, 1.25, 1], np.float32))
    assert read(known_clip.frames[:30], portrait=other).calibration.matched_frame is None


def test_a_face_that_goes_away_is_counted_and_comes_back(known_clip: KnownClip, tmp_path: Path) -> None:
    blank = np.full_like(known_clip.frames[0], 128)
    frames = [*known_clip.frames[:30], *[blank] * 20, *known_clip.frames[44:56]]
    write_video(tmp_path / "gap.mp4", frames, FPS)
    driving = tracked_video(tmp_path / "gap.mp4")
    motion = Motion.concatenate(list(driving))
    assert driving.frames == len(motion) == 62
    assert driving.sound is None
    assert driving.report is not None
    assert 18 <= driving.report.lost <= 26  # finding it again may take a few frames
    assert driving.report.gaps == 1
    assert np.abs(motion.blendshapes[47:49]).max() < 0.15
    assert np.isfinite(motion.rotation).all()


@pytest.mark.parametrize(("frames", "calibration_s"), [(41, 0.4), (1, 20.0)])
def test_streams_of_any_calibration_length_hold_every_frame(
    known_clip: KnownClip, frames: int, calibration_s: float
) -> None:
    driving = tracked(known_clip.frames[:frames], FPS, calibration_s=calibration_s)
    assert sum(len(chunk) for chunk in driving) == frames


def test_a_long_clip_is_looked_at_before_and_comes_before_all_of_it_is_tracked(known_clip: KnownClip) -> None:
    # More than four seconds: there and back.
    frames = [*known_clip.frames, *reversed(known_clip.frames)]
    read_so_far = 0

    class Counted(Iterable[Pixels]):
        def __iter__(self) -> Iterator[Pixels]:
            nonlocal read_so_far
            for number, pixels in enumerate(frames, start=1):
                read_so_far = number
                yield pixels

    stream = iter(tracked(Counted(), FPS, frames=len(frames)))
    chunks = [next(stream)]
    assert read_so_far < len(frames) / 2
    motion = Motion.concatenate([*chunks, *stream])
    assert len(motion) == len(frames)
    drawn = known_clip.motion.blendshapes[:, JAW]
    assert np.corrcoef(motion.blendshapes[:, JAW], np.concatenate([drawn, drawn[::-1]]))[0, 1] > 0.95


def test_no_face_and_no_video_are_said_in_one_line(tmp_path: Path) -> None:
    noise = [np.random.default_rng(i).integers(0, 255, (96, 96, 3), np.uint8) for i in range(6)]
    write_video(tmp_path / "noise.mp4", noise, FPS)
    with pytest.raises(FaceError, match=r"noise\.mp4: no face"):
        list(tracked_video(tmp_path / "noise.mp4"))
    with pytest.raises(FaceError, match=r"noise\.mp4 shows no face number 2"):
        list(tracked_video(tmp_path / "noise.mp4", face=2))
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(VideoError, match=r"text\.mp4 cannot be read as video"):
        tracked_video(tmp_path / "text.mp4")
    with pytest.raises(VideoError, match="no file"):
        tracked_video(tmp_path / "nowhere.mp4")


def test_a_folder_is_read_in_the_order_of_its_numbers(known_clip: KnownClip, tmp_path: Path) -> None:
    for number in (1, 2, 10, 9):
        write_image(tmp_path / f"frame{number}.png", known_clip.frames[{1: 0, 2: 2, 9: 4, 10: 6}[number]])
    (tmp_path / "notes.txt").write_text("not a frame")
    assert [path.name for path in Folder(tmp_path).paths] == ["frame1.png", "frame2.png", "frame9.png", "frame10.png"]
    driving = tracked_folder(tmp_path, fps=Fraction(25))
    motion = Motion.concatenate(list(driving))
    drawn = known_clip.motion.blendshapes[[0, 2, 4, 6], JAW]
    assert len(motion) == driving.frames == 4
    assert np.argmin(motion.blendshapes[:, JAW]) == np.argmin(drawn)


def test_a_folders_sound_lies_beside_its_frames(known_clip: KnownClip, tmp_path: Path, examples: Path) -> None:
    write_image(tmp_path / "1.png", known_clip.frames[0])
    assert open_driving(tmp_path).sound is None
    (tmp_path / "audio.wav").write_bytes((examples / "speech.wav").read_bytes())
    sound = open_driving(tmp_path).sound
    assert sound is not None
    assert sound.duration_s > 1
    (tmp_path / "empty").mkdir()
    with pytest.raises(VideoError, match="no pictures"):
        tracked_folder(tmp_path / "empty", fps=FPS)


def test_one_picture_gives_one_frame_or_an_eased_clip(known_clip: KnownClip, tmp_path: Path) -> None:
    talking = Image(known_clip.frames[0])
    one = picture_motion(talking, fps=FPS)
    assert len(one) == 1
    assert one.blendshapes[0, JAW] > 0.3
    clip = picture_motion(talking, fps=FPS, clip=True)
    jaw = clip.blendshapes[:, JAW]
    assert len(clip) > 30
    assert jaw[0] == jaw[-1] == 0
    assert jaw.max() == pytest.approx(one.blendshapes[0, JAW])
    assert np.abs(np.diff(jaw)).max() < 0.2 * jaw.max()
    write_image(tmp_path / "talking.png", talking.pixels)
    for still, frames in ((True, 1), (False, len(clip))):
        driving = open_driving(tmp_path / "talking.png", fps=FPS, still=still)
        assert (driving.single, driving.frames) == (still, frames)
        assert sum(len(chunk) for chunk in driving) == frames


def test_a_picture_without_a_face_does_not_drive() -> None:
    with pytest.raises((FaceError, ImageError), match="black"):
        picture_motion(Image(np.zeros((64, 64, 3), np.uint8), name="black"), fps=FPS)


def test_a_driver_that_is_cut_neither_smooths_nor_flies_off_across_the_cut(examples: Path) -> None:
    pixels = read_image(examples / "astronaut.png", max_side_px=320).pixels
    near = np.asarray(cv2.resize(pixels[20:220, 60:260], (320, 320)), np.uint8)  # the same person in a close-up
    title = np.full_like(pixels, 40)
    motion = Motion.concatenate(list(tracked([pixels] * 10 + [title] * 3 + [near] * 10, Fraction(25))))
    assert len(motion) == 23
    # Where the head stands in another shot, and how large it is, is no motion of it.
    assert np.abs(motion.translation).max() < 0.02
    assert np.abs(np.log(motion.scale)).max() < 0.02
    straight = Motion.concatenate(list(tracked([pixels] * 10 + [near] * 10, Fraction(25))))
    for part in (straight.rotation[:10], straight.rotation[10:]):
        assert np.ptp(part, axis=0).max() < 0.5
