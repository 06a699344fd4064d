"""What somebody stumbles over who has not read the manual: each gets a line that says what to do."""

from __future__ import annotations

import shutil
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from talkinghead.cli import main
from talkinghead.cli.progress import progress
from talkinghead.media.images import read_image
from talkinghead.media.video import write_video


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    path = tmp_path / "voice.wav"
    soundfile.write(path, 0.3 * np.sin(np.arange(4000) / 9), 16_000)
    return path


def test_swapped_arguments_and_a_missing_command_are_told(examples: Path, voice: Path) -> None:
    portrait = examples / "astronaut.png"
    swapped = run("speak", voice, portrait)
    assert swapped.exit_code == 1
    assert "is a recording: the picture comes first" in swapped.output
    missing = run(portrait, voice)
    assert missing.exit_code == 2
    assert f"talkinghead speak {portrait} {voice}" in missing.output
    assert "do you mean `talkinghead speak`?" in run("speek", portrait, voice).output


def test_an_address_stays_whole_in_its_message(voice: Path) -> None:
    said = run("speak", "https://example.com/face.png", voice)
    assert said.exit_code == 2
    assert "https://example.com/face.png is an address: download the file first" in said.output


def test_a_text_in_another_script_is_not_spelled_out(examples: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    words = ("speak", examples / "astronaut.png", "--text", "Привет, как дела?", "-o", out)
    said = run(*words, "--voice", "de")
    assert said.exit_code == 1
    assert "cyrillic" in said.output.lower()
    assert "--voice ru" in said.output
    assert not out.exists()
    said = run(*words)
    assert said.exit_code == 0, said.output
    assert "spoken by espeak-ng ru" in " ".join(said.output.split())


def test_a_text_may_stand_in_a_file(examples: Path, tmp_path: Path) -> None:
    text, out = tmp_path / "text.txt", tmp_path / "out.mp4"
    text.write_text("\ufeffHi.", encoding="utf-8")
    said = run("speak", examples / "astronaut.png", "--text-file", text, "-o", out, "--renderer", "warp", "-q")
    assert said.exit_code == 0, said.output
    assert out.exists()
    text.write_bytes(b"\xff\xfe\x00")
    said = run("speak", examples / "astronaut.png", "--text-file", text, "-o", out, "--force")
    assert "not a text in UTF-8" in said.output


@pytest.mark.parametrize("command", ["speak", "animate", "edit", "batch"])
def test_no_force_overwrites_what_the_result_is_made_from(
    examples: Path, voice: Path, tmp_path: Path, command: str
) -> None:
    pixels = read_image(examples / "astronaut.png", max_side_px=128).pixels
    own = tmp_path / "own.mp4"
    write_video(own, [pixels] * 6, Fraction(25))
    if command == "edit":
        own = tmp_path / "own.png"
        shutil.copy(examples / "astronaut.png", own)
    before = own.read_bytes()
    manifest = tmp_path / "rows.csv"
    manifest.write_text(f"source,audio,output\n{own},{voice},{own}\n")
    words: dict[str, list[str | Path]] = {
        "speak": [own, voice, "-o", own],
        "animate": [examples / "astronaut.png", own, "-o", own],
        "edit": [own, "--smile", "0.2", "-o", own],
        "batch": [manifest, "-o", tmp_path],
    }
    said = run(command, *words[command], "--force")
    assert said.exit_code == 1
    assert "is what this is made from" in said.output
    assert own.read_bytes() == before


def test_the_time_left_is_that_of_frames_not_of_loading(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with progress("drawing", 100) as advance:
        now = 80.0  # libraries and weights
        advance(1)
        for done in range(2, 42):
            now += 0.25
            advance(done)
        now += 10
        advance(81)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "drawing: 1/100 frames"
    assert lines[1:] == ["drawing: 41/100 frames, 15 s left", "drawing: 81/100 frames, 5 s left"]
