"""Several faces in one picture, each with a voice of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

import talkinghead
from talkinghead.canvas.several import count_faces, merge_changes
from talkinghead.cli import main
from talkinghead.core.errors import FaceError, InputError
from talkinghead.core.types import Image
from talkinghead.media.audio import probe_audio
from talkinghead.media.image_writing import write_image
from talkinghead.media.images import read_image
from talkinghead.media.sound import MixedSound, PaddedSound, open_sound
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX
from talkinghead.motion.files import load_motion

Recording = Callable[..., Path]


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    def make(name: str, seconds: float, level: float = 0.3) -> Path:
        path = tmp_path / name
        wave = level * np.sin(np.arange(int(16000 * seconds)) * 0.1)
        soundfile.write(path, wave, 16000)
        return path

    return make


@pytest.mark.parametrize("seconds", [0.5, 2.5])
def test_recordings_are_cut_or_filled_with_silence(recording: Recording, seconds: float) -> None:
    padded = PaddedSound(open_sound(recording("a.wav", 1.5)), seconds)
    assert padded.duration_s == seconds
    samples = np.concatenate(list(padded.blocks(16000)))
    assert len(samples) == 16000 * seconds
    assert np.abs(samples[: int(0.4 * 16000)]).max() > 0.2
    assert not samples[int(1.6 * 16000) :].any()


def test_silence_is_silence() -> None:
    samples = np.concatenate(list(PaddedSound(None, 2.2).blocks(16000)))
    assert len(samples) == round(2.2 * 16000)
    assert not samples.any()


def test_voices_are_added_without_clipping(recording: Recording) -> None:
    voices = [open_sound(recording("a.wav", 1.0, 0.9)), open_sound(recording("b.wav", 2.0, 0.9))]
    with MixedSound(voices, 2.0).file() as path:
        samples, rate = soundfile.read(path)
    assert len(samples) == 2 * rate
    assert 0.9 < np.abs(samples[: rate // 2]).max() < 1
    assert np.abs(samples[-rate // 2 :]).max() == pytest.approx(np.tanh(0.9), abs=0.2)
    assert not path.exists()


def test_changes_of_several_pictures_come_together() -> None:
    background = np.full((4, 6, 3), 100, np.uint8)
    left, right = background.copy(), background.copy()
    left[:, :3], right[:, 2:] = 160, 20
    both = merge_changes(background, [left, right])
    assert both[0, :, 0].tolist() == [160, 160, 80, 20, 20, 20]
    assert merge_changes(background, [np.full_like(background, 255)] * 2).min() == 255


@pytest.fixture
def couple(tmp_path: Path, examples: Path) -> Path:
    """The admiral on the left, the astronaut, whose face is larger, on the right."""
    left, right = (read_image(examples / name).pixels for name in ("grace_hopper.jpg", "astronaut.png"))
    left = cv2.resize(left, (437, 512), interpolation=cv2.INTER_AREA)
    write_image(tmp_path / "couple.png", np.hstack([left, right]))
    return tmp_path / "couple.png"


@pytest.fixture
def speech(tmp_path: Path, examples: Path) -> Path:
    """0.6 seconds of the example recording."""
    samples, rate = soundfile.read(examples / "speech.wav", dtype="float32")
    soundfile.write(tmp_path / "speech.wav", samples[: int(0.6 * rate)], rate)
    return tmp_path / "speech.wav"


def test_faces_are_counted(couple: Path) -> None:
    assert count_faces(read_image(couple)) == 2
    with pytest.raises(FaceError, match=r"no face was found in wall\.png"):
        count_faces(Image(np.full((100, 100, 3), 127, np.uint8), name="wall.png"))


def test_each_face_speaks_its_own_track(couple: Path, recording: Recording, speech: Path) -> None:
    silence = recording("silence.wav", 0.6, 0.0)
    clip = talkinghead.speak(couple, silence, tracks={2: speech}, face="all", still=True, renderer="warp")
    assert clip.faces == 2
    first, *_, last = frames = np.stack(list(clip)).astype(np.int16)
    change = np.abs(frames - first).max(axis=(0, 3))
    # The astronaut speaks on the right; the admiral on the left keeps her mouth shut.
    assert change[140:200, 437 + 190 : 437 + 260].max() > 40
    assert change[220:270, 180:250].max() < 25
    assert last.shape == first.shape


def test_a_clip_lasts_as_long_as_its_longest_voice(couple: Path, recording: Recording, tmp_path: Path) -> None:
    short, long = recording("short.wav", 0.3), recording("long.wav", 0.8)
    clip = talkinghead.speak(couple, short, tracks={2: long}, face="all", renderer="warp")
    assert clip.frames == 20
    clip.save(tmp_path / "both.mp4")
    assert probe_audio(tmp_path / "both.mp4").duration_s == pytest.approx(0.8, abs=0.05)


def test_the_motion_of_every_face_is_saved_in_a_file_of_its_own(
    couple: Path, recording: Recording, speech: Path, tmp_path: Path
) -> None:
    silence = recording("silence.wav", 0.6, 0.0)
    words = ["speak", str(couple), str(silence), "--face", "all", "--track", f"2={speech}", "--renderer",
             "warp", "-o", str(tmp_path / "out.mp4"), "--save-motion", str(tmp_path / "m.npz")]  # fmt: skip
    made = CliRunner().invoke(main, words)
    assert made.exit_code == 0, made.output
    assert not (tmp_path / "m.npz").exists()
    silent, speaking = (load_motion(tmp_path / f"m-face{number}.npz") for number in (1, 2))
    assert len(silent) == len(speaking) == 15
    jaw = BLENDSHAPE_INDEX["jawOpen"]
    assert silent.blendshapes[:, jaw].max() < 0.05 < 0.15 < speaking.blendshapes[:, jaw].max()
    # Two faces do not blink and nod as one.
    assert not np.array_equal(silent.rotation, speaking.rotation)
    # A file that is in the way is told before anything is drawn.
    (tmp_path / "out.mp4").unlink()
    (tmp_path / "m-face1.npz").unlink()
    refused = CliRunner().invoke(main, words)
    assert refused.exit_code == 1
    assert "m-face2.npz exists already" in refused.output
    assert not (tmp_path / "out.mp4").exists()


def test_a_track_for_a_face_that_is_not_there_is_refused(couple: Path, recording: Recording) -> None:
    tracks = {5: recording("b.wav", 0.5)}
    with pytest.raises(FaceError, match="there is no face 5 to speak"):
        talkinghead.speak(couple, recording("a.wav", 0.5), tracks=tracks, face="all", renderer="warp")
    with pytest.raises(InputError, match="tracks are for several faces"):
        talkinghead.speak(couple, recording("a.wav", 0.5), tracks=tracks, renderer="warp")
    with pytest.raises(InputError, match="a text is for one face"):
        talkinghead.speak(couple, text="hello", face="all", renderer="warp")
