"""`talkinghead speak`, as a newcomer would run it."""

import json
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from talkinghead.cli import COMMANDS, main
from talkinghead.media.audio import probe_audio
from talkinghead.media.video import VideoReader

EXAMPLES = Path(__file__).parents[2] / "examples"
HOPPER, ASTRONAUT, SPEECH = EXAMPLES / "grace_hopper.jpg", EXAMPLES / "astronaut.png", EXAMPLES / "speech.wav"


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TALKINGHEAD_CHECKPOINTS", raising=False)
    return lambda *args: CliRunner().invoke(main, [str(arg) for arg in args])


@pytest.fixture
def clip(tmp_path):
    """The first 1.2 seconds of the example recording."""
    samples, rate = soundfile.read(SPEECH, dtype="float32")
    path = tmp_path / "short.wav"
    soundfile.write(path, samples[: int(1.2 * rate)], rate)
    return path


def video(path):
    with VideoReader(path) as reader:
        return np.stack(list(reader)), reader.fps


def test_a_picture_and_a_recording_make_a_video_with_the_sound(run, clip, tmp_path):
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


def test_the_same_seed_makes_the_same_motion_and_another_does_not(run, clip, tmp_path):
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


def test_still_keeps_the_head_where_it_is(run, clip, tmp_path):
    assert run("speak", ASTRONAUT, clip, "-o", "s.mp4", "--still", "--save-motion", "s.npz").exit_code == 0
    with np.load(tmp_path / "s.npz") as saved:
        assert not saved["rotation"].any()
        assert saved["blendshapes"].any()


@pytest.mark.parametrize("rate", ["24000/1001", "60"])
def test_frame_rates_are_rational_and_durations_agree(run, clip, tmp_path, rate):
    assert run("speak", ASTRONAUT, clip, "-o", "r.mkv", "--fps", rate, "--crop").exit_code == 0
    frames, fps = video(tmp_path / "r.mkv")
    assert str(fps) == rate
    assert abs(len(frames) / fps - 1.2) <= 1 / fps


def test_a_report_is_written_and_honest_about_its_frames(run, clip, tmp_path):
    made = run("speak", HOPPER, clip, "-o", "r.mp4", "--report", "r.json")
    assert made.exit_code == 0, made.output
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["frames"] == 30
    assert report["renderer"] == "warp"


def test_nothing_is_overwritten_without_force(run, clip, tmp_path):
    (tmp_path / "kept.mp4").write_bytes(b"precious")
    refused = run("speak", HOPPER, clip, "-o", "kept.mp4")
    assert refused.exit_code == 1
    assert "--force" in refused.output
    assert (tmp_path / "kept.mp4").read_bytes() == b"precious"
    assert run("speak", HOPPER, clip, "-o", "kept.mp4", "--force", "-q").output == ""
    assert (tmp_path / "kept.mp4").stat().st_size > 1000


def silent_video(tmp_path):
    assert CliRunner().invoke(main, ["speak", str(HOPPER), str(SPEECH), "--help"]).exit_code == 0
    from fractions import Fraction

    from talkinghead.media.video import write_video

    path = tmp_path / "silent.mp4"
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
        (lambda d, clip: (HOPPER, silent_video(d)), "no sound"),
        (lambda d, clip: (HOPPER, clip, "--face", "3"), "face"),
        (lambda d, clip: (HOPPER, clip, "-o", d / "no" / "such" / "folder.mp4"), "folder"),
        (lambda d, clip: (HOPPER, clip, "-o", d / "out.doc"), ".doc"),
        (lambda d, clip: (HOPPER, clip, "--renderer", "liveportrait", "--checkpoints", d), "liveportrait"),
        (lambda d, clip: (HOPPER, clip, "--motion-model", d / "nothing"), "nothing"),
        (lambda d, clip: (HOPPER, clip, "--device", "cuda", "--renderer", "liveportrait"), ""),
    ],
)
def test_bad_input_gets_one_line_and_leaves_nothing(run, clip, tmp_path, make, says):
    args = make(tmp_path, clip)
    before = set(tmp_path.rglob("*"))
    result = run("speak", *args)
    assert result.exit_code == 1, result.output
    assert says in result.output
    assert "Traceback" not in result.output
    lines = [line for line in result.output.splitlines() if line.startswith("talkinghead: ")]
    assert len(lines) == 1
    assert set(tmp_path.rglob("*")) == before


def _text(path):
    path.write_text("this is no picture and no sound\n" * 20)
    return path


def _empty(path):
    path.write_bytes(b"")
    return path


def _flat(path):
    from talkinghead.media.images import write_image

    write_image(path, np.full((300, 300, 3), 127, np.uint8))
    return path


def test_usage_errors_exit_with_two(run, clip):
    assert run("speak", HOPPER).exit_code == 2
    assert run("speak", HOPPER, clip, "--crop", "--no-crop").exit_code == 2
    assert run("speak", HOPPER, clip, "--fps", "fast").exit_code == 2
    assert run("no-such-command").exit_code == 2


def test_debug_shows_the_traceback(run, clip, tmp_path):
    result = run("speak", tmp_path / "none.png", clip, "--debug")
    assert result.exception is not None
    assert type(result.exception).__name__ == "ImageError"


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help(run, name):
    result = run(name, "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from talkinghead.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('torch', 'cv2', 'mediapipe', 'transformers', 'librosa') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip().endswith("[]")


def test_ctrl_c_leaves_no_half_file(tmp_path):
    """A long job, interrupted while it draws."""
    samples = np.tile(soundfile.read(SPEECH, dtype="float32")[0], 6)
    soundfile.write(tmp_path / "long.wav", samples, 16000)
    args = [sys.executable, "-m", "talkinghead", "speak", str(ASTRONAUT), "long.wav", "-o", "out.mp4"]
    # A shell's background jobs, which tests may be, pass on that SIGINT is ignored.
    heed = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(args, cwd=tmp_path, stderr=subprocess.PIPE, text=True, preexec_fn=heed)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and len(list(tmp_path.iterdir())) < 2:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["long.wav"]
