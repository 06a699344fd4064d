"""The embedded speech encoder: the file that its README names, what the published one answers, and its streams."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
from types import ModuleType

import numpy as np
import pytest

from audio2motion.checkpoint import embedded_encoder
from audio2motion.config import FeatureConfig
from audio2motion.network.layout import feature_reach
from audio2motion.network.moonshine import Moonshine, nothing_before
from audio2motion.network.protocol import Floats
from audio2motion.runtime import cpu_session

FOLDER = embedded_encoder().parent


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script beside the encoder, which is no package."""
    pytest.importorskip("onnx")
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])
    spec = importlib.util.spec_from_file_location("moonshine_build", FOLDER / "build.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    # Both rooms of published networks have a `convert`.
    monkeypatch.delitem(sys.modules, "convert", raising=False)
    spec.loader.exec_module(loaded)
    monkeypatch.delitem(sys.modules, "convert")
    return loaded


@pytest.fixture(scope="module")
def encoder() -> Moonshine:
    return Moonshine.load()


def test_the_readme_names_the_file() -> None:
    row = re.search(r"\| `encoder\.onnx` .*`([0-9a-f]{64})` \|", (FOLDER / "README.md").read_text("utf-8"))
    assert row is not None
    assert hashlib.sha256(embedded_encoder().read_bytes()).hexdigest() == row[1]
    assert embedded_encoder().stat().st_size < 12e6
    assert "MIT License" in (FOLDER / "LICENSE").read_text("utf-8")


def test_it_answers_as_published(build: ModuleType) -> None:
    with np.load(FOLDER / "reference.npz") as content:
        wanted = {name: content[name].astype(np.float32) for name in ("layer_2", "layer_3")}
    for fused in (False, True):
        session = cpu_session(embedded_encoder(), fused)
        told = session.run(list(wanted), {"sound": build.sound()} | nothing_before())
        for found, layer in zip(told, wanted.values(), strict=True):
            difference = np.sqrt(np.mean((found[:: build.KEPT] - layer) ** 2) / np.mean(layer**2))
            assert difference < build.TOLERANCE
        np.testing.assert_array_equal(Moonshine(session).whole(build.sound()), told[1])


def speech(seconds: float) -> Floats:
    rng = np.random.default_rng(3)
    swell = np.sin(np.arange(int(16000 * seconds)) / 1500) ** 2
    return np.asarray(0.1 * rng.standard_normal(len(swell)) * swell, np.float32)


@pytest.mark.parametrize("low_latency", [False, True])
def test_a_stream_does_not_depend_on_how_it_is_cut(encoder: Moonshine, low_latency: bool) -> None:
    sound, rng = speech(3.0), np.random.default_rng(0)
    whole, _ = encoder.push(sound, encoder.start(low_latency))
    state, parts, at = encoder.start(low_latency), [], 0
    while at < len(sound):
        piece = sound[at : at + int(rng.integers(1, 4000))]
        at += len(piece)
        steps, state = encoder.push(piece, state)
        parts.append(steps)
        assert len(state.sound) + len(state.before) + len(state.heard) + state.past.shape[1] < 16000
    assert np.array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("low_latency", [False, True])
def test_layers_are_told_one_beside_the_other(encoder: Moonshine, low_latency: bool) -> None:
    sound = speech(1.5)
    second, third, both = (
        encoder.push(sound, encoder.start(low_latency, layers))[0] for layers in ((2,), (3,), (2, 3))
    )
    assert not np.allclose(second, third)
    np.testing.assert_array_equal(both, np.concatenate([second, third], 1))


@pytest.mark.parametrize("low_latency", [False, True])
def test_steps_come_when_their_sound_is_there(encoder: Moonshine, low_latency: bool) -> None:
    block = 1920 if low_latency else 7680
    state, came = encoder.start(low_latency), 0
    for end in range(160, 48000, 160):
        steps, state = encoder.push(speech(3.0)[end - 160 : end], state)
        came += len(steps)
        due = (end - feature_reach(FeatureConfig(places=(0,), low_latency_places=(0,)), low_latency) - block) // 320
        assert came >= due


def test_steps_lie_where_they_were_said(encoder: Moonshine) -> None:
    """They are like those of the whole recording at once, at their own times more than 20 ms earlier or later."""
    sound = speech(3.0)
    steps, _ = encoder.push(sound, encoder.start())
    frames = encoder.whole(sound)
    times, centres = np.arange(len(steps)) / 50, (384 * np.arange(len(frames)) + 447) / 16000

    def likeness(shift_s: float) -> float:
        at = [np.interp(times + shift_s, centres, channel) for channel in frames.T]
        return float(np.corrcoef(np.ravel(at), steps.T.ravel())[0, 1])

    here, earlier, later = (likeness(shift_s) for shift_s in (0.0, -0.02, 0.02))
    assert here > 0.9
    assert here > max(earlier, later)
