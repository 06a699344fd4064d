"""`talkinghead speak`, as a newcomer would run it."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from talkinghead.cli import COMMANDS, main
from talkinghead.core.errors import ImageError
from talkinghead.core.types import Pixels
from talkinghead.media.audio import probe_audio
from talkinghead.media.image_writing import write_image
from talkinghead.media.video import VideoReader, write_video

EXAMPLES = Path(__file__).parents[2] / "examples"
HOPPER, ASTRONAUT, SPEECH = EXAMPLES / "grace_hopper.jpg", EXAMPLES / "astronaut.png", EXAMPLES / "speech.wav"
Run = Callable[..., Result]
Word = str | Path


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TALKINGHEAD_CHECKPOINTS", raising=False)
    return lambda *args: CliRunner().invoke(main, [str(arg) for arg in args])


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """The first 1.2 seconds of the example recording."""
    samples, rate = soundfile.read(SPEECH, dtype="float32")
    path = tmp_path / "short.wav"
    soundfile.write(path, samples[: int(1.2 * rate)], rate)
    return path


def video(path: Path) -> tuple[Pixels, Fraction]:
    with VideoReader(path) as reader:
        return np.stack(list(reader)), reader.fps


def test_a_picture_and_a_recording_make_a_video_with_the_sound(run: Run, clip: Path, tmp_path: Path) -> None:
    result = run("speak", HOPPER, clip)
    assert result.exit_code == 0, result.output
    out = tmp_path / "grace_hopper--short.mp4"
    frames, fps = video(out)
    assert fps == 25
    assert abs(len(frames) / 25 - 1.2) <= 1 / 25
    assert abs(probe_audio(out).duration_s - 1.2) <= 1 / 25
    # The mouth moves, the picture's corner does not.
    change = np.abs(frames.astype(np.int16) - frames[0]).max(axis=(0, 3))
    assert change[200:280, 200:300].max() > 40
    assert change[:40, :40].max() < 12


def test_the_same_seed_makes_the_same_motion_and_another_does_not(run: Run, clip: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        made = run("speak", ASTRONAUT, clip, "-o", f"{name}.mp4", "--save-motion", f"{name}.npz", "--seed", seed)
        assert made.exit_code == 0, made.output
    rotations = []
    for name in "abc":
        with np.load(tmp_path / f"{name}.npz") as saved:
            rotations.append(saved["rotation"])
    a, b, c = rotations
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


def test_still_keeps_the_head_where_it_is(run: Run, clip: Path, tmp_path: Path) -> None:
    assert run("speak", ASTRONAUT, clip, "-o", "s.mp4", "--still", "--save-motion", "s.npz").exit_code == 0
    with np.load(tmp_path / "s.npz") as saved:
        assert not saved["rotation"].any()
        assert saved["blendshapes"].any()


@pytest.mark.parametrize("rate", ["24000/1001", "60"])
def test_frame_rates_are_rational_and_durations_agree(run: Run, clip: Path, tmp_path: Path, rate: str) -> None:
    assert run("speak", ASTRONAUT, clip, "-o", "r.mkv", "--fps", rate, "--crop").exit_code == 0
    frames, fps = video(tmp_path / "r.mkv")
    assert str(fps) == rate
    assert abs(len(frames) / fps - 1.2) <= 1 / fps


def test_a_report_is_written_and_honest_about_its_frames(run: Run, clip: Path, tmp_path: Path) -> None:
    made = run("speak", HOPPER, clip, "-o", "r.mp4", "--report", "r.json")
    assert made.exit_code == 0, made.output
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["frames"] == 30
    assert report["renderer"] == "warp"


def test_nothing_is_overwritten_without_force(run: Run, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "kept.mp4").write_bytes(b"precious")
    refused = run("speak", HOPPER, clip, "-o", "kept.mp4")
    assert refused.exit_code == 1
    assert "--force" in refused.output
    assert (tmp_path / "kept.mp4").read_bytes() == b"precious"
    assert run("speak", HOPPER, clip, "-o", "kept.mp4", "--force", "-q").output == ""
    assert (tmp_path / "kept.mp4").stat().st_size > 1000


def silent_video(path: Path) -> Path:
    write_video(path, [np.zeros((64, 64, 3), np.uint8)] * 5, Fraction(25), None)
    return path


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda d, clip: (d / "none.png", clip), "none.png"),
        (lambda d, clip: (HOPPER, d / "none.wav"), "none.wav"),
        (lambda d, clip: (_text(d / "text.png"), clip), "text.png"),
        (lambda d, clip: (HOPPER, _text(d / "text.wav")), "text.wav"),
        (lambda d, clip: (HOPPER, _empty(d / "empty.wav")), "empty.wav"),
        (lambda d, clip: (_flat(d / "flat.png"), clip), "face"),
        (lambda d, clip: (HOPPER, silent_video(d / "silent.mp4")), "no sound"),
        (lambda d, clip: (HOPPER, clip, "--face", "3"), "face"),
        (lambda d, clip: (HOPPER, clip, "-o", d / "no" / "such" / "folder.mp4"), "folder"),
        (lambda d, clip: (HOPPER, clip, "-o", d / "out.doc"), ".doc"),
        (lambda d, clip: (HOPPER, clip, "--renderer", "liveportrait", "--checkpoints", d), "liveportrait"),
        (lambda d, clip: (HOPPER, clip, "--motion-model", d / "nothing"), "nothing"),
        (lambda d, clip: (HOPPER, clip, "--device", "tpu"), "no device 'tpu': choose one of auto, cpu, cuda, mps"),
        (
            lambda d, clip: (HOPPER, clip, "--renderer", "warp", "--region", "lip", "--no-stitching"),
            "--region, --no-stitching are options of the liveportrait renderer, and warp draws here: leave it out or "
            "say --renderer liveportrait",
        ),
    ],
)
def test_bad_input_gets_one_line_and_leaves_nothing(
    run: Run, clip: Path, tmp_path: Path, make: Callable[[Path, Path], tuple[Word, ...]], says: str
) -> None:
    args = make(tmp_path, clip)
    before = set(tmp_path.rglob("*"))
    result = run("speak", *args)
    assert result.exit_code == 1, result.output
    assert says in result.output
    assert "Traceback" not in result.output
    lines = [line for line in result.output.splitlines() if line.startswith("talkinghead: ")]
    assert len(lines) == 1
    assert set(tmp_path.rglob("*")) == before


def _text(path: Path) -> Path:
    path.write_text("this is no picture and no sound\n" * 20)
    return path


def _empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def _flat(path: Path) -> Path:
    write_image(path, np.full((300, 300, 3), 127, np.uint8))
    return path


def test_usage_errors_exit_with_two(run: Run, clip: Path) -> None:
    assert run("speak", HOPPER).exit_code == 2
    assert run("speak", HOPPER, clip, "--text", "hello").exit_code == 2
    assert run("speak", HOPPER, clip, "--track", "2=other.wav").exit_code == 2
    assert run("speak", HOPPER, clip, "--face", "all", "--track", "other.wav").exit_code == 2
    assert run("speak", HOPPER, clip, "--mouth", "7").exit_code == 2
    assert run("speak", HOPPER, clip, "--crop", "--no-crop").exit_code == 2
    assert run("speak", HOPPER, clip, "--fps", "fast").exit_code == 2
    assert run("no-such-command").exit_code == 2


def test_debug_shows_the_traceback(run: Run, clip: Path, tmp_path: Path) -> None:
    result = run("speak", tmp_path / "none.png", clip, "--debug")
    assert isinstance(result.exception, ImageError)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help(run: Run, name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert f"Usage: talkinghead {name}" in result.output or f"Usage: main {name}" in result.output
    # The first words that the command says of itself are the group's own line, or explain the same.
    assert len(result.output.splitlines()) > 5


def test_help_lists_options_under_headings(run: Run) -> None:
    text = run("speak", "--help").output
    headings = ["What to make:", "The face:", "The motion:", "The voice:", "The liveportrait renderer:",
                "The warp renderer:", "Saying less or more:"]  # fmt: skip
    places = [text.index(heading) for heading in headings]
    assert places == sorted(places)
    assert places[2] < text.index("--seed") < places[3] < text.index("--voice") < places[4] < text.index("--region")
