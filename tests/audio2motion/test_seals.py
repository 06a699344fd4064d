"""Closures that a video's frames cannot miss."""

import pytest
import torch

from audio2motion.config import ModelConfig
from audio2motion.seals import SEAL_FRAMES, Seals
from audio2motion.targets import opening_weights

CONFIG = ModelConfig()
JAW = CONFIG.channels.index("jawOpen")


def lips(openings):
    rows = torch.zeros(len(openings), len(CONFIG.channels))
    rows[:, JAW] = torch.tensor(openings)
    return rows


def opened(rows):
    return (rows @ torch.from_numpy(opening_weights(CONFIG.channels))).tolist()


def test_a_short_closure_lasts_longer():
    speech = [0.6] * 6 + [0.0] + [0.6] * 6 + [0.6] * SEAL_FRAMES
    out = opened(Seals(CONFIG).push(lips(speech)))
    shut = [i for i, value in enumerate(out) if value < 0.05]
    assert shut == list(range(6 - SEAL_FRAMES, 7 + SEAL_FRAMES))


def test_nearly_closed_is_closed_and_open_stays_open():
    out = opened(Seals(CONFIG).push(lips([0.05] * 3 + [0.6] * 6)))
    assert out[0] == 0
    assert out[-1] == pytest.approx(opened(lips([0.6]))[0])


@pytest.mark.parametrize("ahead", [0, SEAL_FRAMES])
@pytest.mark.parametrize("size", [1, 2, 7])
def test_pieces_give_what_the_whole_gives(ahead, size):
    rows = torch.rand(60, len(CONFIG.channels), generator=torch.Generator().manual_seed(5)) ** 3
    whole = Seals(CONFIG, ahead).push(rows)
    seals = Seals(CONFIG, ahead)
    torch.testing.assert_close(torch.cat([seals.push(piece) for piece in rows.split(size)]), whole)
    assert len(whole) == 60 - ahead
