"""Phones to lips: closures, openings, silences and the two measures read back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from audio2motion.amplitudes import MOUTH_AMPLITUDES
from audio2motion.arkit import BLENDSHAPE_INDEX, BLENDSHAPE_NAMES
from audio2motion.checkpoint import embedded_checkpoint
from audio2motion.coarticulation import lip_curves, viseme_classes
from audio2motion.errors import Audio2MotionError
from audio2motion.phones import VISEMES, articulations
from audio2motion.targets import LIP_BLENDSHAPES, blendshapes_of, opening_of, phones_to_blendshapes, width_of

MAMA = [("m", 0.30, 0.37), ("aː", 0.37, 0.55), ("b", 0.55, 0.62), ("iː", 0.62, 0.78), ("p", 0.78, 0.86),
        ("uː", 0.86, 1.05), ("f", 1.05, 1.13), ("aɪ", 1.13, 1.35)]  # fmt: skip


def test_names_are_those_of_the_embedded_model_and_come_in_pairs() -> None:
    stated = json.loads((embedded_checkpoint() / "config.json").read_text())["blendshape_names"]
    assert list(BLENDSHAPE_NAMES) == stated
    assert len(set(BLENDSHAPE_NAMES)) == 52
    assert [BLENDSHAPE_NAMES[i] for i in BLENDSHAPE_INDEX.values()] == list(BLENDSHAPE_INDEX)
    # jawLeft and its like are one movement to a side, the others a pair of movements; all of them have two names.
    for name in BLENDSHAPE_NAMES:
        assert name.replace("Left", "Right") in BLENDSHAPE_INDEX
        assert name.replace("Right", "Left") in BLENDSHAPE_INDEX


def test_opening_and_width_are_read_by_the_amplitudes() -> None:
    def moved(**weights: float) -> np.ndarray[Any, np.dtype[np.float32]]:
        row = np.zeros((1, 52), np.float32)
        for name, value in weights.items():
            row[0, BLENDSHAPE_INDEX[name]] = value
        return row

    assert tuple(MOUTH_AMPLITUDES) == (0.34, 0.085, 0.10, 0.05, 0.24, 1.43)
    assert opening_of(moved(jawOpen=1))[0] == pytest.approx(0.34 / 0.24)
    assert opening_of(moved(mouthUpperUpLeft=1, mouthUpperUpRight=1))[0] == pytest.approx(0.085 / 0.24)
    assert opening_of(moved(mouthLowerDownLeft=1))[0] == pytest.approx(0.05 / 0.24)
    assert width_of(moved(mouthStretchLeft=1, mouthStretchRight=1))[0] == pytest.approx(0.26)
    assert width_of(moved(mouthPucker=0.5))[0] == pytest.approx(-0.13)


def test_bilabials_close_and_vowels_open_in_their_order() -> None:
    opening = opening_of(phones_to_blendshapes(MAMA, 100, 2.0))
    middle = {ipa: opening[round((start + end) / 2 * 100)] for ipa, start, end in MAMA}
    assert max(middle["m"], middle["b"], middle["p"]) < 0.02
    assert middle["aː"] > 0.8 > middle["iː"] > 0.4 > middle["uː"] > 0.1 > middle["f"]


def test_width_follows_spread_and_rounding() -> None:
    width = width_of(phones_to_blendshapes(MAMA, 100, 2.0))
    assert width[70] > 0.05
    assert width[95] < -0.05


def test_opening_of_reads_the_curve_back() -> None:
    curves = lip_curves([("a", 0.0, 0.2), ("s", 0.2, 0.3), ("o", 0.3, 0.5)], 50, 0.5)
    assert np.allclose(opening_of(blendshapes_of(curves)), curves.opening, atol=0.02)


def test_silence_closes_within_200_ms_and_is_rest() -> None:
    weights = phones_to_blendshapes(MAMA, 50, 3.0)
    assert opening_of(weights)[round(1.55 * 50) :].max() < 0.05
    assert weights[-20:].max() < 0.02
    assert opening_of(phones_to_blendshapes([], 25, 1.0)).max() == 0.0


def test_short_pauses_leave_the_lips_apart() -> None:
    weights = phones_to_blendshapes([("a", 0, 0.2), ("_", 0.2, 0.35), ("a", 0.35, 0.6)], 100)
    assert 0.1 < opening_of(weights)[27] < 0.6


def test_loud_vowels_open_wider_than_quiet_ones() -> None:
    quiet, loud = (opening_of(phones_to_blendshapes([("a", 0, 0.3)], 50, levels_db=[db])).max() for db in (-12, 6))
    assert loud > quiet * 1.2


def test_labels_split_into_sounds() -> None:
    assert [s.viseme for s in articulations("tʃ")] == ["t d n", "sh"]
    assert [s.viseme for s in articulations("aɪ̯")] == ["a", "i"]
    assert articulations("_") == ()
    unknown = articulations("ж")
    assert [(sound.viseme, sound.weight) for sound in unknown] == [("schwa", 0.3)]  # weak and neutral


def test_viseme_classes_cover_every_sample() -> None:
    classes = viseme_classes(MAMA, 50, 2.0)
    assert classes.shape == (100,)
    assert VISEMES[classes[16]] == "p b m"
    assert VISEMES[classes[90]] == "silence"


def test_weights_stay_in_range_and_only_lips_move() -> None:
    weights = phones_to_blendshapes(MAMA, 25, 2.0)
    assert weights.shape == (50, 52)
    assert weights.min() >= 0
    assert weights.max() <= 1
    moving = {name for name, column in zip(BLENDSHAPE_NAMES, weights.T) if column.any()}
    assert moving == set(LIP_BLENDSHAPES)


def test_bad_times_are_refused() -> None:
    with pytest.raises(Audio2MotionError, match="phone 0"):
        lip_curves([("a", 0.5, 0.2)], 50)
    with pytest.raises(Audio2MotionError, match="levels"):
        lip_curves([("a", 0.0, 0.2)], 50, levels_db=[0.0, 1.0])
