"""`benchmarks/life.py`: its figures are what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.test_speed_benchmarks import load

RATE_HZ, FPS, SECONDS = 16_000, 25, 8


def test_a_head_that_follows_loudness_and_blinks_at_ends_is_seen_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A voice that swells every two seconds and falls silent for half of one; the head sways as far as it is loud."""
    life, rng = load("life"), np.random.default_rng(0)
    times_s = np.arange(SECONDS * RATE_HZ) / RATE_HZ
    swell = np.clip(1.5 * np.sin(np.pi * times_s / 2) ** 2 - 0.4, 0, 1)
    voice = sum(np.sin(2 * np.pi * 120 * k * times_s) / k for k in range(1, 10))
    frames_s = np.arange(SECONDS * FPS) / FPS
    loud = np.interp(frames_s, times_s, swell)
    yaw = 6 * loud * np.sin(2 * np.pi * 1.7 * frames_s)
    # The voice is gone from 1.9 s on, from 3.9 s on, and so forth.
    eyes = np.where(np.abs((frames_s % 2) - 1.95) < 0.045, 0.1, 1.0)
    np.savez(
        tmp_path / "clip.npz", fps=FPS, audio16k=(0.2 * swell * voice).astype(np.float32), yaw=yaw, eye_open=eyes,
        pitch=0.01 * rng.standard_normal(len(yaw)), roll=np.zeros(len(yaw)),
    )  # fmt: skip
    ((_, samples, person),) = life.people(tmp_path)
    found = life.figures(person, life.hear(samples, len(person.lids)))
    assert found["speed~loud"] > 0.5 > 0.2 > found["speed~loud chance"]
    assert found["blinks"] == 4
    assert found["at ends"] >= 3 > found["by chance"]
    monkeypatch.setattr("sys.argv", ["life.py", str(tmp_path), "--seeds", "1"])
    life.main()
    assert "all 1 people" in capsys.readouterr().out
