"""`talkinghead animate`, with everything that can drive."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from talkinghead.cli import main
from talkinghead.core.types import Pixels
from talkinghead.media.audio import probe_audio
from talkinghead.media.image_writing import write_image
from talkinghead.media.images import read_image
from talkinghead.media.video import VideoReader, write_video
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX
from talkinghead.motion.files import load_motion, save_motion
from talkinghead.motion.motion import Motion

EXAMPLES = Path(__file__).parents[2] / "examples"
HOPPER, ASTRONAUT, SPEECH = EXAMPLES / "grace_hopper.jpg", EXAMPLES / "astronaut.png", EXAMPLES / "speech.wav"
JAW = BLENDSHAPE_INDEX["jawOpen"]
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TALKINGHEAD_CHECKPOINTS", raising=False)
    return lambda *args: CliRunner().invoke(main, ["animate", *map(str, args), "--renderer", "warp"])


@pytest.fixture(scope="module")
def driving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve frames of a portrait that slides to the right, with half a second of sound."""
    pixels = read_image(ASTRONAUT, max_side_px=320).pixels
    path = tmp_path_factory.mktemp("driving") / "driving.mp4"
    write_video(path, (np.roll(pixels, i, axis=1) for i in range(12)), Fraction(24), SPEECH, duration_s=0.5)
    return path


@pytest.fixture
def motion_file(tmp_path: Path) -> Path:
    weights = np.zeros((10, 52), np.float32)
    weights[:, JAW] = np.linspace(0, 0.8, 10)
    save_motion(Motion.from_blendshapes(weights, Fraction(25)), tmp_path / "open.npz")
    return tmp_path / "open.npz"


def read(path: Path) -> tuple[Pixels, VideoReader]:
    with VideoReader(path) as video:
        return np.stack(list(video)), video


def test_a_video_drives_and_its_sound_comes_along(run: Run, driving: Path, tmp_path: Path) -> None:
    result = run(HOPPER, driving)
    assert result.exit_code == 0, result.output
    out = tmp_path / "grace_hopper--driving.mp4"
    frames, video = read(out)
    assert video.fps == 24
    assert len(frames) == 12
    assert abs(probe_audio(out).duration_s - 0.5) < 0.05
    # The head follows to the right; the picture's corner does not.
    change = np.abs(frames[-1].astype(int) - frames[0]).max(2)
    assert change[150:350, 180:330].max() > 40
    assert change[:30, :30].max() < 12


def test_sound_can_be_replaced_or_left_out(run: Run, driving: Path) -> None:
    assert run(HOPPER, driving, "-o", "mute.mp4", "--no-audio").exit_code == 0
    assert not read(Path("mute.mp4"))[1].has_audio
    assert run(HOPPER, driving, "-o", "other.mkv", "--audio", SPEECH).exit_code == 0
    assert read(Path("other.mkv"))[1].has_audio
    assert run(HOPPER, driving, "-o", "both.mp4", "--audio", SPEECH, "--no-audio").exit_code == 2


def test_a_motion_file_drives_at_its_own_rate_and_can_be_saved_again(
    run: Run, motion_file: Path, tmp_path: Path
) -> None:
    result = run(ASTRONAUT, motion_file, "-o", "frames/", "--save-motion", "again.npz")
    assert result.exit_code == 0, result.output
    frames = sorted((tmp_path / "frames").glob("*.png"))
    assert len(frames) == 10
    first, last = (read_image(path).pixels.astype(int) for path in (frames[0], frames[-1]))
    assert np.abs(last - first).max() > 60
    again = load_motion(tmp_path / "again.npz")
    assert np.allclose(again.blendshapes, load_motion(motion_file).blendshapes)
    slower = run(ASTRONAUT, motion_file, "-o", "slow.mp4", "--fps", "50")
    assert slower.exit_code == 0
    assert len(read(Path("slow.mp4"))[0]) == 20


def test_a_picture_drives_a_picture_or_a_short_clip(run: Run, tmp_path: Path) -> None:
    one = run(HOPPER, ASTRONAUT, "-o", "smile.png")
    assert one.exit_code == 0, one.output
    smiling, before = read_image(tmp_path / "smile.png"), read_image(HOPPER)
    assert smiling.size_px == before.size_px
    change = np.abs(smiling.pixels.astype(int) - before.pixels).max(2)
    assert change[150:350, 180:330].max() > 40
    assert change[:30, :30].max() == 0
    clip = run(HOPPER, ASTRONAUT, "-o", "smile.mp4", "--fps", "10", "--crop")
    assert clip.exit_code == 0, clip.output
    frames, _ = read(tmp_path / "smile.mp4")
    assert len(frames) > 15
    moved = np.abs(frames.astype(int) - frames[0]).mean(axis=(1, 2, 3))
    assert moved[-1] < 0.3 * moved[len(frames) // 2]  # there and back


def test_a_folder_of_frames_drives_with_the_sound_beside_them(run: Run, tmp_path: Path) -> None:
    pixels = read_image(ASTRONAUT, max_side_px=320).pixels
    (tmp_path / "in").mkdir()
    for i in range(6):
        write_image(tmp_path / "in" / f"{i}.png", np.roll(pixels, i, axis=1))
    result = run(HOPPER, tmp_path / "in", "--fps", "12")
    assert result.exit_code == 0, result.output
    frames, video = read(tmp_path / "grace_hopper--in.mp4")
    assert (len(frames), video.fps, video.has_audio) == (6, Fraction(12), False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((HOPPER, "nothing.mp4"), "nothing called nothing.mp4"),
        ((HOPPER, SPEECH), "is a recording: `talkinghead speak"),
        ((HOPPER, "open.npz", "--multiplier", "1.5"), "--multiplier is an option of the liveportrait renderer"),
        (("nobody.png", "open.npz"), "nobody.png"),
        ((HOPPER, "broken.npz"), "broken.npz"),
        ((HOPPER, "empty"), "holds no pictures"),
        ((HOPPER, "open.npz", "-o", "there.mp4"), "exists already"),
    ],
)
def test_bad_input_is_one_line(
    run: Run, motion_file: Path, tmp_path: Path, arguments: tuple[str | Path, ...], said: str
) -> None:
    (tmp_path / "broken.npz").write_bytes(b"PK not really")
    (tmp_path / "empty").mkdir()
    (tmp_path / "there.mp4").write_bytes(b"kept")
    result = run(*arguments)
    assert result.exit_code == 1
    assert said in result.output
    assert "Traceback" not in result.output
    assert (tmp_path / "there.mp4").read_bytes() == b"kept"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-o", "one.png", "--fps", "25"), "--fps is for videos, and one.png is one picture"),
        (("-o", "one.png", "--save-motion", "m.npz"), "--save-motion is for videos"),
        (("-o", "one.png", "--report", "r.json"), "--report is for videos"),
        (("-o", "one.jpg", "--audio", SPEECH), "--audio is for videos"),
        (("-o", "a.mp4", "--face", "all"), "--face all is for `speak`"),
        (("-o", "a.mp4", "--face", "0"), "'0' is not a face"),
        (("-o", "a.mp4", "--region", "nose"), "'nose' is not one of 'all', 'exp', 'pose', 'lip', 'eyes'"),
        (("-o", "a.mp4", "--box", "1,2,3"), "'1,2,3' is not a box"),
        (("-o", "a.mp4", "--seed", "1"), "No such option"),
        (("-o", "m.npz.mp4", "--save-motion", "r.csv", "--report", "r.csv"), "r.csv is named twice"),
    ],
)
def test_what_does_not_fit_together_is_a_usage_error(
    run: Run, motion_file: Path, tmp_path: Path, arguments: tuple[str | Path, ...], said: str
) -> None:
    before = set(tmp_path.iterdir())
    result = run(HOPPER, motion_file, *arguments)
    assert result.exit_code == 2, result.output
    assert said in " ".join(result.output.split())
    assert set(tmp_path.iterdir()) == before


def test_a_video_does_not_fit_into_a_picture(run: Run, motion_file: Path) -> None:
    result = run(HOPPER, motion_file, "-o", "one.png")
    assert result.exit_code == 2
    assert "a video does not fit into one.png" in result.output
    assert not Path("one.png").exists()


def test_a_source_video_is_driven_at_the_drivers_rate(run: Run, driving: Path, motion_file: Path) -> None:
    assert run(driving, motion_file, "-o", "driven.mp4").exit_code == 0
    frames, video = read(Path("driven.mp4"))
    assert (len(frames), video.fps) == (10, Fraction(25))
    source, _ = read(driving)
    change = np.abs(frames[-1].astype(int) - source[9]).max(2)
    assert change[90:140, 120:170].max() > 40  # the mouth
    assert change[:20, :20].max() < 25
