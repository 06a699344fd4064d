"""Checkpoints: the shipped one is read and predicts what it always did, new ones come back, odd ones are refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import torch
from safetensors.torch import load_file, save_file

import audio2motion
from audio2motion.arkit import BLENDSHAPE_INDEX
from audio2motion.checkpoint import CONFIG_FILE, WEIGHTS_FILE, embedded_checkpoint
from audio2motion.config import EncoderConfig, ModelConfig
from audio2motion.errors import Audio2MotionError
from audio2motion.network.feature_lips import MixedNetwork
from audio2motion.network.model import SpeechMotionModel, load_model, save_model
from audio2motion.network.onnx_network import OnnxNetwork
from audio2motion.network.torch_network import TorchNetwork
from audio2motion.predictor import Predictor

SPEECH = Path(__file__).parents[2] / "examples" / "speech.wav"
# Of the shipped checkpoint, every 30th frame from the 20th at 25 frames per second.
FROZEN: dict[tuple[bool, str], list[float]] = {
    (False, "jawOpen"): [0.0798, 0.1594, 0.01, 0.0831, 0.0348, 0.1068, 0.2913, 0.0],
    (False, "mouthPucker"): [0.0267, 0.0928, 0.0967, 0.1569, 0.3872, 0.0288, 0.0016, 0.155],
    (True, "jawOpen"): [0.0665, 0.1779, 0.0412, 0.0924, 0.0427, 0.1179, 0.2924, 0.0],
    (True, "mouthPucker"): [0.0294, 0.0709, 0.0546, 0.1475, 0.3805, 0.0654, 0.0, 0.1379],
}


@pytest.fixture(scope="module")
def speech() -> npt.NDArray[np.float32]:
    samples, rate_hz = soundfile.read(SPEECH, dtype="float32")
    assert rate_hz == 16000
    return np.asarray(samples, np.float32)


def rewritten(folder: Path, source: Path, **changes: Any) -> Path:
    """A copy of a checkpoint with other values in its config; None takes a key out."""
    shutil.copytree(source, folder)
    values = json.loads((folder / CONFIG_FILE).read_text()) | changes
    kept = {key: value for key, value in values.items() if value is not None}
    (folder / CONFIG_FILE).write_text(json.dumps(kept))
    return folder


@pytest.mark.parametrize("low_latency", [False, True])
@pytest.mark.parametrize("device", ["cpu", "cpu:0"])
def test_the_shipped_checkpoint_predicts_what_it_always_did(
    speech: npt.NDArray[np.float32], device: str, low_latency: bool
) -> None:
    """With ONNX Runtime ("cpu") and with PyTorch."""
    predictor = Predictor.load(device=device)
    assert isinstance(predictor.network, MixedNetwork)
    assert isinstance(predictor.network.inner, OnnxNetwork if device == "cpu" else TorchNetwork)
    said = predictor.predict(speech, Fraction(25), 3, low_latency).blendshapes[20:260:30]
    for name in ("jawOpen", "mouthPucker"):
        assert said[:, BLENDSHAPE_INDEX[name]].tolist() == pytest.approx(FROZEN[low_latency, name], abs=2e-3)


def test_a_new_checkpoint_comes_back_whole(small_model: SpeechMotionModel, tmp_path: Path) -> None:
    save_model(small_model, tmp_path)
    again = load_model(tmp_path)
    assert again.config == small_model.config
    before, after = small_model.state_dict(), again.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"surprise": 1}, "unknown key 'surprise'"),
        ({"quick_look_ahead": 1}, "unknown key 'quick_look_ahead'"),
        ({"encoder": {"surprise": 1}}, "unknown key 'surprise'"),
        ({"hidden_size": 32}, "does not fit"),
        ({"format": 1}, "format 1"),
        ({"format": 99}, "format 99"),
        ({"format": 2}, "format 2"),
    ],
)
def test_odd_configs_are_refused(
    small_model: SpeechMotionModel, tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    save_model(small_model, tmp_path / "good")
    with pytest.raises(Audio2MotionError, match=words):
        load_model(rewritten(tmp_path / "odd", tmp_path / "good", **changes))


def test_damaged_and_missing_files_are_named(small_model: SpeechMotionModel, tmp_path: Path) -> None:
    save_model(small_model, tmp_path)
    weights = load_file(tmp_path / WEIGHTS_FILE)
    save_file(weights | {"extra": torch.zeros(1)}, str(tmp_path / WEIGHTS_FILE))
    with pytest.raises(Audio2MotionError, match=r"does not fit its config\.json: extra"):
        load_model(tmp_path)
    (tmp_path / WEIGHTS_FILE).write_bytes(b"junk")
    with pytest.raises(Audio2MotionError, match="cannot be read"):
        load_model(tmp_path)
    (tmp_path / WEIGHTS_FILE).unlink()
    with pytest.raises(Audio2MotionError, match="is missing"):
        load_model(tmp_path)
    (tmp_path / CONFIG_FILE).write_text("[]")
    with pytest.raises(Audio2MotionError, match="holds no model config"):
        load_model(tmp_path)


def test_configs_refuse_what_cannot_be() -> None:
    with pytest.raises(Audio2MotionError, match="multiple of heads"):
        ModelConfig(hidden_size=10, heads=4)
    with pytest.raises(Audio2MotionError, match="no ARKit blendshape"):
        ModelConfig(channels=("jawAjar",))
    with pytest.raises(Audio2MotionError, match="multiple of heads"):
        ModelConfig(encoder=EncoderConfig(hidden_size=30))


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "meta", "", "xla"])
def test_a_device_that_is_not_there_is_one_clear_error(device: str) -> None:
    with pytest.raises(Audio2MotionError, match=f"no device '{device}' here: choose cpu") as caught:
        Predictor.load(device=device)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("device", ["cpu:0", torch.device("cpu", 0), "cuda", "cuda:0", "mps"])
def test_the_motion_is_the_same_on_every_device(speech: npt.NDArray[np.float32], device: str | torch.device) -> None:
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there[torch.device(device).type]:
        pytest.skip(f"PyTorch has no {device} here")
    predictor, usual = Predictor.load(device=device), Predictor.load()
    assert isinstance(predictor.network, MixedNetwork)
    assert isinstance(predictor.network.inner, TorchNetwork)
    assert next(predictor.network.inner.model.parameters()).device.type == torch.device(device).type
    for low_latency in (False, True):
        said = predictor.predict(speech[:48000], Fraction(25), 0, low_latency)
        wanted = usual.predict(speech[:48000], Fraction(25), 0, low_latency)
        np.testing.assert_allclose(said.blendshapes, wanted.blendshapes, atol=5e-3, rtol=0)
        np.testing.assert_array_equal(said.rotation, wanted.rotation)


WHERE = "from audio2motion import embedded_checkpoint; print(embedded_checkpoint())"


def where(site: Path) -> subprocess.CompletedProcess[str]:
    """Ask a package that lies in `site`, and nowhere else, for its checkpoint."""
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(site)!r}); {WHERE}"]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=site)


def test_the_embedded_checkpoint_is_found_in_a_checkout_and_in_an_installed_wheel(tmp_path: Path) -> None:
    package = Path(audio2motion.__file__).parent
    for site in ("checkout", "wheel", "neither"):
        shutil.copytree(package, tmp_path / site / "audio2motion", ignore=shutil.ignore_patterns("__pycache__"))
    places = {"checkout": "checkpoints/audio2motion", "wheel": "talkinghead/_checkpoints/audio2motion"}
    for site, place in places.items():
        folder = tmp_path / site / place
        folder.mkdir(parents=True)
        shutil.copy(embedded_checkpoint() / CONFIG_FILE, folder)
        found = where(tmp_path / site)
        assert found.stdout.strip() == str(folder), found.stderr
    missing = where(tmp_path / "neither")
    assert missing.returncode == 1
    assert "the embedded speech model is missing" in missing.stderr
