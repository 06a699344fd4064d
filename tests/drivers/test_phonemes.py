"""Lips from phones: closures where the phones say, a face that lives by its seed, however the sound is cut."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from audio2motion import Phone
from audio2motion.evaluation.closures import single_sounds
from audio2motion.targets import opening_of, phones_to_blendshapes
from benchmarks.told_lips import TEXTS
from talkinghead.core.types import Floats
from talkinghead.drivers.driving import Driving
from talkinghead.drivers.phone_track import phone_levels_db
from talkinghead.drivers.phonemes import PhonemeDriver, PieceDriver, spoken
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX
from talkinghead.motion.motion import Motion
from talkinghead.tts.engines import SpokenText
from talkinghead.tts.espeak import EspeakEngine

CLOSED = 0.08  # of the opening of an open a: lips that touch in a picture


@pytest.fixture(scope="module")
def speeches() -> dict[str, SpokenText]:
    return {voice: EspeakEngine(voice).speak(text) for voice, text in TEXTS.items()}


def driven(speech: SpokenText, fps: Fraction, seed: int = 0) -> Driving[Floats]:
    assert speech.phones is not None
    return spoken(speech.phones, speech.samples, speech.rate_hz, fps, seed=seed)


def collected(speech: SpokenText, fps: Fraction = Fraction(25), seed: int = 0) -> Motion:
    return Motion.concatenate(list(driven(speech, fps, seed)))


def centres_s(speech: SpokenText, contact: str) -> list[float]:
    """The middle of every sound that needs a `contact`."""
    sounds = single_sounds(speech.phones or [])
    return [(begin + end) / 2 for _, needed, begin, end in sounds if needed == contact]


@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(25), Fraction(60)])
@pytest.mark.parametrize("voice", TEXTS)
def test_lips_meet_at_every_p_b_m(speeches: dict[str, SpokenText], voice: str, fps: Fraction) -> None:
    opening = opening_of(collected(speeches[voice], fps).blendshapes)
    frames = [min(len(opening) - 1, round(at * fps)) for at in centres_s(speeches[voice], "lips")]
    assert len(frames) >= 10
    assert np.mean(opening[frames] < CLOSED) >= 0.97
    # A mouth that never opens would pass the above.
    assert np.mean(opening > 0.3) > 0.15


def test_lips_rest_before_and_after_the_words(speeches: dict[str, SpokenText]) -> None:
    opening = opening_of(collected(speeches["de"]).blendshapes)
    assert opening[0] < CLOSED
    assert opening[-3:].max() < CLOSED


@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(25), Fraction(30), Fraction(60), Fraction(1)])
def test_motion_lasts_as_long_as_the_speech(speeches: dict[str, SpokenText], fps: Fraction) -> None:
    speech = speeches["it"]
    driving = driven(speech, fps)
    motion = Motion.concatenate(list(driving))
    assert len(motion) == driving.frames == round(len(speech.samples) * fps / speech.rate_hz)
    assert motion.fps == driving.fps == fps


def test_motion_comes_in_chunks_without_seams(speeches: dict[str, SpokenText]) -> None:
    chunks = list(driven(speeches["en-us"], Fraction(50)))
    assert len(chunks) > 3
    joined = Motion.concatenate(chunks)
    steps = np.abs(np.diff(joined.rotation, axis=0)).max(1)
    seams = np.cumsum([len(chunk) for chunk in chunks])[:-1] - 1
    assert steps[seams].max() <= steps.max()
    assert steps.max() < 1.5


def test_the_motion_is_the_same_however_the_sound_is_cut(speeches: dict[str, SpokenText]) -> None:
    speech = speeches["fr"]
    assert speech.phones is not None
    rng = np.random.default_rng(0)
    heard = rng.normal(0, 0.1, 50_000).astype(np.float32)
    found = []
    for most in (50_000, 3_000, 37):
        driver = PhonemeDriver(speech.phones, speech.samples, speech.rate_hz, Fraction(25))
        at, parts = 0, []
        while at < len(heard):
            length = int(rng.integers(1, most + 1))
            parts.append(driver.push(heard[at : at + length]))
            at += length
        parts.append(driver.finish())
        found.append(Motion.concatenate([part for part in parts if part is not None]))
    for motion in found:
        np.testing.assert_array_equal(motion.blendshapes, found[0].blendshapes)
        np.testing.assert_array_equal(motion.rotation, found[0].rotation)


def test_the_face_lives_by_the_seed(speeches: dict[str, SpokenText]) -> None:
    one, again, other = (collected(speeches["es"], seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.blendshapes, again.blendshapes)
    np.testing.assert_array_equal(one.rotation, again.rotation)
    assert np.abs(one.rotation - other.rotation).max() > 0.3
    np.testing.assert_allclose(opening_of(one.blendshapes), opening_of(other.blendshapes), atol=1e-5)
    assert one.blendshapes[:, BLENDSHAPE_INDEX["eyeBlinkLeft"]].max() > 0.5


def test_louder_phones_are_louder_and_none_is_beyond_bounds() -> None:
    samples = np.concatenate([np.full(1600, level, np.float32) for level in (0.1, 0.2, 0.0, 0.1)])
    phones = [("a", 0.0, 0.1), ("a", 0.1, 0.2), ("a", 0.2, 0.3), ("a", 0.3, 0.4)]
    assert phone_levels_db(phones, samples, 16_000) == pytest.approx([0, 6.02, -20, 0], abs=0.01)
    assert phone_levels_db([], samples, 16_000) == []


def test_pieces_give_the_lips_of_the_whole() -> None:
    """Pieces of any length, not of whole frames: the lips stay with the sound."""
    rate_hz, fps = 22_050, Fraction(30_000, 1001)
    rng = np.random.default_rng(3)
    syllable: list[Phone] = [("m", 0.1, 0.2), ("a", 0.2, 0.4), ("p", 0.4, 0.5)]
    driver = PieceDriver(rate_hz, fps)
    whole: list[Phone] = []
    motions, sounds, at = [], [], 0
    for _ in range(12):
        length = int(rng.integers(round(0.7 * rate_hz), rate_hz))
        samples = rng.normal(0, 0.1, length).astype(np.float32)
        whole += [(ipa, at / rate_hz + start, at / rate_hz + end) for ipa, start, end in syllable]
        motions.append(driver.push((samples, syllable)))
        sounds.append(samples)
        at += length
    motions.append(driver.finish())
    pieces = Motion.concatenate([motion for motion in motions if motion is not None])
    together = np.concatenate(sounds)
    assert len(pieces) == round(at * fps / rate_hz)
    expected = phones_to_blendshapes(whole, float(fps), at / rate_hz, phone_levels_db(whole, together, rate_hz))
    found = opening_of(pieces.blendshapes)
    assert np.corrcoef(found, opening_of(expected)[: len(found)])[0, 1] > 0.985
