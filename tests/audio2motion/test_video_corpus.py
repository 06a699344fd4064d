"""A corpus from video files: real files with a face and a voice, made here by ffmpeg from the examples."""

from __future__ import annotations

import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from click.testing import CliRunner

from audio2motion.cli import main
from audio2motion.corpus.build import CorpusInfo
from audio2motion.corpus.dataset import CorpusDataset
from audio2motion.corpus.video import even_frames, read_sound
from audio2motion.errors import Audio2MotionError

EXAMPLES = Path(__file__).parents[2] / "examples"
LATE_S = 0.48


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two clips of 1.4 s: one whose sound starts late, one without sound."""
    folder = tmp_path_factory.mktemp("videos")
    face = ["-loop", "1", "-framerate", "10", "-i", str(EXAMPLES / "grace_hopper.jpg")]
    voice = ["-itsoffset", str(LATE_S), "-ss", "1", "-i", str(EXAMPLES / "speech.wav")]
    written = ["-t", "1.4", "-vf", "scale=256:-2", "-pix_fmt", "yuv420p"]
    for name, command in (("late", [*face, *voice, *written]), ("silent", [*face, *written])):
        subprocess.run(
            [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *command, str(folder / f"{name}.mp4")], check=True
        )
    return folder


def test_videos_become_a_corpus_and_what_is_left_out_does_not_count(videos: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["corpus", str(tmp_path / "corpus"), "--videos", str(videos)])
    assert done.exit_code == 0, done.output
    assert "left out silent.mp4: silent.mp4 has no sound" in done.output
    assert "1 shards, from video" in done.output
    info = CorpusInfo.read(tmp_path / "corpus")
    assert (info.shards, info.voices) == (1, ("late.mp4",))
    assert len(CorpusDataset([tmp_path / "corpus"], crop_s=1.0, ahead=5)) > 0
    with np.load(tmp_path / "corpus" / "shard-late.npz") as shard:
        assert len(shard["samples"]) == 320 * len(shard["motion"])
        assert np.isfinite(shard["motion"]).all()


def test_sound_that_starts_after_the_picture_keeps_its_place(videos: Path) -> None:
    sound = read_sound(videos / "late.mp4")
    assert len(sound) / 16000 == pytest.approx(1.4, abs=0.05)
    assert np.abs(sound[: round((LATE_S - 0.03) * 16000)]).max() < 1e-3
    with pytest.raises(Audio2MotionError, match="has no sound: give"):
        read_sound(videos / "silent.mp4")


def test_a_muted_track_teaches_nothing(tmp_path: Path) -> None:
    muted = ["-f", "lavfi", "-i", "color=s=64x64:r=10", "-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono", "-t", "1"]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *muted, str(tmp_path / "muted.mp4")], check=True)
    with pytest.raises(Audio2MotionError, match=r"muted\.mp4 is silent: give"):
        read_sound(tmp_path / "muted.mp4")


def test_frames_of_a_varying_rate_come_when_they_were_seen() -> None:
    steady = np.arange(50) / 29.97
    jittered = steady + np.random.default_rng(0).uniform(-0.01, 0.01, 50)
    for times in (steady, jittered, np.zeros(50)):  # times of 0: a file that tells nothing
        assert even_frames(times, 29.97).tolist() == list(range(50))
    # Thirty frames a second, then ten a second: on the average fifteen.
    times = np.concatenate([np.arange(30) / 30, 1 + np.arange(30) / 10])
    at = even_frames(times, 15.0)
    assert len(at) == pytest.approx(15 * 3.9, abs=1)
    shown = times[at] - np.arange(len(at)) / 15
    assert shown.max() <= 1e-6
    assert shown.min() > -0.1
