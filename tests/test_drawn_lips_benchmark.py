"""`benchmarks/drawn_lips.py`: its figures are what they say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from audio2motion import Predictor
from audio2motion.corpus.video import SAMPLE_RATE_HZ
from audio2motion.evaluation.closures import RATE_HZ
from audio2motion.evaluation.evaluate import as_mouth
from audio2motion.targets import opening_of
from talkinghead.media.sound import open_sound
from tests.test_speed_benchmarks import load


@pytest.mark.parametrize(("late", "least", "most"), [(0.0, 0.9, 1.0), (1.0, -0.5, 0.5)])
def test_a_person_whose_lips_are_as_predicted_is_followed_and_one_who_is_late_is_not(
    late: float, least: float, most: float, tmp_path: Path, examples: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    samples = np.concatenate([*open_sound(examples / "speech.wav").blocks(SAMPLE_RATE_HZ)])[: 4 * SAMPLE_RATE_HZ]
    lips = np.roll(opening_of(as_mouth(Predictor.load())(samples)), round(late * RATE_HZ))
    clip = tmp_path / "clip.npz"
    np.savez(clip, fps=RATE_HZ, audio16k=samples, aperture=0.4 * lips, width=np.ones(len(lips)))
    figures = tmp_path / "figures.json"
    arguments = [str(tmp_path), str(examples / "astronaut.png"), "--json", str(figures)]
    monkeypatch.setattr("sys.argv", ["drawn_lips.py", *arguments])
    load("drawn_lips").main()
    (row,) = json.loads(figures.read_text())
    assert least < row["drawn"] <= most
    assert row["kept"] > 0.9
    assert "| astronaut.png | all, 1 |" in capsys.readouterr().out
