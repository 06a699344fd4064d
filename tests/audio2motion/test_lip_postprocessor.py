"""Closures that a video's frames cannot miss, and a mouth at rest where nobody speaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from audio2motion.config import ModelConfig
from audio2motion.network.lip_postprocessor import CLOSURE_DELAY, REACH, LipPostprocessor
from audio2motion.network.protocol import Floats, Steps
from audio2motion.phones import VISEMES
from audio2motion.targets import opening_weights

CONFIG = ModelConfig()
JAW = CONFIG.channels.index("jawOpen")


def lips(openings: Sequence[float]) -> Floats:
    """(T, channels) with only the jaw moving."""
    rows = np.zeros((len(openings), len(CONFIG.channels)), np.float32)
    rows[:, JAW] = openings
    return rows


def visemes(count: int, closed: Sequence[int] = ()) -> Floats:
    """Logits (T, 20) of some vowel, but of p b m at the steps `closed`."""
    rows = np.zeros((count, len(VISEMES)), np.float32)
    rows[:, VISEMES.index("a")] = 9.0
    for step in closed:
        rows[step, VISEMES.index("p b m")] = 12.0
    return rows


def speech(count: int) -> Floats:
    """Log-odds (T,) that are sure of speech."""
    return np.full(count, 9.0, np.float32)


def opened(rows: Floats) -> list[float]:
    return [float(value) for value in rows @ opening_weights(CONFIG.channels)]


def test_nearly_closed_is_closed_and_open_stays_open() -> None:
    out = opened(
        LipPostprocessor(CONFIG, low_latency=True).push(Steps(lips([0.05] * 3 + [0.6] * 6), visemes(9), speech(9)))
    )
    assert out[0] == 0
    assert out[-1] == pytest.approx(CONFIG.gain * opened(lips([0.6]))[0])


def test_what_sounds_like_a_closure_is_one_when_it_is_heard() -> None:
    out = opened(
        LipPostprocessor(CONFIG, low_latency=True).push(Steps(lips([0.4] * 12), visemes(12, closed=(5, 6)), speech(12)))
    )
    assert [i for i, value in enumerate(out) if value < 0.05] == [5 + CLOSURE_DELAY, 6 + CLOSURE_DELAY]


def test_lips_come_together_and_apart_as_lips_do() -> None:
    out = opened(LipPostprocessor(CONFIG).push(Steps(lips([0.4] * 40), visemes(40, closed=(15, 16)), speech(40))))
    middle = 15 + CLOSURE_DELAY
    assert len(out) == 40 - REACH
    assert max(out[middle : middle + 2]) < 0.08
    assert out[middle - 4 : middle + 1] == sorted(out[middle - 4 : middle + 1], reverse=True)
    assert sum(0.05 < value < 0.95 * max(out) for value in out) >= 4  # it takes some steps, on either side
    assert out[middle - 6] == pytest.approx(max(out))


def test_lips_do_not_tremble() -> None:
    trembling = lips([0.4 + 0.2 * (-1) ** k for k in range(40)])
    out = opened(LipPostprocessor(CONFIG).push(Steps(trembling, visemes(40), speech(40))))[REACH:]
    assert np.std(out) < 0.05 * np.std(opened(trembling))


def test_where_nobody_speaks_the_mouth_comes_to_rest_gently() -> None:
    there = np.array([9.0] * 10 + [-9.0] * 30, np.float32)
    out = LipPostprocessor(CONFIG, low_latency=True).push(Steps(lips([0.6] * 40), visemes(40), there))
    opening = opened(out)
    assert opening[9] == pytest.approx(CONFIG.gain * opened(lips([0.6]))[0])
    assert opening[10:18] == sorted(opening[10:18], reverse=True)
    assert 0 < opening[11] < opening[9]
    assert max(opening[18:]) == 0


@pytest.mark.parametrize("low_latency", [True, False])
@pytest.mark.parametrize("size", [1, 2, 7])
def test_pieces_give_what_the_whole_gives(size: int, low_latency: bool) -> None:
    rows = np.random.default_rng(5).random((60, len(CONFIG.channels)), np.float32) ** 3
    sounds = visemes(60, closed=(7, 8, 30))
    there = np.asarray(3 * np.sin(np.arange(60) / 5), np.float32)
    whole = LipPostprocessor(CONFIG, low_latency).push(Steps(rows, sounds, there))
    postprocessor = LipPostprocessor(CONFIG, low_latency)
    pieces = [
        postprocessor.push(Steps(*(part[at : at + size] for part in (rows, sounds, there))))
        for at in range(0, 60, size)
    ]
    np.testing.assert_allclose(np.concatenate(pieces), whole, atol=1e-6)
    assert len(whole) == (60 if low_latency else 60 - REACH)


@pytest.mark.parametrize("low_latency", [True, False])
def test_keypoints_pass_through_unchanged(low_latency: bool) -> None:
    keypoints = np.random.default_rng(1).standard_normal((20, 63), np.float32)
    postprocessor = LipPostprocessor(replace(CONFIG, output="expression", channels=()), low_latency)
    silent = np.full(20, -9.0, np.float32)
    out = postprocessor.push(Steps(keypoints, visemes(20, closed=range(20)), silent))
    np.testing.assert_array_equal(out, keypoints)


@pytest.mark.parametrize("low_latency", [False, True])
def test_lips_close_soon_after_the_last_sound_where_silence_is_sure(low_latency: bool) -> None:
    said = visemes(40)
    said[10:, VISEMES.index("silence")] = 20.0
    said[:, VISEMES.index("silence")][4 : 5 if low_latency else 6] = 20.0  # a step of it, or two, is none yet
    post, parts = LipPostprocessor(CONFIG, low_latency), []
    for at in range(0, 40, 3):
        parts.append(post.push(Steps(lips([0.6] * 40)[at : at + 3], said[at : at + 3], speech(40)[at : at + 3])))
    out = opened(np.concatenate(parts))
    assert min(out[:8]) > 0.3
    assert max(out[16:]) == 0  # while voice activity still says that somebody speaks
