"""The speed benchmarks run: their figures are what they say."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from talkinghead.core.types import Floats

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


def load(name: str) -> ModuleType:
    """A benchmark as a module; their folder is no package."""
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", BENCHMARKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_a_process_is_measured_whole() -> None:
    speak = load("speak")
    code = "import time; x = bytearray(80_000_000); time.sleep(0.4)"
    found = speak.run([sys.executable, "-c", code])
    assert found.wall_s > 0.4
    assert 70 < found.peak_mib < 200
    with pytest.raises(SystemExit, match="no such thing"):
        speak.run([sys.executable, "-c", "raise SystemExit('no such thing')"])


def test_the_recording_is_as_long_as_asked(tmp_path: Path) -> None:
    import soundfile
    from PIL import Image

    speak = load("speak")
    speak.make_speech(tmp_path / "a.wav", 25.0)
    assert soundfile.info(tmp_path / "a.wav").duration == pytest.approx(25.0, abs=0.01)
    speak.make_portrait(tmp_path / "a.png", 100)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (100, 100)


def test_stages_add_up() -> None:
    speak = load("speak")
    clock = speak.Clock()
    clock.lap("drawing")
    np.linalg.svd(np.random.default_rng(0).standard_normal((200, 200)))
    clock.lap("encoding")
    assert set(clock.seconds) == set(speak.STAGES)
    assert clock.seconds["encoding"][0] > 0
    result = speak.Result(10, 500, [speak.Run(5.0, 6.0, 300.0)], clock.seconds, {"minute": 100.0, "hour": 150.0})
    text = "\n".join(speak.lines(result))
    assert "0.50 of real time" in text
    assert "1.50 times" in text


def test_lateness_counts_from_the_sounds_arrival() -> None:
    from types import SimpleNamespace

    bench = load("speech_model")

    class Late:
        """Gives each frame 100 ms after its time."""

        def __init__(self) -> None:
            self.heard = self.given = 0

        def push(self, samples: Floats) -> SimpleNamespace | None:
            self.heard += len(samples)
            due = max(0, int((self.heard / 16000 - 0.1) * 25 + 1e-6) + 1) if self.heard >= 1600 else 0
            frames, self.given = due - self.given, max(due, self.given)
            return SimpleNamespace(frames=frames) if frames > 0 else None

    lateness, pushes, _ = bench.low_latency(Late(), np.zeros(32000, np.float32))
    assert len(pushes) == 100
    assert np.allclose(lateness, 100, atol=25)


def test_the_embedded_model_keeps_up() -> None:
    bench = load("speech_model")
    found = bench.measure(None, "cpu", bench.EXAMPLE, 3.0)
    assert found.library == "OnnxNetwork"
    assert found.largest_difference == 0
    # CPU time, for the machine may be busy; the goal is 0.05 of wall time on two cores.
    assert found.rtf_stream[1] < 0.15
    assert found.first_motion_ms > found.look_ahead_ms - 25
    assert len(bench.lines(found)) == 7


def test_closures_are_counted_on_drawn_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closures = load("closures")
    assert len(closures.example().closures) == 11
    first = next(closures.sentences(tmp_path))
    assert first.audio.is_file()
    assert len(first.closures) > 5
    # Three frames that are closed at the middle of a /p/ and in a silence, open at the vowel between.
    speech = closures.Speech("pa", tmp_path / "pa.wav", [0.04], [0.08], [(0.12, 0.2)])
    gaps = np.array([0.1, 0.0, 0.2, 0.0, 0.0])
    monkeypatch.setattr(closures, "openings", lambda picture, audio, *emotion: (gaps, 25.0))
    assert closures.row(Path("her.png"), [speech], "neutral") == "| her.png | pa | 1 of 1 | 2 of 2 | 0.200 |"


def test_a_loop_is_told_from_a_wandering_head() -> None:
    idle = load("idle")
    wandering = np.cumsum(np.random.default_rng(0).standard_normal((1200, 3)), axis=0)
    loop = np.tile(wandering[:300], (4, 1))
    assert idle.nearest_deg(loop, 4).max() < 1e-5
    assert idle.nearest_deg(wandering, 4).min() > 0.1
    assert idle.most_like_itself(loop[:, 0]) > 0.99
