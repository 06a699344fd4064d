"""Evaluation: known answers come out, lags have the right sign, bad clips are refused."""

from __future__ import annotations

import json
import os
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from audio2motion.arkit import BLENDSHAPE_INDEX
from audio2motion.errors import Audio2MotionError
from audio2motion.evaluation.clips import loudness, measure_mouth, measure_videos, read_clips
from audio2motion.evaluation.closures import score_not_speech, score_speech
from audio2motion.evaluation.evaluate import as_mouth, evaluate, table
from audio2motion.evaluation.metrics import (
    APERTURE_OF_OPEN_A,
    Trace,
    best_lag_ms,
    circular_p,
    correlation,
    fisher_mean,
    jitter,
    lag_curve,
    paired_p,
    pooled_correlation,
    regression_slope,
)
from audio2motion.evaluation.probes import KnownSpeech, not_speech
from audio2motion.targets import opening_of, phones_to_blendshapes

Floats = npt.NDArray[np.float32]
PHONES = [("m", 0.5, 0.6), ("aː", 0.6, 0.8), ("b", 0.8, 0.9), ("iː", 0.9, 1.1), ("p", 1.1, 1.2), ("uː", 1.2, 1.4)]
SAMPLES = np.random.default_rng(0).standard_normal(40000).astype(np.float32) * 0.1
TRUTH = phones_to_blendshapes(PHONES, 50, 2.5)


def wave(count: int, seed: int = 0) -> npt.NDArray[np.float64]:
    return np.convolve(np.random.default_rng(seed).standard_normal(count + 20), np.hanning(12), "same")[:count]


def make_clip(folder: Path, name: str, lag_s: float = 0.0, scale: float = 1.0, **changes: Any) -> None:
    times_s = np.arange(60) / 25
    opening = np.interp(times_s - lag_s, np.arange(len(TRUTH)) / 50, opening_of(TRUTH))
    aperture = (0.01 + scale * APERTURE_OF_OPEN_A * opening).astype(np.float32)
    width = (0.5 + 0.05 * wave(60)).astype(np.float32)
    np.savez(folder / name, **{"fps": 25.0, "audio16k": SAMPLES, "aperture": aperture, "width": width, **changes})


def knows_all(samples: Floats) -> Floats:
    return TRUTH


def never_opens(samples: Floats) -> Floats:
    return np.zeros((len(samples) // 320 + 1, 52), np.float32)


def always_open(samples: Floats) -> Floats:
    out = never_opens(samples)
    out[:, BLENDSHAPE_INDEX["jawOpen"]] = 0.5
    return out


def test_correlation_and_slope_ignore_what_is_unknown() -> None:
    a = wave(100)
    b = 3 * a + 1
    b[10:20] = np.nan
    assert correlation(a, b) == pytest.approx(1)
    assert regression_slope(a, b) == pytest.approx(3)
    assert np.isnan(correlation(a, np.ones(100)))
    assert np.isnan(correlation(a[:5], b[:5]))


@pytest.mark.parametrize("shift_s", [-0.1, 0.0, 0.06])
def test_the_best_lag_is_negative_where_the_mouth_leads(shift_s: float) -> None:
    predicted = Trace(wave(200), 50)
    times_s = np.arange(80) / 25
    measured = Trace(predicted.at(times_s - shift_s), 25)
    lag, r = best_lag_ms(lag_curve(predicted, measured))
    assert lag == pytest.approx(1000 * shift_s, abs=12)
    assert r > 0.98


def test_pooling_weighs_frames_and_frees_clips_of_their_means() -> None:
    pairs = [(wave(50, k) + k, wave(50, k) * 2 - 5 * k) for k in range(4)]
    assert pooled_correlation(pairs) == pytest.approx(1)
    assert fisher_mean([0.5, 0.5, float("nan")]) == pytest.approx(0.5)
    assert np.isnan(pooled_correlation([(np.ones(3), np.ones(3))]))


def test_significance_tells_signal_from_chance() -> None:
    same = [(wave(60, k), wave(60, k) + 0.5 * wave(60, 90 + k)) for k in range(5)]
    other = [(wave(60, k), wave(60, 50 + k)) for k in range(5)]
    assert circular_p(same) < 0.01 < 0.05 < circular_p(other)
    assert paired_p([0.5, 0.6, 0.55, 0.4, 0.7, 0.5, 0.6], [0.1, 0.2, 0.0, 0.1, 0.3, 0.1, 0.2]) < 0.02
    assert paired_p([0.1, 0.2], [0.4, 0.5]) > 0.5


def test_jitter_is_small_for_smooth_curves() -> None:
    assert jitter(np.linspace(0, 1, 50)) < 1e-9
    assert jitter(np.random.default_rng(0).standard_normal(500)) > 1.5


def test_a_perfect_mouth_scores_one_and_files_are_written(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_clip(tmp_path, name)
    (tmp_path / "clips.json").write_text(json.dumps({"one": {"tier": "studio", "lang": "en"}}))
    found = evaluate(tmp_path, knows_all, out=tmp_path / "report", known_sounds=False)
    assert set(found.pooled) == {"all", "tier all", "tier studio", "lang ?", "lang en"}
    everything = found.pooled["all"]
    assert everything.mean_r > 0.99
    assert everything.pooled_r > 0.99
    assert everything.p < 0.01
    assert abs(everything.curve_lag_ms) < 10
    assert everything.slope == pytest.approx(1, abs=0.05)
    assert everything.baseline_mean_r < 0.8
    written = json.loads((tmp_path / "report/evaluation.json").read_text())
    assert written["pooled"]["all"]["clips"] == 2
    assert "tier studio" in (tmp_path / "report/evaluation.txt").read_text()
    assert (tmp_path / "report/one.png").read_bytes()[:4] == b"\x89PNG"


def test_slope_and_offset_are_found_and_the_stated_offset_can_be_used(tmp_path: Path) -> None:
    make_clip(tmp_path, "early", lag_s=-0.12, scale=0.5)
    (tmp_path / "clips.json").write_text(json.dumps({"early": {"av_offset_ms": -120}}))
    raw = evaluate(tmp_path, knows_all, known_sounds=False).clips[0].opening
    told = evaluate(tmp_path, knows_all, known_sounds=False, use_av_offset=True).clips[0].opening
    named = evaluate(tmp_path, knows_all, known_sounds=False, offset_ms=-120).clips[0].opening
    assert raw.best_lag_ms == pytest.approx(-120, abs=12)
    assert told.r > 0.98 > raw.r
    assert named.r == told.r
    assert told.slope == pytest.approx(0.5, abs=0.05)
    assert told.spread_ratio == pytest.approx(2, abs=0.2)


def test_frames_without_a_face_are_left_out(tmp_path: Path) -> None:
    make_clip(tmp_path, "gaps")
    make_clip(tmp_path, "none", aperture=np.full(60, np.nan), width=np.full(60, np.nan))
    with np.load(tmp_path / "gaps.npz") as file:
        values = dict(file)
    values["aperture"][10:20] = np.nan
    np.savez(tmp_path / "gaps.npz", **values)
    found = evaluate(tmp_path, knows_all, out=tmp_path / "report", known_sounds=False)
    assert found.clips[0].opening.r > 0.98
    assert found.to_dict()["clips"][1]["opening"]["r"] is None
    assert "nan" in table(found)
    assert found.pooled["all"].mean_r > 0.98


def test_a_predictor_is_asked_for_50_frames_a_second() -> None:
    class Said(NamedTuple):
        blendshapes: Floats

    class Says:
        def predict(self, samples: npt.ArrayLike, fps: Fraction, seed: int = 0, low_latency: bool = False) -> Said:
            assert fps == 50
            return Said(np.float32(0.5) * TRUTH if low_latency else TRUTH)

    np.testing.assert_array_equal(as_mouth(Says())(SAMPLES), TRUTH)
    np.testing.assert_array_equal(as_mouth(Says(), low_latency=True)(SAMPLES), 0.5 * TRUTH)


def test_closures_and_silence_are_counted() -> None:
    speech = [KnownSpeech("mama", "en", SAMPLES, PHONES)]
    perfect = score_speech(knows_all, speech)
    assert perfect.closure_recall == 1
    assert perfect.open_vowels.share == 1
    assert perfect.silent_open.share == 0
    assert perfect.closing_s[0] < 0.2
    agape = score_speech(always_open, speech)
    assert agape.closure_recall == 0
    assert agape.silent_open.share == 1
    shut = score_speech(never_opens, speech)
    assert shut.closure_recall == 1
    assert shut.open_vowels.share == 0


def test_what_is_not_speech_is_the_same_for_a_seed() -> None:
    one, two = (list(not_speech(1.0, 3)) for _ in range(2))
    assert {kind for kind, _, _ in one} == {"silence", "noise", "music"}
    for (_, name, a), (_, _, b) in zip(one, two):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == np.float32
        assert np.isfinite(a).all(), name
        assert np.abs(a).max() <= 1
    assert {s for shares in score_not_speech(never_opens, 1.0).values() for s in shares.values()} == {0.0}
    assert {s for shares in score_not_speech(always_open, 1.0).values() for s in shares.values()} == {1.0}


def test_loudness_follows_the_sound() -> None:
    samples = np.concatenate([np.zeros(8000, np.float32), SAMPLES[:8000]])
    for kind in ("loudness", "level"):
        envelope = loudness(samples, 40.0, kind)
        assert envelope.at(np.array([0.75]))[0] > envelope.at(np.array([0.2]))[0]
        assert len(envelope.values) == 101
    assert len(loudness(np.zeros(0, np.float32), 20.0).values) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"fps": 0.0},
        {"aperture": np.zeros(3)},
        {"audio16k": np.zeros((2, 9))},
        {"width": np.array([None], dtype=object)},
    ],
)
def test_bad_clips_are_named(tmp_path: Path, changes: dict[str, Any]) -> None:
    make_clip(tmp_path, "bad", **changes)
    with pytest.raises(Audio2MotionError, match=r"bad\.npz is no clip"):
        read_clips(tmp_path)


def test_bad_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(Audio2MotionError, match="neither clips"):
        evaluate(tmp_path, knows_all)
    with pytest.raises(Audio2MotionError, match="there is no folder"):
        evaluate(tmp_path / "nowhere", knows_all)
    (tmp_path / "bad.npz").write_bytes(b"not a zip")
    with pytest.raises(Audio2MotionError, match="is no clip"):
        read_clips(tmp_path)
    (tmp_path / "clips.json").write_text("{")
    with pytest.raises(Audio2MotionError, match="is not JSON"):
        read_clips(tmp_path)
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    heard: list[str] = []
    with pytest.raises(Audio2MotionError, match="no video with a face"):
        measure_videos(tmp_path, tmp_path / "out", heard.append)
    assert len(heard) == 1
    assert "broken.mp4" in heard[0]


@pytest.mark.material
def test_a_folder_of_videos_is_measured_first(tmp_path: Path) -> None:
    import subprocess

    import imageio_ffmpeg

    folder = Path(os.environ.get("TALKINGHEAD_MATERIAL", "/nonexistent")) / "video"
    videos = sorted(folder.glob("d*.mp4"))
    if not videos:
        pytest.skip("set TALKINGHEAD_MATERIAL to a folder with video/d*.mp4")
    # A voice for a clip that may have none.
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-t", "1.2", "-i", str(videos[0]), "-f", "lavfi",
               "-i", "sine=220:d=1.2", "-map", "0:v", "-map", "1:a", str(tmp_path / "clip.mp4")]  # fmt: skip
    subprocess.run(command, check=True)
    (tmp_path / "broken.mov").write_bytes(b"no video")
    heard: list[str] = []
    found = evaluate(tmp_path, knows_all, out=tmp_path / "out", known_sounds=False, plots=False, note=heard.append)
    assert [clip.name for clip in found.clips] == ["clip"]
    assert len(heard) == 1
    assert (tmp_path / "out/clips/clip.npz").exists()


@pytest.mark.material
def test_a_real_video_is_measured() -> None:
    folder = Path(os.environ.get("TALKINGHEAD_MATERIAL", "/nonexistent")) / "video"
    videos = sorted(folder.glob("d*.mp4"))
    if not videos:
        pytest.skip("set TALKINGHEAD_MATERIAL to a folder with video/d*.mp4")
    aperture, width = measure_mouth(videos[0])
    assert np.isfinite(aperture.values).mean() > 0.9
    assert 0 <= np.nanmin(aperture.values) < np.nanmax(aperture.values) < 0.6
    assert 0.3 < np.nanmedian(width.values) < 1.0
