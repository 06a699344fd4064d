"""What a file is, its content says, not its name."""

from __future__ import annotations

import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image as pillow  # noqa: N813

from talkinghead.calls import animate, edit, speak
from talkinghead.core.errors import ImageError, InputError, VideoError
from talkinghead.media.ffmpeg import find_ffmpeg
from talkinghead.media.images import read_image
from talkinghead.media.video import VideoReader, write_video


@pytest.fixture(scope="module")
def clip(examples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a second of a portrait that slides."""
    pixels = read_image(examples / "astronaut.png", max_side_px=320).pixels
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    write_video(path, (np.roll(pixels, 2 * k, axis=1) for k in range(12)), Fraction(25), quality=10)
    return path


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("voice") / "voice.wav"
    soundfile.write(path, 0.3 * np.sin(np.arange(8000) / 20) * np.sin(np.arange(8000) / 900), 16000)
    return path


def moving(folder: Path, examples: Path, suffix: str, frames: int = 6) -> Path:
    """An animated picture of a portrait that slides by 4 pixels a frame."""
    pixels = read_image(examples / "astronaut.png", max_side_px=256).pixels
    first, *others = [pillow.fromarray(np.roll(pixels, 4 * k, axis=1)) for k in range(frames)]
    path = folder / f"moving{frames}.{suffix}"
    first.save(path, save_all=True, append_images=others, duration=80)
    return path


@pytest.mark.parametrize("name", ["upload_tmp8f3", "clip.3gp", "clip.jpg", "clip.MP4_"])
def test_a_video_is_one_whatever_its_name(clip: Path, voice: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    shutil.copy(clip, path)
    spoken = speak(path, voice, renderer="warp")
    assert spoken.frames == 12
    assert next(iter(spoken)).shape == read_size(clip)


def read_size(path: Path) -> tuple[int, int, int]:
    with VideoReader(path) as reader:
        return (*reader.size_px[::-1], 3)


def test_an_old_phones_video_is_read(clip: Path, voice: Path, tmp_path: Path) -> None:
    path = tmp_path / "phone.3gp"
    subprocess.run([find_ffmpeg(), "-loglevel", "error", "-i", str(clip), "-s", "352x288", "-c:v", "h263", "-r",
                    "25", "-q:v", "2", str(path)], check=True)  # fmt: skip
    assert speak(path, voice, renderer="warp").frames == 12


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_an_animated_picture_drives_as_the_video_that_it_is(examples: Path, tmp_path: Path, suffix: str) -> None:
    path = moving(tmp_path, examples, suffix)
    driven = animate(examples / "astronaut.png", path, renderer="warp")
    assert driven.fps == Fraction(25, 2)
    assert driven.frames == 6
    hidden = tmp_path / "no suffix"
    shutil.copy(path, hidden)
    assert animate(examples / "astronaut.png", hidden, renderer="warp").frames == 6


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_one_frame_is_a_picture(examples: Path, tmp_path: Path, suffix: str) -> None:
    path = moving(tmp_path, examples, suffix, frames=1)
    assert animate(examples / "astronaut.png", path, renderer="warp", single=True).frames == 1


def test_an_animated_picture_is_edited_as_its_first_frame(examples: Path, tmp_path: Path) -> None:
    assert edit(moving(tmp_path, examples, "gif"), {"smile": 0.3}, renderer="warp").shape == (256, 256, 3)


def test_a_picture_is_one_whatever_its_name(examples: Path, voice: Path, tmp_path: Path) -> None:
    path = tmp_path / "portrait.mp4"
    shutil.copy(examples / "astronaut.png", path)
    assert speak(path, voice, renderer="warp").frames == 12


def test_a_motion_file_needs_no_suffix(clip: Path, examples: Path, tmp_path: Path) -> None:
    from talkinghead.motion.files import save_motion
    from talkinghead.motion.motion import Motion

    motion = Motion.from_blendshapes(np.zeros((7, 52), np.float32), Fraction(25))
    for suffix in (".npz", ".pkl", ".csv"):
        path = tmp_path / f"dance{suffix.removeprefix('.')}"
        save_motion(motion, tmp_path / f"dance{suffix}").rename(path)
        assert animate(examples / "astronaut.png", path, renderer="warp").frames == 7


def test_a_recording_is_told_where_it_does_not_belong(examples: Path, voice: Path, tmp_path: Path) -> None:
    nameless = tmp_path / "voice"
    shutil.copy(voice, nameless)
    with pytest.raises(ImageError, match="is a recording: the picture comes first"):
        speak(nameless, examples / "astronaut.png")
    with pytest.raises(InputError, match="is a recording"):
        animate(examples / "astronaut.png", nameless)


def test_damaged_files_get_the_message_of_what_their_names_promise(voice: Path, tmp_path: Path) -> None:
    for name, error in (("a.mp4", VideoError), ("a.png", ImageError), ("a", ImageError)):
        path = tmp_path / name
        path.write_bytes(b"neither this nor that" * 100)
        with pytest.raises(error):
            speak(path, voice)
