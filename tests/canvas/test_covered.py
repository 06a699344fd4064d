"""What a covered mouth does to the commands and calls that would move it."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

import talkinghead
from benchmarks.mouth_covers.covers import mask
from talkinghead.canvas.covered import covered_at_first
from talkinghead.cli import main
from talkinghead.core.errors import FaceError
from talkinghead.core.types import Pixels
from talkinghead.faces import find_face
from talkinghead.media.image_writing import write_image
from talkinghead.media.images import read_image
from talkinghead.media.video import write_video

EXAMPLES = Path(__file__).parents[2] / "examples"
SAID = "something covers the mouth of the face in masked.png: choose another picture, or draw it all the same"
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def bare() -> Pixels:
    return read_image(EXAMPLES / "grace_hopper.jpg").pixels


@pytest.fixture(scope="module")
def masked(bare: Pixels) -> Pixels:
    return mask(bare, find_face(read_image(EXAMPLES / "grace_hopper.jpg")), np.random.default_rng(3))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, masked: Pixels) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TALKINGHEAD_CHECKPOINTS", raising=False)
    write_image("masked.png", masked)
    soundfile.write("short.wav", np.random.default_rng(0).normal(0, 0.1, 4800).astype(np.float32), 16000)
    return lambda *args: CliRunner().invoke(main, [*map(str, args), "--renderer", "warp"])


def test_speak_refuses_in_one_line_and_can_be_forced(run: Run) -> None:
    refused = run("speak", "masked.png", "short.wav", "-o", "out.mp4")
    assert refused.exit_code == 1
    assert refused.stderr == f"talkinghead: {SAID} (--force-mouth)\n"
    assert not Path("out.mp4").exists()
    for words in (("--force-mouth",), ("--mouth", "0")):
        made = run("speak", "masked.png", "short.wav", "-o", "out.mp4", "--force", *words)
        assert made.exit_code == 0, made.output


def test_an_edit_that_leaves_the_mouth_alone_is_made(run: Run) -> None:
    assert SAID in run("edit", "masked.png", "--smile", 0.5).stderr
    for words in (("--yaw", 5, "--blink", 0.5), ("--smile", 0.5, "--force-mouth")):
        made = run("edit", "masked.png", *words, "-o", "out.png", "--force")
        assert made.exit_code == 0, made.output


def test_faces_says_so(run: Run) -> None:
    listed = CliRunner().invoke(main, ["faces", "masked.png"])
    assert listed.exit_code == 0
    assert "something covers the mouth" in listed.stdout
    assert '"mouth_covered": true' in CliRunner().invoke(main, ["faces", "masked.png", "--json"]).stdout


def test_python_refuses_as_the_command_does(masked: Pixels, bare: Pixels) -> None:
    sound = np.zeros(4800, np.float32), 16000
    avatar = talkinghead.Avatar(masked, renderer="warp")
    with pytest.raises(FaceError, match="something covers the mouth"):
        avatar.speak(sound)
    with pytest.raises(FaceError, match="something covers the mouth"):
        avatar.session()
    with pytest.raises(FaceError, match="something covers the mouth"):
        avatar.motion_session(25)
    assert talkinghead.Avatar(masked, renderer="warp", force_mouth=True).speak(sound).faces == 1
    assert talkinghead.Avatar(bare, renderer="warp").speak(sound).faces == 1


def test_of_several_faces_the_covered_one_is_named(masked: Pixels, bare: Pixels) -> None:
    small = masked[::2, ::2]
    both = np.full((bare.shape[0], bare.shape[1] + small.shape[1], 3), 128, np.uint8)
    both[:, : bare.shape[1]] = bare
    both[: small.shape[0], bare.shape[1] :] = small
    sound = np.zeros(4800, np.float32), 16000
    with pytest.raises(FaceError, match="the mouth of face 2 in"):
        talkinghead.speak(both, sound, face="all", renderer="warp")
    assert talkinghead.speak(both, sound, face=1, renderer="warp").faces == 1


def test_a_video_is_judged_by_its_first_second(tmp_path: Path, masked: Pixels, bare: Pixels) -> None:
    """A hand that passes is not a mask."""
    for name, frames, expected in (
        ("mask", [masked] * 12, True), ("passing", [masked] * 4 + [bare] * 8, False), ("bare", [bare] * 12, False)
    ):  # fmt: skip
        path = tmp_path / f"{name}.mp4"
        write_video(path, frames, Fraction(12))
        assert covered_at_first(path, None) is expected
    with pytest.raises(FaceError, match=r"something covers the mouth of the face in mask\.mp4"):
        talkinghead.speak(tmp_path / "mask.mp4", (np.zeros(4800, np.float32), 16000), renderer="warp")
