"""Sound and phones in one stream: lips are the phones' where they are told, however the sound is cut."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction

import numpy as np
import pytest

from audio2motion import BEHAVIOUR_INDICES, Phone
from audio2motion.evaluation.closures import single_sounds
from audio2motion.targets import opening_of
from talkinghead.core.errors import AudioError, InputError
from talkinghead.core.types import Floats
from talkinghead.drivers.hearing import Ear, Hearing
from talkinghead.drivers.opening import SpeechModel
from talkinghead.drivers.phone_track import PhoneTrack
from talkinghead.drivers.phonemes import PieceDriver
from talkinghead.motion.blendshapes import N_BLENDSHAPES
from talkinghead.motion.motion import Motion
from talkinghead.tts.engines import SpokenText, at_rate
from talkinghead.tts.espeak import EspeakEngine

RATE_HZ, FPS = 22_050, Fraction(25)
FADE_S, CLOSED = 0.08, 0.08
MOUTH = [index for index in range(N_BLENDSHAPES) if index not in BEHAVIOUR_INDICES]
Piece = tuple[Floats, PhoneTrack | None]


@pytest.fixture(scope="module")
def spoken() -> list[SpokenText]:
    """Two sentences, the second of which begins with a vowel."""
    pieces = list(EspeakEngine("en-us").stream("Maybe Bob's mum bumped a pump. Apples, papa."))
    assert [piece.rate_hz for piece in pieces] == [RATE_HZ, RATE_HZ]
    return pieces


@pytest.fixture(scope="module")
def mixed(spoken: list[SpokenText], speech: Floats) -> list[Piece]:
    """A recording, a text of two pieces, and silence."""
    told = [(piece.samples, PhoneTrack.of(piece.phones or [], piece.samples, RATE_HZ)) for piece in spoken]
    return [(speech, None), *told, (np.zeros(RATE_HZ, np.float32), None)]


@pytest.fixture(scope="module")
def speech(spoken: list[SpokenText]) -> Floats:
    return spoken[1].samples[:15_000]


def ear(fps: Fraction = FPS, *, rate_hz: int = RATE_HZ, heeds: bool = True, low_latency: bool = True) -> Ear:
    model = SpeechModel("embedded")
    return Ear(Hearing(rate_hz, lambda _: model.driver(fps, low_latency=low_latency), heeds_phones=heeds), 0)


def whole(samples: Floats) -> Iterator[Floats]:
    yield samples


def cut_by(seed: int, most: int) -> Callable[[Floats], Iterator[Floats]]:
    rng = np.random.default_rng(seed)

    def cut(samples: Floats) -> Iterator[Floats]:
        at = 0
        while at < len(samples):
            length = int(rng.integers(1, most))
            yield samples[at : at + length]
            at += length

    return cut


def heard(listener: Ear, pieces: Iterable[Piece], cut: Callable[[Floats], Iterator[Floats]] = whole) -> Motion:
    """All the motion, phones being told with the first part of their piece."""
    motions: list[Motion | None] = []
    for samples, track in pieces:
        for number, part in enumerate(cut(samples)):
            motions.append(listener.push(part, None if number else track))
    motions += listener.finish()
    return Motion.concatenate([motion for motion in motions if motion is not None])


def assert_same(one: Motion, other: Motion) -> None:
    np.testing.assert_array_equal(one.blendshapes, other.blendshapes)
    np.testing.assert_array_equal(one.rotation, other.rotation)
    np.testing.assert_array_equal(one.translation, other.translation)


@pytest.mark.parametrize(("fps", "low_latency"), [(FPS, True), (Fraction(24000, 1001), True), (Fraction(60), False)])
def test_the_motion_is_the_same_however_the_sound_is_cut(mixed: list[Piece], fps: Fraction, low_latency: bool) -> None:
    expected = heard(ear(fps, low_latency=low_latency), mixed)
    for seed, most in ((1, 2000), (2, 40_000)):
        assert_same(heard(ear(fps, low_latency=low_latency), mixed, cut_by(seed, most)), expected)


@pytest.mark.parametrize("fps", [FPS, Fraction(30)])
def test_lips_are_the_file_s_where_phones_are_told_and_the_sound_s_elsewhere(
    mixed: list[Piece], spoken: list[SpokenText], fps: Fraction
) -> None:
    found, sound = heard(ear(fps), mixed), heard(ear(fps, heeds=False), mixed)
    # Head, gaze, lids and brows are the sound's throughout.
    lives = list(BEHAVIOUR_INDICES)
    np.testing.assert_array_equal(found.blendshapes[:, lives], sound.blendshapes[:, lives])
    np.testing.assert_array_equal(found.rotation, sound.rotation)
    begin_s = len(mixed[0][0]) / RATE_HZ
    first_end_s, end_s = (begin_s + sum(piece.duration_s for piece in spoken[:count]) for count in (1, 2))
    times_s = np.arange(len(found)) / float(fps)
    outside = (times_s <= begin_s - FADE_S) | (times_s >= end_s + FADE_S)
    np.testing.assert_array_equal(found.blendshapes[outside], sound.blendshapes[outside])
    # What a file's driver makes of the same pieces after as long a silence: from the first frame of the text on.
    driver = PieceDriver(RATE_HZ, fps)
    parts = [driver.push((np.zeros_like(mixed[0][0]), [])), *(driver.push((p.samples, p.phones or [])) for p in spoken)]
    file = Motion.concatenate([part for part in [*parts, driver.finish()] if part is not None])
    frames = slice(round(begin_s * fps), round((first_end_s - FADE_S) * fps) - 1)
    np.testing.assert_array_equal(found.blendshapes[frames][:, MOUTH], file.blendshapes[frames][:, MOUTH])
    frames = slice(round(first_end_s * fps), round(end_s * fps))
    np.testing.assert_array_equal(found.blendshapes[frames][:, MOUTH], file.blendshapes[frames][:, MOUTH])
    assert not np.array_equal(found.blendshapes[frames], sound.blendshapes[frames])


def test_lips_meet_at_every_p_b_m_and_part_between(mixed: list[Piece], spoken: list[SpokenText]) -> None:
    opening = opening_of(heard(ear(), mixed, cut_by(0, 2000)).blendshapes)
    begin_s, centres = len(mixed[0][0]) / RATE_HZ, []
    for piece in spoken:
        sounds = single_sounds(piece.phones or [])
        centres += [begin_s + (begin + end) / 2 for _, contact, begin, end in sounds if contact == "lips"]
        begin_s += piece.duration_s
    frames = [round(centre * FPS) for centre in centres]
    assert len(frames) >= 10
    assert opening[frames].max() < CLOSED
    assert opening.max() > 0.5
    # The vowel that begins the second sentence is opened to in more than one frame.
    first_s = len(mixed[0][0]) / RATE_HZ + spoken[0].duration_s
    around = opening[round(first_s * FPS) - 3 : round(first_s * FPS) + 1]
    assert np.diff(around).max() < 0.75 * around[-1]


def test_what_is_told_anew_takes_over(speech: Floats) -> None:
    length = len(speech)
    first = PhoneTrack.of([("a", 0.0, 2 * length / RATE_HZ)], np.tile(speech, 2), RATE_HZ)
    second = PhoneTrack.of([("m", 0.0, length / RATE_HZ)], speech, RATE_HZ)
    motion = heard(ear(), [(speech, first), (speech, second)])
    opening, border = opening_of(motion.blendshapes), round(length / RATE_HZ * FPS)
    assert opening[2 : border - 2].min() > 0.5
    assert opening[border + 1 :].max() < CLOSED
    # Told twice of the same sound: the last word holds.
    again = ear()
    again.push(speech[:0], first)
    assert_same(heard(again, [(speech, second), (speech, None)]), heard(ear(), [(speech, second), (speech, None)]))


def test_phones_are_not_heeded_where_the_model_s_lips_are_wanted(mixed: list[Piece]) -> None:
    silent = [(samples, None) for samples, _ in mixed]
    assert_same(heard(ear(heeds=False), mixed), heard(ear(), silent))


def test_no_phones_at_all_are_lips_at_rest(speech: Floats) -> None:
    motion = heard(ear(), [(speech, PhoneTrack.of([], speech, RATE_HZ))])
    assert opening_of(motion.blendshapes).max() == 0
    assert opening_of(heard(ear(), [(speech, None)]).blendshapes).max() > 0.3


def lips(phones: list[Phone], length: int = RATE_HZ) -> Floats:
    rng = np.random.default_rng(0)
    track = PhoneTrack.of(phones, rng.normal(0, 0.1, length).astype(np.float32), RATE_HZ)
    return np.asarray(opening_of(track.lips(Fraction(50), 50)))


def test_phones_may_overlap_run_beyond_the_piece_and_be_unknown() -> None:
    # Closed in the middle of the m, though a vowel sounds through it, whatever their order.
    overlapping = lips([("a", 0.1, 0.7), ("m", 0.3, 0.5)])
    assert overlapping[20] == 0
    assert overlapping.max() > 0.5
    np.testing.assert_allclose(lips([("m", 0.3, 0.5), ("a", 0.1, 0.7)]), overlapping, atol=1e-6)
    # Still open when the piece ends, and nowhere after it.
    assert lips([("a", 0.5, 9.0)])[-1] > 0.5
    assert len(lips([("a", 0.5, 9.0)])) == 50
    assert lips([("m", 0.5, 1.01), ("a", 1.03, 1.2)])[30] < CLOSED  # an engine that rounds its times
    unknown = lips([("☃", 0.2, 0.8)])
    assert 0.2 < unknown[25] < 0.5
    assert np.isfinite(lips([("a" * 500, 0.2, 0.2), ("", 0.3, 0.4)])).all()


@pytest.mark.parametrize(
    ("phones", "words"),
    [
        ([("m", 0.3, 0.2)], r"phone 0 \('m'\) runs from 0.3 s to 0.2 s: times must not go back"),
        ([("a", 0.0, 0.1), ("m", -0.1, 0.2)], r"phone 1 \('m'\) runs from -0.1 s"),
        ([("m", 0.1, float("nan"))], "must not go back"),
        ([("m", float("inf"), float("inf"))], "must not go back"),
        ([("m", 120, 240)], "begins at 120 s, its sound ends at 1 s: give seconds"),
        ([("m", 0.1)], r"give \(IPA label, start, end\)"),
        ([("m", "soon", 0.2)], r"give \(IPA label, start, end\)"),
        ([("m", None, 0.2)], r"give \(IPA label, start, end\)"),
        ([7], r"give \(IPA label, start, end\)"),
        ([(7, 0.1, 0.2)], "give its IPA label"),
    ],
)
def test_phones_that_cannot_be_are_refused(phones: list[Phone], words: str) -> None:
    silence = np.zeros(RATE_HZ, np.float32)
    listener = ear()
    with pytest.raises(InputError, match=words):
        listener.push(silence, phones)
    assert listener.heard_s == 0  # nothing was heard of it


def test_a_track_is_of_mono_sound_at_any_rate(spoken: list[SpokenText]) -> None:
    phones, samples = spoken[0].phones or [], spoken[0].samples
    track = PhoneTrack.of(phones, samples, RATE_HZ)
    integers = PhoneTrack.of(phones, np.round(samples * 32767).astype(np.int16), RATE_HZ)
    np.testing.assert_allclose(integers.levels_db, track.levels_db, atol=0.05)
    other = PhoneTrack.of(phones, at_rate(spoken[0], 48_000), 48_000)
    assert float(other.duration_s) == pytest.approx(float(track.duration_s), abs=1e-4)
    np.testing.assert_allclose(other.lips(FPS, 30), track.lips(FPS, 30), atol=0.01)
    with pytest.raises(AudioError, match="one channel"):
        PhoneTrack.of(phones, np.zeros((10, 2), np.float32), RATE_HZ)
