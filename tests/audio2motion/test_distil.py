"""Distilling the embedded encoder: takes, the student's times, and a tiny student through a whole run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from audio2motion.config import EncoderConfig
from audio2motion.errors import Audio2MotionError
from audio2motion.network.layout import MOONSHINE_CENTRE, MOONSHINE_HOP, MOONSHINE_SIZE
from audio2motion.network.pretrained import PretrainedEncoder
from audio2motion.training.distil import REPORT_FILE, Store, distance, distil
from audio2motion.training.distil_settings import DistilConfig, StudentConfig, TakesConfig
from audio2motion.training.distil_takes import Listener, Takes, recordings
from audio2motion.training.student import make_student, normalised, save_student, student_frames

TINY = StudentConfig(conv_dim=(8,) * 7, hidden_size=16, layers=1, heads=2, feed_forward=16, positions=16)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings, of which none is as long as a take, at another rate."""
    folder = tmp_path_factory.mktemp("people")
    for name in range(4):
        swell = np.sin(np.arange(24000) / 3000) ** 2 * np.random.default_rng(name).standard_normal(24000)
        soundfile.write(folder / f"{name}.flac", 0.1 * swell, 24000)
    return folder


def test_takes_are_heard_whole_and_recordings_the_same_again(people: Path) -> None:
    listener = Listener(TakesConfig(take_s=2.0, recordings=people))
    for human in (True, False):
        take = listener.take(3, human)
        if human:  # espeak-ng keeps something of what it said before
            again = listener.take(3, human)
            np.testing.assert_array_equal(take.sound, again.sound)
            np.testing.assert_array_equal(take.features, again.features)
        assert take.sound.shape == (32000,)
        assert take.features.shape == (82, MOONSHINE_SIZE)
        assert take.human is human
        assert float(np.abs(take.sound).max()) > 100


def test_recordings_are_learnt_from_or_held_out(people: Path, tmp_path: Path) -> None:
    learnt, held_out = recordings(people, False), recordings(people, True)
    assert [path.name for path in held_out] == ["1.flac"]
    assert {*learnt, *held_out} == set(people.iterdir())
    with pytest.raises(Audio2MotionError, match="fewer than two recordings"):
        recordings(tmp_path, False)


def test_windows_stand_beside_the_features_of_their_time() -> None:
    store = Store(2, 2.0, torch.device("cpu"))
    store.takes = 2
    centres = torch.arange(store.features.shape[1]) * MOONSHINE_HOP + MOONSHINE_CENTRE
    store.features[1] = (centres / 100)[:, None]
    store.sound[1] = torch.arange(32000)
    sound, features = store.windows(torch.tensor([1]), torch.tensor([4000]), 16000)
    assert (sound[0] * 32768).round().tolist() == list(range(4000, 20000))
    wanted = (4000 + torch.arange(student_frames(16000)) * 320 + 199.5) / 100
    torch.testing.assert_close(features[0, :, 5], wanted, atol=0.2, rtol=0)


def test_a_student_does_not_know_what_comes_much_later() -> None:
    torch.manual_seed(0)
    student = make_student(replace(TINY, layers=0), MOONSHINE_SIZE).eval()
    sound = torch.randn(1, 32000)
    other = torch.cat([sound[:, :24000], 50 * torch.randn(1, 8000)], 1)
    with torch.inference_mode():
        a, b = student(sound).logits, student(other).logits
    # Without attention only the convolution over positions, 16 frames of 20 ms wide, looks ahead.
    torch.testing.assert_close(a[:, :60], b[:, :60])
    assert not torch.allclose(a[:, 75:], b[:, 75:])


def test_the_saved_read_out_gives_the_features_themselves(tmp_path: Path) -> None:
    from transformers import Wav2Vec2ForAudioFrameClassification

    torch.manual_seed(0)
    student = make_student(TINY, MOONSHINE_SIZE).eval()
    mean, spread = torch.randn(MOONSHINE_SIZE), torch.rand(MOONSHINE_SIZE) + 0.5
    save_student(student, mean, spread, tmp_path)
    saved = Wav2Vec2ForAudioFrameClassification.from_pretrained(tmp_path).eval()
    assert next(saved.parameters()).dtype == torch.float32
    sound = normalised(torch.randn(1, 8000))
    with torch.inference_mode():
        told, wanted = saved(sound).logits, student(sound).logits * spread + mean
    torch.testing.assert_close(told, wanted, atol=2e-2, rtol=1e-2)


@pytest.mark.slow
def test_a_student_comes_nearer_to_its_teacher() -> None:
    torch.manual_seed(1)
    listener, store = Listener(TakesConfig(take_s=2.0)), Store(2, 2.0, torch.device("cpu"))
    store.add([listener.take(number) for number in range(2)])
    mean, spread = store.moments()
    student = make_student(TINY, MOONSHINE_SIZE).eval()
    optimizer, losses = torch.optim.AdamW(student.parameters(), lr=1e-2), []
    sound, features = store.some(2, 8000)
    for _ in range(40):
        loss = distance(student(normalised(sound)).logits, (features - mean) / spread)
        torch.autograd.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert np.mean(losses[-5:]) < 0.9 * np.mean(losses[:3])


@pytest.mark.slow
def test_a_run_leaves_a_checkpoint_and_a_report(people: Path, tmp_path: Path) -> None:
    config = DistilConfig(minutes=0.1, hours=12 / 3600, batch_s=3.2, windows_s=(0.8,), first=2,
                          held_out=1, save_s=1.0, takes=TakesConfig(2.0, people), student=TINY)  # fmt: skip
    said: list[str] = []
    with Takes(config.takes, 1) as takes:
        distil(tmp_path, config, takes, "cpu", said.append)
    report = json.loads((tmp_path / REPORT_FILE).read_text())
    assert report["steps"] >= 1
    assert set(report["held_out_minutes"]) == {"espeak-ng", "human"}
    encoder = PretrainedEncoder(EncoderConfig(name=str(tmp_path), block_s=0.2, context_s=0.4)).eval()
    with torch.inference_mode():
        steps, _ = encoder(torch.randn(1, 16000), encoder.start())
    assert steps.steps.shape[2] == TINY.hidden_size
    assert any("begins with" in line for line in said)


def test_distance_is_nothing_between_equals() -> None:
    features = torch.randn(2, 5, MOONSHINE_SIZE)
    assert float(distance(features, features)) == pytest.approx(0, abs=1e-6)
    assert float(distance(features, -features)) > 2
