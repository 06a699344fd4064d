"""`talkinghead motion`: from video or speech to a file, its facts and plot, and back."""

from __future__ import annotations

import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from talkinghead.cli import main
from talkinghead.media.video import write_video
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX
from talkinghead.motion.files import load_motion, save_motion
from talkinghead.motion.motion import Motion
from talkinghead.motion.plot import blink_count

EXAMPLES = Path(__file__).parents[2] / "examples"
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    return lambda *args: CliRunner().invoke(main, ["motion", *(str(arg) for arg in args)])


def blinking(frames: int = 100) -> Motion:
    weights = np.zeros((frames, 52), np.float32)
    for at in (20, 60):
        weights[at : at + 5, [BLENDSHAPE_INDEX["eyeBlinkLeft"], BLENDSHAPE_INDEX["eyeBlinkRight"]]] = 0.9
    weights[:, BLENDSHAPE_INDEX["jawOpen"]] = np.linspace(0, 0.7, frames)
    return Motion.from_blendshapes(weights, Fraction(25), rotation=np.full((frames, 3), (1.0, -2.0, 3.0)))


def test_speech_to_every_format(run: Run, tmp_path: Path) -> None:
    samples, rate_hz = soundfile.read(EXAMPLES / "speech.wav", dtype="float32")
    soundfile.write("short.wav", samples[: int(1.5 * rate_hz)], rate_hz)
    result = run("extract", "short.wav", "--fps", "30000/1001")
    assert result.exit_code == 0, result.output
    motion = load_motion("short.npz")
    assert (len(motion), motion.fps) == (round(1.5 * 30000 / 1001), Fraction(30000, 1001))
    assert motion.blendshapes[:, BLENDSHAPE_INDEX["jawOpen"]].max() > 0.05
    for name in ("short.csv", "short.pkl"):
        assert run("convert", "short.npz", name).exit_code == 0
        np.testing.assert_allclose(load_motion(name).rotation, motion.rotation, atol=1e-3)
    assert run("convert", "short.csv", "slow.npz", "--fps", "15").exit_code == 0
    assert load_motion("slow.npz").fps == 15


def test_a_video_gives_its_face(run: Run) -> None:
    picture = cv2.imread(str(EXAMPLES / "grace_hopper.jpg"))[..., ::-1]
    picture = cv2.resize(picture, None, fx=384 / max(picture.shape), fy=384 / max(picture.shape))
    write_video("face.mp4", [picture] * 12, Fraction(25), EXAMPLES / "speech.wav", duration_s=0.48)
    result = run("extract", "face.mp4", "-o", "face.csv")
    assert result.exit_code == 0, result.output
    motion = load_motion("face.csv")
    assert len(motion) == 12
    assert np.ptp(motion.rotation, axis=0).max() < 1  # a still picture
    result = run("extract", "face.mp4", "--by", "speech", "-o", "heard.npz")
    assert result.exit_code == 0, result.output
    assert load_motion("heard.npz").fps == 25


def test_info_prints_facts_and_plots_them(run: Run) -> None:
    save_motion(blinking(), "a.npz")
    result = run("info", "a.npz")
    assert result.exit_code == 0, result.output
    assert "100 at 25 frames/s (4.00 s)" in result.stdout
    assert "-2.0 to -2.0 degrees" in result.stdout
    assert "2 (30 a minute)" in result.stdout
    assert "eyeBlink" in result.stdout
    picture = cv2.imread("a--motion.png")
    assert picture.shape[0] > 500
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 20
    again = run("info", "a.npz")
    assert again.exit_code == 1
    assert "a--motion.png exists already" in again.output
    assert run("info", "a.npz", "--no-plot").exit_code == 0


def test_info_without_matplotlib_says_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    save_motion(blinking(), "a.npz")
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    result = run("info", "a.npz")
    assert result.exit_code == 1
    assert "pip install matplotlib" in result.output
    assert not Path("a--motion.png").exists()


def test_blinks_are_counted_once() -> None:
    assert blink_count(blinking()) == 2
    assert blink_count(blinking()[:10]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("info", "nowhere.npz"), "there is no motion file nowhere.npz"),
        (("info", "a.npz", "-o", "a.jpg"), "written as .png"),
        (("convert", "a.npz", "a.bvh"), "motion files are .npz, .pkl, .csv"),
        (("convert", "a.npz", "a.csv"), "a.csv exists already"),
        (("convert", "a.npz", "a.npz", "--force"), "a.npz is what this is made from"),
        (("convert", "text.csv", "b.npz"), "text.csv"),
        (("extract", "text.csv"), "text.csv cannot be read as sound"),
        (("extract", "nowhere.wav"), "there is no file nowhere.wav"),
        (("extract", "nowhere.wav", "-o", "b.txt"), "motion files are"),
    ],
)
def test_bad_input_is_one_line(run: Run, arguments: tuple[str, ...], message: str) -> None:
    save_motion(blinking(3), "a.npz")
    Path("a.csv").write_text("mine")
    Path("text.csv").write_text("not,a,motion\n1,2,3\n")
    result = run(*arguments)
    assert result.exit_code == 1
    assert message in result.output
    assert "Traceback" not in result.output
    assert Path("a.csv").read_text() == "mine"
