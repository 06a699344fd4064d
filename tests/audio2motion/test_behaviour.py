"""Behaviour: the same whatever the blocks, human in its timing, bounded in its motion, quiet in silence."""

from __future__ import annotations

import tracemalloc

import numpy as np
import numpy.typing as npt
import pytest

from audio2motion.arkit import BLENDSHAPE_NAMES
from audio2motion.behaviour import BEHAVIOUR_BLENDSHAPES, BEHAVIOUR_INDICES, Behaviour, BehaviourFrames
from audio2motion.behaviour.blinks import Blink
from audio2motion.behaviour.head import LIMITS_DEG
from audio2motion.behaviour.voice import HALF_WINDOW, HOP, Listener
from audio2motion.errors import Audio2MotionError

Floats = npt.NDArray[np.float32]
RATE_HZ = 16000


def babble(seconds: float, seed: int = 0) -> Floats:
    """Voice-like sound: pulses at a wandering pitch in syllables, phrases and pauses."""
    rng = np.random.default_rng(seed)
    count = int(seconds * RATE_HZ)
    t = np.arange(count) / RATE_HZ
    turns = np.arange(0, seconds + 1, 0.25)
    pitch = np.interp(t, turns, rng.uniform(95, 160, len(turns)))
    phase = np.cumsum(pitch) / RATE_HZ
    voice = sum(np.sin(2 * np.pi * k * phase) / k for k in range(1, 12))
    knots = np.arange(0, seconds + 1, 0.11)
    syllables = np.interp(t, knots, rng.uniform(0.15, 1.0, len(knots)) * (np.arange(len(knots)) % 2 + 0.15))
    pauses = np.ones(count)
    at = 0.0
    while at < seconds:
        at += rng.uniform(1.5, 3.5)
        pauses[int(at * RATE_HZ) : int((at + 0.6) * RATE_HZ)] = 0
        at += 0.6
    return np.asarray(0.15 * voice * syllables * pauses + 1e-4 * rng.standard_normal(count), np.float32)


def run(samples: Floats, seed: int = 0, sizes: list[int] | None = None, look_ahead_s: float = 0.12) -> BehaviourFrames:
    behaviour = Behaviour(seed, look_ahead_s)
    parts, at = [], 0
    for size in sizes or [len(samples)]:
        parts.append(behaviour.push(samples[at : at + size]))
        at += size
    parts += [behaviour.push(samples[at:]), behaviour.finish()]
    return BehaviourFrames.joined([part for part in parts if part is not None])


def assert_same(one: BehaviourFrames, two: BehaviourFrames) -> None:
    np.testing.assert_array_equal(one.times_s, two.times_s)
    np.testing.assert_array_equal(one.blendshapes, two.blendshapes)
    np.testing.assert_array_equal(one.rotation, two.rotation)
    np.testing.assert_array_equal(one.translation, two.translation)


def blink_starts(lid: Floats) -> npt.NDArray[np.int64]:
    return np.flatnonzero((lid[1:] > 0.3) & (lid[:-1] <= 0.3))


SPEECH = babble(120)
SPOKEN = run(SPEECH, seed=5)


@pytest.mark.parametrize("look_ahead_s", [0.02, 0.06, 0.12])
def test_blocks_of_any_size_give_the_same_frames(look_ahead_s: float) -> None:
    speech = SPEECH[: 6 * RATE_HZ + 77]
    rng = np.random.default_rng(1)
    whole = run(speech, 3, look_ahead_s=look_ahead_s)
    for sizes in ([1] * 700, [319, 320, 321, 0, 5000], [int(n) for n in rng.integers(0, 4000, 60)]):
        assert_same(whole, run(speech, 3, sizes, look_ahead_s))


def test_a_frame_knows_nothing_beyond_its_look_ahead() -> None:
    behaviour = Behaviour(0)
    assert behaviour.look_ahead_s == pytest.approx(0.12)
    changed = SPEECH[: 8 * RATE_HZ].copy()
    changed[4 * RATE_HZ :] = np.random.default_rng(0).standard_normal(4 * RATE_HZ) * 0.2
    one, two = run(SPEECH[: 8 * RATE_HZ], 1), run(changed, 1)
    same = one.times_s <= 4 - behaviour.look_ahead_s
    np.testing.assert_array_equal(one.rotation[same], two.rotation[same])
    np.testing.assert_array_equal(one.blendshapes[same], two.blendshapes[same])
    assert not np.array_equal(one.rotation, two.rotation)


def test_more_look_ahead_than_people_use_changes_nothing() -> None:
    speech = SPEECH[: 4 * RATE_HZ]
    assert_same(run(speech, 2, look_ahead_s=0.12), run(speech, 2, look_ahead_s=0.4))
    assert not np.array_equal(run(speech, 2, look_ahead_s=0.12).rotation, run(speech, 2, look_ahead_s=0.04).rotation)


def test_frames_come_as_soon_as_the_look_ahead_allows() -> None:
    behaviour = Behaviour(0, look_ahead_s=0.06)
    frames = behaviour.push(SPEECH[: RATE_HZ // 2])
    assert frames is not None
    assert frames.times_s[-1] == pytest.approx(0.5 - behaviour.look_ahead_s)


@pytest.mark.parametrize("count", [0, 1, 319, 320, 321, 16000])
def test_frames_cover_the_sound_at_50_hz(count: int) -> None:
    frames = run(np.zeros(count, np.float32))
    assert len(frames.times_s) == -(-count // 320) + 1
    np.testing.assert_allclose(np.diff(frames.times_s), 0.02)
    assert frames.blendshapes.shape == (len(frames.times_s), len(BEHAVIOUR_BLENDSHAPES))
    assert frames.rotation.shape == frames.translation.shape == (len(frames.times_s), 3)


def test_memory_does_not_grow_with_the_sound() -> None:
    behaviour = Behaviour(0)
    for _ in range(30):
        behaviour.push(np.zeros(RATE_HZ, np.float32))
    tracemalloc.start()
    for _ in range(30):
        behaviour.push(np.zeros(RATE_HZ, np.float32))
    kept, _ = tracemalloc.get_traced_memory()
    behaviour.finish()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 20_000  # 30 s of sound are 1.9 MB, their frames 0.15 MB
    assert peak < 200_000 + 4 * RATE_HZ


def test_a_seed_decides() -> None:
    speech = SPEECH[: 5 * RATE_HZ]
    assert_same(run(speech, 7), run(speech, 7))
    assert not np.array_equal(run(speech, 7).rotation, run(speech, 8).rotation)


def test_names_are_arkits() -> None:
    assert tuple(BLENDSHAPE_NAMES[i] for i in BEHAVIOUR_INDICES) == BEHAVIOUR_BLENDSHAPES
    assert not any(name.startswith(("jaw", "mouth")) for name in BEHAVIOUR_BLENDSHAPES)


@pytest.mark.slow
def test_blinks_come_as_often_as_peoples() -> None:
    per_minute = [len(blink_starts(run(SPEECH[: 60 * RATE_HZ], s).blendshapes[:, 0])) for s in range(5)]
    assert 12 <= np.mean(per_minute) <= 20
    silent = run(np.zeros(180 * RATE_HZ, np.float32), 2)
    assert 12 <= len(blink_starts(silent.blendshapes[:, 0])) / 3 <= 20


def test_intervals_between_blinks_are_irregular() -> None:
    intervals_s = np.diff(blink_starts(SPOKEN.blendshapes[:, 0])) / 50
    assert np.log(intervals_s).std() > 0.3
    assert intervals_s.min() >= 0.2


@pytest.mark.slow
def test_blinks_follow_the_ends_of_phrases() -> None:
    quiet = np.abs(SPEECH[: len(SPEECH) // 320 * 320]).reshape(-1, 320).max(1) < 0.01
    pause = np.convolve(quiet, np.ones(20), "same") > 18
    ends = np.flatnonzero(pause[1:] & ~pause[:-1])
    near = np.zeros(len(quiet), bool)
    for end in ends:
        near[max(0, end - 15) : end + 25] = True
    starts = np.concatenate([blink_starts(run(SPEECH, s).blendshapes[:, 0]) for s in range(2)])
    assert near[np.minimum(starts, len(near) - 1)].mean() > 1.5 * near.mean()


def test_a_blink_closes_fast_stays_and_opens_slowly() -> None:
    blink = Blink(0.0, 0.08, 0.03, 0.15, 1.0)
    curve = np.array([blink.at(k / 1000) for k in range(300)])
    assert curve[80:110].min() > 0.999
    assert curve[0] == curve[261] == 0
    assert (np.diff(curve[:81]) >= 0).all()
    assert (np.diff(curve[110:262]) <= 1e-12).all()


def test_eyes_blink_together_but_not_in_lockstep() -> None:
    left, right = SPOKEN.blendshapes[:, 0], SPOKEN.blendshapes[:, 1]
    pairs = list(zip(blink_starts(left), blink_starts(right), strict=True))
    assert len(pairs) > 20
    assert all(abs(int(a) - int(b)) <= 1 for a, b in pairs)
    assert np.abs(left - right).max() > 0.01
    assert left.max() > 0.95


def test_the_head_stays_within_its_limits_and_moves_smoothly() -> None:
    assert (np.abs(SPOKEN.rotation) <= LIMITS_DEG).all()
    assert np.abs(SPOKEN.translation).max() < 0.06
    speed = np.diff(SPOKEN.rotation, axis=0) * 50
    assert np.abs(speed).max() < 60
    assert np.abs(np.diff(speed, axis=0) * 50).max() < 900


def test_the_head_is_lively_in_speech_and_still_in_silence() -> None:
    silent = run(np.concatenate([SPEECH[: 10 * RATE_HZ], np.zeros(20 * RATE_HZ, np.float32)]), 4)
    speed = np.linalg.norm(np.diff(silent.rotation, axis=0), axis=1) * 50
    assert speed[:500].mean() > 1.5
    assert 0.02 < speed[700:].mean() < 0.8
    assert np.abs(silent.rotation[900:]).max() < 1.6


def test_head_motion_has_no_period() -> None:
    yaw = SPOKEN.rotation[:, 1] - SPOKEN.rotation[:, 1].mean()
    spectrum = np.abs(np.fft.rfft(yaw)) ** 2
    assert spectrum.max() / spectrum.sum() < 0.35


def test_eyes_take_the_heads_turn_back() -> None:
    columns = [BEHAVIOUR_BLENDSHAPES.index(name) for name in ("eyeLookOutLeft", "eyeLookInLeft")]
    to_the_right = SPOKEN.blendshapes[:, columns[0]] - SPOKEN.blendshapes[:, columns[1]]
    assert np.corrcoef(to_the_right, SPOKEN.rotation[:, 1])[0, 1] > 0.5


def test_brows_rise_with_speech_only() -> None:
    inner = BEHAVIOUR_BLENDSHAPES.index("browInnerUp")
    silent = run(np.zeros(30 * RATE_HZ, np.float32), 1).blendshapes[:, inner]
    assert SPOKEN.blendshapes[:, inner].max() > 0.15 > silent.max()


def test_the_listener_hears_pitch_and_pauses() -> None:
    samples = np.concatenate([babble(4, seed=2), np.zeros(RATE_HZ, np.float32)])
    listener = Listener()
    heard = [listener.hear(samples[k : k + 2 * HALF_WINDOW]) for k in range(0, len(samples) - 2 * HALF_WINDOW, HOP)]
    assert any(v.phrase_end for v in heard)
    assert not heard[-1].speaking
    assert heard[-1].quiet_s > 0.5
    assert any(v.accent > 0 for v in heard)


def test_bad_input_is_refused() -> None:
    with pytest.raises(Audio2MotionError, match="one channel"):
        Behaviour().push(np.zeros((2, 100), np.float32))
    with pytest.raises(Audio2MotionError, match="not finite"):
        Behaviour().push(np.array([0.0, np.nan], np.float32))
    with pytest.raises(Audio2MotionError, match="look_ahead_s"):
        Behaviour(0, look_ahead_s=0.0)
    behaviour = Behaviour()
    behaviour.finish()
    assert behaviour.finish() is None
    with pytest.raises(Audio2MotionError, match="finished"):
        behaviour.push(np.zeros(10, np.float32))


@pytest.mark.slow
def test_the_head_moves_more_where_the_voice_is_stressed() -> None:
    """A second loud, a second 12 dB softer: as people's does, the head moves quicker in the loud ones."""
    speech = babble(80, seed=3)
    loud = (np.arange(len(speech)) // RATE_HZ) % 2 == 0
    speech[~loud] *= 0.25
    at_50_hz = loud[:: RATE_HZ // 50]
    ratios = []
    for seed in range(4):
        rotation = run(speech, seed).rotation
        speed = np.linalg.norm(np.diff(rotation, axis=0), axis=1)[: len(at_50_hz)]
        later = np.roll(at_50_hz, 8)
        ratios.append(float(speed[later].mean() / speed[~later].mean()))
    assert np.mean(ratios) > 1.45
