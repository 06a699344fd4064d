"""From nothing to a checkpoint in seconds: the corpus, training and evaluation, with espeak-ng alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file

from audio2motion.cli import main
from audio2motion.corpus.build import CorpusInfo, StoredTake, make_corpus, take_motion
from audio2motion.corpus.dataset import CorpusDataset
from audio2motion.corpus.espeak import shared_espeak
from audio2motion.corpus.takes import TakeMaker, with_murmurs
from audio2motion.corpus.video_corpus import Measured, MouthMeasures, mouth_channels, takes_of
from audio2motion.corpus.voices import find_voices
from audio2motion.errors import Audio2MotionError
from audio2motion.network.model import load_model
from audio2motion.phones import MURMUR
from audio2motion.targets import LIP_BLENDSHAPES, opening_of, opening_weights, phones_to_blendshapes

HOURS = 16 / 3600


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder without texts, so that voices read the same on every machine: made-up words."""
    return tmp_path_factory.mktemp("texts")


@pytest.fixture(scope="module")
def corpus(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    make_corpus(folder, HOURS, seed=7, engines=("espeak-ng",), texts=texts)
    return folder


def test_a_corpus_is_the_same_for_the_same_seed(corpus: Path, texts: Path, tmp_path: Path) -> None:
    make_corpus(tmp_path, HOURS, seed=7, engines=("espeak-ng",), texts=texts)
    with np.load(corpus / "shard-00000.npz") as a, np.load(tmp_path / "shard-00000.npz") as b:
        # In noise motion is unknown, NaN.
        assert all(np.array_equal(a[name], b[name], equal_nan=True) for name in a.files)
        assert len(a["samples"]) == pytest.approx(16 * 16000, rel=0.1)
        assert len(a["motion"]) == len(a["visemes"])


def test_a_finished_corpus_is_left_alone_and_another_is_not_mixed_in(corpus: Path) -> None:
    before = (corpus / "shard-00000.npz").stat().st_mtime_ns
    make_corpus(corpus, HOURS, seed=7, engines=("espeak-ng",))
    assert (corpus / "shard-00000.npz").stat().st_mtime_ns == before
    with pytest.raises(Audio2MotionError, match="seed 7, not 8"):
        make_corpus(corpus, HOURS, seed=8, engines=("espeak-ng",))


def test_lips_follow_the_sound(corpus: Path) -> None:
    with np.load(corpus / "shard-00000.npz") as shard:
        motion, visemes = shard["motion"].astype(np.float32), shard["visemes"]
    opening = motion @ opening_weights(LIP_BLENDSHAPES)
    assert opening[visemes == 13].mean() > 0.4 > opening[visemes == 1].mean()
    known = opening[np.isfinite(opening)]  # not in noise
    assert len(known) > 0.3 * len(opening)
    assert -0.01 < known.min() <= known.max() < 1.3


@pytest.mark.parametrize("speed", [0.8, 1.25])
def test_a_take_played_faster_is_higher_and_its_lips_move_with_it(speed: float) -> None:
    seconds = 2.0
    time, step = np.arange(int(16000 * seconds)) / 16000, np.arange(int(50 * seconds) + 1) / 50
    motion = np.column_stack([step, np.full(len(step), np.nan)]).astype(np.float32)
    take = StoredTake(np.sin(2 * np.pi * 400 * time).astype(np.float32), motion, (step >= 1).astype(np.int64))
    played = take.played(speed)
    assert len(played.samples) / 16000 == pytest.approx(seconds / speed, abs=1e-3)
    assert len(played.motion) == len(played.visemes) == pytest.approx(50 * seconds / speed, abs=1.01)
    np.testing.assert_allclose(played.motion[:, 0], np.arange(len(played.motion)) / 50 * speed, atol=1e-5)
    assert np.isnan(played.motion[:, 1]).all()
    assert np.flatnonzero(played.visemes)[0] == pytest.approx(50 / speed, abs=1)
    spectrum = np.abs(np.fft.rfft(played.samples))
    assert spectrum.argmax() * 16000 / len(played.samples) == pytest.approx(400 * speed, rel=0.01)


def test_takes_are_within_range_differ_by_seed_and_mostly_speak() -> None:
    maker = TakeMaker(find_voices(("espeak-ng",)))
    takes = [maker.make(np.random.default_rng(s), longest_s=2.0) for s in range(6)]
    assert all(np.abs(t.samples).max() <= 1 and len(t.phones) == len(t.levels_db) for t in takes)
    assert sum(bool(t.phones) for t in takes) >= 4
    assert len({t.samples.tobytes() for t in takes}) == len(takes)
    assert all(0 <= s <= e <= len(t.samples) / 16000 + 1e-6 for t in takes for _, s, e in t.phones)


def test_noise_leaves_the_lips_unknown_and_a_quiet_pause_is_not_a_murmur() -> None:
    maker = TakeMaker(find_voices(("espeak-ng",)), speechless=1.0)
    takes = [maker.make(np.random.default_rng(s), longest_s=2.0) for s in range(8)]
    assert {t.noise for t in takes} == {True, False}  # silence is known to be at rest
    assert all(np.isnan(take_motion(t)[0]).all() == t.noise for t in takes)

    said = np.random.default_rng(0).standard_normal(32000).astype(np.float32) * 0.1
    said[12000:24000] = 0
    phones = [("a", 0.0, 0.75), ("a", 1.5, 2.0)]
    assert with_murmurs(said, phones) == phones
    hissing = said + np.random.default_rng(1).standard_normal(32000).astype(np.float32) * 0.01
    assert with_murmurs(hissing, phones) == [phones[0], (MURMUR, 0.75, 1.5), phones[1]]
    assert 0.2 < opening_of(phones_to_blendshapes(with_murmurs(hissing, phones), 50))[56] < 0.5


def test_espeak_tells_when_each_phone_sounds() -> None:
    speech = shared_espeak().say("Mama, papa.", "de")
    assert [ipa.strip("ˈˌː") for ipa, _, _ in speech.phones] == list("mɑmɑpɑpɑ")
    starts = [start for _, start, _ in speech.phones]
    assert starts == sorted(starts)
    assert speech.phones[-1][2] <= len(speech.samples) / speech.rate_hz + 1e-6
    with pytest.raises(Audio2MotionError, match="no voice 'zz-nope'"):
        shared_espeak().say("x", "zz-nope")


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_corpus_train_resume_evaluate_from_the_command_line(corpus: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = ["train", str(corpus), "-o", str(run), "--batch-size", "4"]
    runner = CliRunner()
    first = runner.invoke(main, [*command, "--epochs", "1"])
    assert first.exit_code == 0, first.output
    learnt = load_file(run / "state" / "model.safetensors")
    again = runner.invoke(main, [*command, "--epochs", "1"])
    assert again.exit_code == 1
    assert "--resume" in again.output
    resumed = runner.invoke(main, [*command, "--epochs", "3", "--resume"])
    assert resumed.exit_code == 0, resumed.output
    history = json.loads((run / "history.json").read_text())
    assert [row["epoch"] for row in history] == [0, 1, 2]
    assert history[2]["minutes"] > history[1]["minutes"] > history[0]["minutes"]
    # What was learnt must not be lost by stopping and going on: new weights would be as far away as they are large.
    now = load_file(run / "state" / "model.safetensors")
    moved = sum(float((now[name] - learnt[name]).square().sum()) for name in learnt if name.endswith("weight"))
    assert 0 < moved < 0.25 * sum(float(learnt[name].square().sum()) for name in learnt if name.endswith("weight"))
    assert (run / "training.png").read_bytes()[:4] == b"\x89PNG"

    tuned = runner.invoke(main, ["train", str(corpus), "-o", str(tmp_path / "tuned"), "--batch-size", "4",
                                 "--epochs", "1", "--learning-rate", "0", "--init", str(run)])  # fmt: skip
    assert tuned.exit_code == 0, tuned.output
    before, after = load_model(run).state_dict(), load_model(tmp_path / "tuned").state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)

    clips = tmp_path / "clips"
    clips.mkdir()
    wave = np.sin(np.arange(32000) / 9).astype(np.float32) * 0.1
    np.savez(clips / "a.npz", fps=25.0, audio16k=wave, aperture=np.abs(np.sin(np.arange(50) / 3)) * 0.1,
             width=np.full(50, 0.5))  # fmt: skip
    done = runner.invoke(main, ["evaluate", str(clips), "--checkpoint", str(run), "--no-plots", "--no-known-sounds"])
    assert done.exit_code == 0, done.output
    assert "best loudness" in done.output


def test_the_command_line_says_what_is_wrong_in_one_line(tmp_path: Path) -> None:
    runner = CliRunner()
    for arguments, words in (
        (["corpus", str(tmp_path / "c"), "--hours", "0"], "positive number of hours"),
        (["corpus", str(tmp_path / "c"), "--engines", "parrot"], "no engine 'parrot'"),
        (["corpus", str(tmp_path / "c"), "--videos", str(tmp_path)], "holds no video"),
        (["train", str(tmp_path), "-o", str(tmp_path / "run")], "is not a corpus"),
        (["evaluate", str(tmp_path)], "holds neither clips"),
    ):
        result = runner.invoke(main, arguments)
        assert result.exit_code == 1
        assert words in result.output
        assert result.output.count("\n") == 1


def test_damaged_shards_are_named(tmp_path: Path) -> None:
    CorpusInfo(LIP_BLENDSHAPES, 0, ("espeak-ng",), (), 1, 1.0).write(tmp_path)
    with pytest.raises(Audio2MotionError, match="no shards"):
        CorpusDataset([tmp_path], crop_s=1.0, ahead=5)
    (tmp_path / "shard-00000.npz").write_bytes(b"PK\x03\x04junk")
    with pytest.raises(Audio2MotionError, match="damaged"):
        CorpusDataset([tmp_path], crop_s=1.0, ahead=5)


def test_measured_mouths_become_channels() -> None:
    t = np.arange(100)
    gap = 0.01 + 0.24 * np.maximum(0, np.sin(t / 8))
    measures = MouthMeasures(gap, np.full(100, 0.75), 0.9 + 0.2 * np.maximum(0, np.sin(t / 8)), np.full(100, 0.3))
    motion = mouth_channels(measures)
    opening = motion @ opening_weights(LIP_BLENDSHAPES)
    assert np.allclose(opening, (gap - 0.01) / 0.24, atol=0.02)
    gap[40:43] = np.nan
    gap[70:] = np.nan
    takes = takes_of(Measured(mouth_channels(measures._replace(gap=gap)), 25.0), np.ones(4 * 16000, np.float32))
    assert len(takes) == 1
    sound, motion = takes[0]
    assert len(sound) == len(motion) * 320
    assert len(motion) == pytest.approx(69 * 2, abs=2)
