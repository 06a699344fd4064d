"""Prediction: the contract of streams, and what the embedded checkpoint does with sounds of known meaning."""

from __future__ import annotations

import pickle
from fractions import Fraction

import numpy as np
import pytest
import torch

from audio2motion.arkit import BLENDSHAPE_NAMES
from audio2motion.errors import Audio2MotionError
from audio2motion.network.ends import mirrored
from audio2motion.predictor import Prediction, PredictionStream, Predictor
from audio2motion.targets import opening_of


def _collect(stream: PredictionStream, sound: torch.Tensor, size: int) -> Prediction:
    parts = [stream.push(sound[i : i + size]) for i in range(0, len(sound), size)]
    return Prediction.joined([part for part in (*parts, stream.finish()) if part is not None])


@pytest.fixture(scope="module")
def embedded() -> Predictor:
    return Predictor.load()


@pytest.mark.parametrize("low_latency", [False, True])
@pytest.mark.parametrize("fps", [Fraction(25), Fraction(24000, 1001), Fraction(60)])
def test_pushes_of_any_size_give_the_same_motion(
    small_predictor: Predictor, sound: torch.Tensor, fps: Fraction, low_latency: bool
) -> None:
    once = _collect(small_predictor.stream(fps, 5, low_latency), sound, len(sound))
    pieces = _collect(small_predictor.stream(fps, 5, low_latency), sound, 999)
    assert once.frames == round(len(sound) * fps / 16000)
    for a, b in zip(once[:4], pieces[:4]):
        np.testing.assert_array_equal(a, b)
    if not low_latency:
        np.testing.assert_array_equal(once.blendshapes, small_predictor.predict(sound, fps, 5).blendshapes)


@pytest.mark.parametrize("fps", [Fraction(1), Fraction(25), Fraction(30000, 1001), Fraction(240)])
@pytest.mark.parametrize("samples", [0, 1, 4800, 5013])
def test_frames_last_as_long_as_the_sound(small_predictor: Predictor, fps: Fraction, samples: int) -> None:
    prediction = small_predictor.predict(np.zeros(samples, np.float32), fps)
    frames = max(1, round(samples * fps / 16000))
    assert [tuple(part.shape) for part in prediction[:4]] == [(frames, 52), (frames, 3), (frames, 3), (frames,)]
    assert all(np.isfinite(part).all() and part.dtype == np.float32 for part in prediction[:4])


def test_values_are_in_range_and_lips_and_life_move(small_predictor: Predictor, sound: torch.Tensor) -> None:
    prediction = small_predictor.predict(sound, Fraction(25))
    assert small_predictor.config.blendshape_names == BLENDSHAPE_NAMES
    assert prediction.blendshapes.min() >= 0
    assert prediction.blendshapes.max() <= 1
    assert prediction.blendshapes.std(0)[BLENDSHAPE_NAMES.index("jawOpen")] > 0
    assert prediction.rotation.std() > 0
    np.testing.assert_array_equal(prediction.scale, np.ones(prediction.frames))
    assert prediction.expression is None


def test_seeds_change_life_but_not_lips(small_predictor: Predictor, sound: torch.Tensor) -> None:
    a, b = (small_predictor.predict(sound, Fraction(25), seed) for seed in (1, 2))
    jaw = BLENDSHAPE_NAMES.index("jawOpen")
    np.testing.assert_array_equal(a.blendshapes[:, jaw], b.blendshapes[:, jaw])
    assert not np.array_equal(a.rotation, b.rotation)


def test_first_motion_comes_within_150_ms_of_sound(embedded: Predictor, sound: torch.Tensor) -> None:
    stream = embedded.stream(Fraction(25), low_latency=True)
    heard = 0
    while stream.push(sound[heard : heard + 160]) is None:
        heard += 160
    assert heard + 160 <= 0.15 * 16000
    assert embedded.low_latency_look_ahead_s < 0.15 < embedded.look_ahead_s + 0.1


@pytest.mark.parametrize("low_latency", [False, True])
@pytest.mark.parametrize("library", ["PyTorch", "ONNX Runtime"])
def test_memory_does_not_grow(small_predictor: Predictor, embedded: Predictor, library: str, low_latency: bool) -> None:
    """What a stream holds, its network's state included, written out."""
    predictor = small_predictor if library == "PyTorch" else embedded
    stream = predictor.stream(Fraction(25), low_latency=low_latency)
    noise = np.random.default_rng(0).normal(0, 0.05, 16000).astype(np.float32)

    def held() -> int:
        parts = {name: value for name, value in vars(stream).items() if name != "_network"}
        return len(pickle.dumps(parts))

    for _ in range(4):
        stream.push(noise)
    before = held()
    for _ in range(20):
        assert stream.push(noise) is not None
    # 20 s are 320,000 samples, 1000 rows and 500 frames.
    assert held() < before + 8000


def test_silence_and_noise_leave_the_mouth_shut(embedded: Predictor) -> None:
    torch.manual_seed(0)
    for sound in (torch.zeros(48000), torch.randn(48000) * 1e-3, torch.randn(48000) * 0.05):
        opening = opening_of(embedded.predict(sound, Fraction(25)).blendshapes)
        assert (opening[10:] > 0.08).mean() <= 0.05


def test_speech_opens_the_mouth_and_its_end_closes_it(embedded: Predictor) -> None:
    import soxr

    from audio2motion.corpus.espeak import shared_espeak

    speech = shared_espeak().say("My father and my mother are far away.", "en-us+f3")
    samples = soxr.resample(speech.samples, speech.rate_hz, 16000).astype(np.float32)
    sound = np.concatenate([np.zeros(8000, np.float32), samples, np.zeros(16000, np.float32)])
    opening = opening_of(embedded.predict(sound, Fraction(50)).blendshapes)
    end = round((0.5 + speech.phones[-1][2]) * 50)
    assert opening[30:end].max() > 0.5
    assert opening[end + 12 :].max() < 0.08
    vowels = [opening[round((0.48 + (s + e) / 2) * 50)] for ipa, s, e in speech.phones if "ɑ" in ipa]
    closures = [
        opening[round((0.46 + s) * 50) : round((0.5 + e) * 50)].min() for ipa, s, e in speech.phones if ipa == "m"
    ]
    assert np.mean(closures) < 0.1 < 0.35 < np.mean(vowels)


def test_a_recording_that_ends_or_begins_within_a_word_has_the_mouth_of_that_word(embedded: Predictor) -> None:
    import soxr

    from audio2motion.corpus.espeak import shared_espeak

    speech = shared_espeak().say("[[bA:::::b]]", "en-us", words_per_minute=120)  # spelled: it ends in a long vowel
    sound = np.asarray(soxr.resample(speech.samples, speech.rate_hz, 16000), np.float32)
    _, start_s, end_s = max(speech.phones, key=lambda phone: phone[2] - phone[1])
    middle = round((start_s + end_s) / 2 * 50)
    opening = opening_of(embedded.predict(sound, Fraction(50)).blendshapes)[middle]
    assert opening > 0.4
    cut = middle * 320
    assert opening_of(embedded.predict(sound[:cut], Fraction(50)).blendshapes)[-1] > 0.6 * opening
    assert opening_of(embedded.predict(sound[cut:], Fraction(50)).blendshapes)[0] > 0.6 * opening


@pytest.mark.parametrize("count", [0, 1, 3, 4, 7, 20])
def test_what_follows_a_recording_goes_back_and_forth_within_its_end(count: int) -> None:
    there_and_back = [3.0, 2.0, 1.0, 1.0, 2.0, 3.0] * 4
    assert mirrored(np.array([1, 2, 3], np.float32), count).tolist() == there_and_back[:count]
    assert mirrored(np.zeros(0, np.float32), count).tolist() == [0.0] * count


def test_bad_sound_is_refused(small_predictor: Predictor) -> None:
    stream = small_predictor.stream(Fraction(25))
    with pytest.raises(Audio2MotionError, match="one channel"):
        stream.push(np.zeros((2, 100), np.float32))
    with pytest.raises(Audio2MotionError, match="not finite"):
        stream.push(np.full(100, np.nan, np.float32))
    with pytest.raises(Audio2MotionError, match=r"must be numbers on the CPU.*requires grad"):
        stream.push(torch.zeros(100, requires_grad=True))
    with pytest.raises(Audio2MotionError, match="must be numbers"):
        stream.push(["loud", "quiet"])
    stream.finish()
    assert stream.finish() is None
    with pytest.raises(Audio2MotionError, match="finished"):
        stream.push(np.zeros(100, np.float32))
    with pytest.raises(Audio2MotionError, match="positive"):
        small_predictor.stream(Fraction(0))
