"""What the tabs ask of the Python API, with real small inputs."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from talkinghead.app import curves, making
from talkinghead.app.making import Avatars, Look, Manner, StoppedError
from talkinghead.app.picture_column import look_of
from talkinghead.core.errors import InputError
from talkinghead.core.settings import Gains, Settings
from talkinghead.media.video import VideoReader
from talkinghead.motion.files import load_motion

LOOK = Look(max_side=128)


@pytest.fixture(scope="module")
def avatars() -> Avatars:
    return Avatars(Settings(renderer="warp"))


def test_speaking_and_being_moved_by_what_was_spoken(avatars: Avatars, inputs: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    avatar = avatars.get(inputs / "face.png", LOOK)
    assert avatars.get(inputs / "face.png", LOOK) is avatar
    clip = making.speak(avatar, inputs / "speech.wav", "", "", Manner("happy", 0.5, Gains(mouth=0.5)))
    made = making.write(clip, tmp_path, "speaking.mp4", lambda *said: told.append(said), threading.Event())
    assert told[-1] == ("Drawing", 25, 25)
    with VideoReader(made.video) as video:
        frames = list(video)
    assert np.shape(frames) == (25, 128, 128, 3)
    motion = load_motion(made.motion)
    assert len(motion) == 25
    again = making.animate(avatar, made.motion, True, Manner(still=True))
    assert [frame.pixels.shape for frame in again.pictures()] == [(128, 128, 3)] * 25
    tables, facts = curves.of_file(made.motion)
    assert facts["frames"].startswith("25 at 25")
    jaw = tables["jaw and lips"].query("channel == 'jawOpen'")
    assert list(jaw["seconds"][:3]) == [0.0, 0.04, 0.08]
    assert np.allclose(jaw["value"], motion.blendshapes[:, 17], atol=1e-4) == (jaw["value"].max() > 0)
    assert set(tables["head, degrees"]["channel"]) == {"pitch", "yaw", "roll"}


def test_a_picture_stays_before_its_own_background_unless_another_is_chosen(
    avatars: Avatars, inputs: Path, tmp_path: Path
) -> None:
    own = avatars.get(inputs / "face.png", look_of(1, "picture", "", 128)).edit({})
    with Image.open(inputs / "face.png") as face:
        as_it_was = np.asarray(face.resize((128, 128)), np.float32)
    assert np.abs(own - as_it_was).mean() < 8
    lime = avatars.get(inputs / "face.png", look_of(1, "picture", "lime", 128)).edit({})
    assert lime[2, 2].tolist() == [0, 255, 0]
    with pytest.raises(InputError, match="is not a colour: write blur, white or #00ff00"):
        look_of(1, "picture", str(inputs / "two.png"), 128)  # a file is this machine's
    # A video keeps that there is nothing behind.
    look = look_of(1, "picture", "transparent", 128)
    clip = making.speak(avatars.get(inputs / "face.png", look), inputs / "speech.wav", "", "", Manner())
    made = making.write(clip, tmp_path, f"clear{look.suffix}", lambda *said: None, threading.Event())
    assert (made.video.name, made.motion.name, LOOK.suffix) == ("clear.webm", "clear.npz", ".mp4")
    with VideoReader(made.video) as video:
        assert len(list(video)) == 25


def test_what_is_stopped_leaves_nothing(avatars: Avatars, inputs: Path, tmp_path: Path) -> None:
    stopped = threading.Event()

    def stop_soon(stage: str, done: int, total: int | None) -> None:
        if done == 3:
            stopped.set()

    clip = making.speak(avatars.get(inputs / "face.png", LOOK), inputs / "speech.wav", None, None, Manner())
    with pytest.raises(StoppedError):
        making.write(clip, tmp_path, "speaking.mp4", stop_soon, stopped)
    with pytest.raises(StoppedError):
        making.write(clip, tmp_path, "speaking.mp4", stop_soon, stopped)
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_or_too_much_is_said(avatars: Avatars, inputs: Path) -> None:
    avatar = avatars.get(inputs / "face.png", LOOK)
    with pytest.raises(InputError, match="give a recording, or write a text"):
        making.speak(avatar, None, " ", "", Manner())
    with pytest.raises(InputError, match="remove one"):
        making.speak(avatar, inputs / "speech.wav", "Hello.", "", Manner())
    with pytest.raises(InputError, match="a video of a moving face"):
        making.animate(avatar, None, False, Manner())


def test_avatars_are_forgotten(inputs: Path) -> None:
    avatars = Avatars(Settings(renderer="warp"))
    first = avatars.get(inputs / "face.png", LOOK)
    avatars.forget(inputs / "two.png")
    assert avatars.get(inputs / "face.png", LOOK) is first
    avatars.forget(inputs / "face.png")
    assert avatars.get(inputs / "face.png", LOOK) is not first


def test_faces_are_found_and_chosen_by_a_point(inputs: Path) -> None:
    pixels, found, boxes = making.faces(inputs / "two.png")
    assert pixels.shape == (300, 512, 3)
    assert [face.index for face in found] == [1, 2]
    for number, (x, y, width, height) in enumerate(boxes, 1):
        assert making.face_at(boxes, x + width / 2, y + height / 2) == number
    left = 1 if boxes[0][0] < boxes[1][0] else 2
    assert making.face_at(boxes, 0, 0) == left
    assert making.face_at(boxes, 511, 299) == 3 - left


def test_a_long_motion_is_thinned(inputs: Path) -> None:
    from fractions import Fraction

    from talkinghead.motion.motion import Motion

    motion = Motion.from_blendshapes(np.zeros((2000, 52)), Fraction(25))
    gaze = curves.tables(motion)["gaze"]
    assert gaze.groupby("channel").size().tolist() == [500] * 4
    assert gaze["seconds"].max() == pytest.approx(1996 / 25)
