"""Ten more kinds of input, hostile or odd, tried with the real commands; see docs/robustness.md."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image as pillow  # noqa: N813

from talkinghead.core.errors import AudioError, ImageError, InputError, MotionError
from talkinghead.core.settings import Settings, parse_face
from talkinghead.media.audio import probe_audio, read_audio_blocks
from talkinghead.media.images import read_image
from talkinghead.media.kinds import kind_of
from talkinghead.media.video import write_video
from talkinghead.motion.files import load_motion

_GREY = np.full((32, 32, 3), 99, np.uint8)


def _wave(seconds: float, rate_hz: int) -> np.ndarray:
    return 0.5 * np.sin(np.arange(round(seconds * rate_hz)) * 2 * np.pi * 300 / rate_hz).astype(np.float32)


def test_an_icon_is_a_picture(tmp_path: Path) -> None:
    pillow.fromarray(_GREY).resize((64, 64)).save(tmp_path / "a.ico", sizes=[(32, 32), (64, 64)])
    assert kind_of(tmp_path / "a.ico") == "picture"
    assert read_image(tmp_path / "a.ico").size_px == (64, 64)


def test_postscript_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Ghostscript is installed, Pillow has it run what an EPS says."""
    program = tmp_path / "gs"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/run\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    path = tmp_path / "a.png"
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\nshowpage\n")
    with pytest.raises(ImageError, match="is not a picture that can be read"):
        read_image(path)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".mkv"])
def test_sound_of_seventeen_channels_becomes_one(tmp_path: Path, suffix: str) -> None:
    """As recorders of many microphones write it; no encoder takes so many."""
    wave = _wave(0.4, 16_000)
    soundfile.write(tmp_path / "a.wav", np.tile(wave[:, None], (1, 17)), 16_000)
    result = write_video(tmp_path / f"b{suffix}", [_GREY] * 10, Fraction(25), tmp_path / "a.wav")
    if result.audio != "copied":
        assert probe_audio(result.path).channels == 1
        heard = np.concatenate(list(read_audio_blocks(result.path)))
        assert abs(float(heard[2000:5000].std()) - float(wave[2000:5000].std())) < 0.05


@pytest.mark.parametrize("rate_hz", [1, 500])
def test_sound_of_a_few_samples_a_second_is_refused(tmp_path: Path, rate_hz: int) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(4000, np.float32), rate_hz)
    for read in (probe_audio, lambda path: next(read_audio_blocks(path))):
        with pytest.raises(AudioError, match="in which no voice is heard"):
            read(tmp_path / "a.wav")


@pytest.mark.parametrize("name", ["a.csv", "a.npz"])
def test_motion_of_gigabytes_is_refused_at_once(tmp_path: Path, name: str) -> None:
    """What a download leaves that has been given its size beforehand."""
    with (tmp_path / name).open("wb") as file:
        file.truncate(3 << 30)
    with pytest.raises(MotionError) as error:
        load_motion(tmp_path / name)
    assert "pickle" not in str(error.value)  # numpy's advice is to run it


@pytest.mark.parametrize("text", ["\x1e1", "\x1f2"])
def test_a_face_after_a_sign_that_cannot_be_seen(text: str) -> None:
    assert parse_face(text) == int(text[1:])


def test_a_background_whose_name_no_file_can_have() -> None:
    with pytest.raises(InputError, match="is not a colour, nor is there such a file"):
        Settings(background="b" * 300)
