"""`talkinghead speak --text`: nothing to install by hand, lips that follow the words' own sounds."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from audio2motion.targets import opening_of
from talkinghead.cli import main
from talkinghead.media.audio import probe_audio
from talkinghead.media.video import VideoReader
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX
from talkinghead.motion.files import load_motion

Run = Callable[..., Result]


@pytest.fixture
def run(beside_a_face: None) -> Run:
    return lambda *args: CliRunner().invoke(main, ["speak", "face.png", *(str(arg) for arg in args)])


def test_text_becomes_a_video_with_sound_and_lips(run: Run) -> None:
    result = run("--text", "Mama, ein Baum!", "--voice", "de", "--save-motion", "m.npz")
    assert result.exit_code == 0, result.output
    sound = probe_audio("face--text.mp4")
    with VideoReader("face--text.mp4") as video:
        assert video.frames is not None
        assert abs(video.frames / 25 - sound.duration_s) <= 1 / 25
    motion = load_motion("m.npz")
    assert len(motion) == video.frames
    opening = opening_of(motion.blendshapes)
    assert opening.max() > 0.5
    assert (opening < 0.08).mean() > 0.2


def test_another_engine_speaks(run: Run, tmp_path: Path) -> None:
    program = (
        "import sys, wave, random; random.seed(1); n = 800 * len(sys.stdin.read())\n"
        "with wave.open(sys.argv[1], 'wb') as f:\n"
        "    f.setparams((1, 2, 16000, 0, 'NONE', '')); f.writeframes(random.randbytes(2 * n))"
    )
    (tmp_path / "engine.py").write_text(program)
    command = f"{shlex.quote(sys.executable)} engine.py {{out}}"
    result = run("--text", "twelve chars", "--tts-command", command, "-o", "a.mkv")
    assert result.exit_code == 0, result.output
    assert probe_audio("a.mkv").codec == "pcm_s16le"
    assert probe_audio("a.mkv").duration_s == pytest.approx(13 * 0.05, abs=1e-3)
    with VideoReader("a.mkv") as video:
        assert np.stack(list(video)).shape == (16, 256, 256, 3)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "give either AUDIO or --text"),
        (("a.wav", "--text", "hi"), 2, "give either AUDIO or --text"),
        (("a.wav", "--voice", "de"), 2, "are for --text"),
        (("--text", "hi", "--face", "all"), 2, "--text is for one face"),
        (("--text", ""), 1, "no text to speak"),
        (("--text", "hi", "--voice", "qqq"), 1, "no voice 'qqq'"),
        (("--text", "hi", "--tts-command", "no-such-engine {out}"), 1, "'no-such-engine' does not run"),
        (("--text", "hi", "--voice", "de", "--tts-command", "x"), 1, "within the speech command"),
    ],
)
def test_what_does_not_fit_is_one_line(run: Run, arguments: tuple[str, ...], code: int, message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == code
    assert message in result.output
    assert "Traceback" not in result.output
    assert not list(Path().glob("*.mp4"))


def test_emotions_in_the_text_are_shown_at_their_time_and_not_spoken(run: Run) -> None:
    words = ("--text", "[happy] Good morning, everybody. [sad=0.5] Goodbye, everybody.", "--save-motion", "m.csv")
    result = run(*words, "--fps", "20", "-o", "tagged.mp4")
    assert result.exit_code == 0, result.output
    weights = load_motion("m.csv").blendshapes
    smile = weights[:, BLENDSHAPE_INDEX["mouthSmileLeft"]]
    frown = weights[:, BLENDSHAPE_INDEX["mouthFrownLeft"]]
    middle = len(weights) // 2
    assert smile[12 : middle - 12].min() > 0.5
    assert smile[-5:].max() < 0.1
    assert frown[12 : middle - 12].max() < 0.1
    assert frown[-5:].min() > 0.3
    # Lips close in between all the same.
    assert (opening_of(weights)[:middle] < 0.08).any()


def test_a_tag_that_is_none_is_refused_before_anything_is_opened(run: Run) -> None:
    result = CliRunner().invoke(main, ["speak", "nothing.png", "--text", "[hapy] Hello."])
    assert result.exit_code == 1
    assert "there is no tag [hapy]: tags are [happy], [sad]" in result.output
    result = run("--text", "Hello.", "--emotion", "hapy")
    assert result.exit_code == 2
    assert "there is no emotion 'hapy'" in result.output


def test_a_video_on_standard_output_and_nothing_else_there(run: Run, tmp_path: Path) -> None:
    del run  # has made the picture, and stands in its folder
    command = [sys.executable, "-m", "talkinghead", "speak", "face.png", "--text", "Hello. You there.", "-o", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stdout[4:8] == b"ftyp"
    (tmp_path / "out.mp4").write_bytes(done.stdout)
    with VideoReader("out.mp4") as video:
        assert sum(1 for _ in video) == round(probe_audio("out.mp4").duration_s * 25)
    assert b"frames" in done.stderr
    refused = subprocess.run([*command, "--force"], capture_output=True, check=False)
    assert (refused.returncode, b"--force is for files" in refused.stderr) == (2, True)
