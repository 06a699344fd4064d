"""The network in ONNX Runtime: the shipped file is the shipped weights', and it predicts what PyTorch predicts."""

from __future__ import annotations

import json
import logging
import multiprocessing
import shutil
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from audio2motion.checkpoint import CONFIG_FILE, ONNX_FILE, WEIGHTS_FILE, embedded_checkpoint
from audio2motion.cli import main
from audio2motion.config import EncoderConfig, ModelConfig
from audio2motion.errors import Audio2MotionError
from audio2motion.network import export
from audio2motion.network.export import TOLERANCE, export_onnx, largest_difference, onnx_bytes
from audio2motion.network.features import LogMel
from audio2motion.network.log_mel import LogMelStream
from audio2motion.network.model import SpeechMotionModel, load_model, save_model
from audio2motion.network.onnx_network import OnnxNetwork, fingerprint
from audio2motion.network.protocol import Floats
from audio2motion.network.torch_network import TorchNetwork
from audio2motion.predictor import Predictor


def restless(config: ModelConfig) -> SpeechMotionModel:
    """A model with random weights whose heads say something."""
    torch.manual_seed(2)
    model = SpeechMotionModel(config).eval()
    torch.nn.init.normal_(model.motion_head.weight, std=0.3)
    torch.nn.init.normal_(model.encoder.voice_activity.out.weight, std=0.3)
    return model


@pytest.fixture
def checkpoint(small_model: SpeechMotionModel, tmp_path: Path) -> Path:
    """A small checkpoint with its model.onnx."""
    save_model(small_model, tmp_path / "small")
    export_onnx(tmp_path / "small")
    return tmp_path / "small"


def test_the_shipped_file_is_what_the_shipped_weights_give_to_the_byte() -> None:
    folder = embedded_checkpoint()
    assert (folder / ONNX_FILE).read_bytes() == onnx_bytes(load_model(folder), fingerprint(folder))


def test_the_shipped_file_predicts_what_pytorch_predicts_step_for_step() -> None:
    network = OnnxNetwork.beside(embedded_checkpoint())
    assert network is not None
    assert largest_difference(TorchNetwork(load_model(embedded_checkpoint())), network, seed=9) < 3e-5 < TOLERANCE


SMALL = ModelConfig(
    encoder=EncoderConfig(hidden_size=16, layers=1, heads=2, feed_forward=24, conv_kernel=5, window=12, mel_bands=20),
    hidden_size=24, layers=2, heads=3, feed_forward=32, window=7, look_ahead=4,
)  # fmt: skip


@pytest.mark.parametrize(
    "config",
    [
        SMALL,
        replace(SMALL, encoder=replace(SMALL.encoder, settle_s=1.0, equalise=False)),
        replace(SMALL, look_ahead=1, low_latency_look_ahead=0, window=1),
        replace(SMALL, output="expression", channels=()),
    ],
    ids=["small", "settles", "hears nothing ahead", "keypoints"],
)
def test_every_layout_of_the_small_encoder_is_exported(config: ModelConfig, tmp_path: Path) -> None:
    save_model(restless(config), tmp_path)
    assert export_onnx(tmp_path) <= TOLERANCE
    network = Predictor.load(tmp_path).network
    assert isinstance(network, OnnxNetwork)
    assert network.config == config


@pytest.mark.parametrize("low_latency", [False, True])
@pytest.mark.parametrize("size", [37, 4801, 40_000])
def test_steps_do_not_depend_on_how_the_sound_is_cut(checkpoint: Path, size: int, low_latency: bool) -> None:
    network = OnnxNetwork.beside(checkpoint)
    assert network is not None
    sound = np.random.default_rng(3).normal(0, 0.1, 40_000).astype(np.float32)
    whole, _ = network(sound, network.start(low_latency))
    state, parts = network.start(low_latency), []
    for at in range(0, len(sound), size):
        steps, state = network(sound[at : at + size], state)
        parts.append(steps)
    for a, b in zip(whole, zip(*parts, strict=True)):
        np.testing.assert_allclose(np.concatenate(b), a, atol=2e-5)


@pytest.mark.parametrize("settle_s", [0.0, 1.0])
@pytest.mark.parametrize("equalise", [False, True])
@pytest.mark.parametrize("low_latency", [False, True])
def test_numpy_and_pytorch_hear_the_same_frames(settle_s: float, equalise: bool, low_latency: bool) -> None:
    draw = np.random.default_rng(4)
    sound: Floats = np.asarray(draw.normal(0, 0.1, 48_000) * np.sin(np.arange(48_000) / 3000) ** 2, np.float32)
    mel = LogMel(40, equalise, round(100 * settle_s))
    config = EncoderConfig(equalise=equalise, settle_s=settle_s)
    stream = LogMelStream(config, mel.usual.numpy() if equalise else None)
    theirs, ours = mel.start(low_latency=low_latency), stream.start(low_latency)
    total = 0
    for size in (1, 399, 1, 7000, 16_000, 123, 24_476):
        piece, sound = sound[:size], sound[size:]
        wanted, theirs = mel(torch.from_numpy(piece.copy())[None], theirs)
        parts = []
        for at in range(0, len(piece), 16_000):
            frames, ours = stream.push(piece[at : at + 16_000], ours)
            parts.append(frames)
        np.testing.assert_allclose(np.concatenate(parts), wanted[0].numpy(), atol=2e-5)
        total += wanted.shape[1]
    assert total == 299 - (0 if low_latency else round(100 * settle_s))


def test_a_file_of_other_weights_or_another_config_is_left_aside_and_that_is_said(
    checkpoint: Path, small_model: SpeechMotionModel, caplog: pytest.LogCaptureFixture
) -> None:
    assert isinstance(Predictor.load(checkpoint).network, OnnxNetwork)
    assert not caplog.records
    tuned = SpeechMotionModel(small_model.config)
    tuned.load_state_dict(small_model.state_dict())
    with torch.no_grad():
        tuned.motion_head.bias += 0.1
    save_model(tuned, checkpoint)
    assert isinstance(Predictor.load(checkpoint).network, TorchNetwork)
    assert f"run audio2motion export {checkpoint}" in caplog.text
    export_onnx(checkpoint)
    assert isinstance(Predictor.load(checkpoint).network, OnnxNetwork)
    values = json.loads((checkpoint / CONFIG_FILE).read_text())
    (checkpoint / CONFIG_FILE).write_text(json.dumps(values | {"gain": 1.0}))
    with caplog.at_level(logging.WARNING, "audio2motion"):
        assert isinstance(Predictor.load(checkpoint).network, TorchNetwork)
    assert len(caplog.records) == 2


def test_a_checkpoint_without_the_file_and_other_devices_take_pytorch(checkpoint: Path) -> None:
    assert isinstance(Predictor.load(checkpoint, "cpu:0").network, TorchNetwork)
    (checkpoint / ONNX_FILE).unlink()
    assert isinstance(Predictor.load(checkpoint).network, TorchNetwork)


def test_damaged_and_missing_files_are_named(checkpoint: Path) -> None:
    (checkpoint / ONNX_FILE).write_bytes(b"junk")
    with pytest.raises(Audio2MotionError, match=rf"{ONNX_FILE} cannot be loaded.*write it again"):
        Predictor.load(checkpoint)
    export_onnx(checkpoint)
    (checkpoint / WEIGHTS_FILE).unlink()
    with pytest.raises(Audio2MotionError, match=f"{WEIGHTS_FILE} is missing"):
        Predictor.load(checkpoint)


def test_what_differs_from_pytorch_is_not_kept(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights are rounded on their way into the file."""
    whole = (checkpoint / ONNX_FILE).read_bytes()

    def rounded(model: SpeechMotionModel, made_of: str) -> bytes:
        coarse = SpeechMotionModel(model.config)
        coarse.load_state_dict({name: value.half().float() for name, value in model.state_dict().items()})
        return onnx_bytes(coarse, made_of)

    monkeypatch.setattr(export, "onnx_bytes", rounded)
    with pytest.raises(Audio2MotionError, match="differs from PyTorch by"):
        export_onnx(checkpoint)
    assert (checkpoint / ONNX_FILE).read_bytes() == whole
    assert sorted(path.name for path in checkpoint.iterdir()) == [CONFIG_FILE, ONNX_FILE, WEIGHTS_FILE]


def test_pretrained_encoders_stay_with_pytorch(tmp_path: Path) -> None:
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    hub = Wav2Vec2Config(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
                         conv_dim=(8,) * 7, num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=2)  # fmt: skip
    Wav2Vec2Model(hub).save_pretrained(tmp_path / "hub")
    save_model(SpeechMotionModel(replace(SMALL, encoder=EncoderConfig(name=str(tmp_path / "hub")))), tmp_path / "model")
    with pytest.raises(Audio2MotionError, match=r"pretrained encoder .* stays with PyTorch"):
        export_onnx(tmp_path / "model")


def test_the_command_writes_the_file_and_says_how_close_it_is(checkpoint: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["export", str(checkpoint), "-o", str(tmp_path / "new" / "speech.onnx")])
    assert done.exit_code == 0, done.output
    assert "speech.onnx: within" in done.output
    assert (tmp_path / "new" / "speech.onnx").read_bytes() == (checkpoint / ONNX_FILE).read_bytes()
    shutil.rmtree(checkpoint)
    checkpoint.mkdir()
    missing = CliRunner().invoke(main, ["export", str(checkpoint)])
    assert missing.exit_code == 1
    assert missing.output.startswith("audio2motion: ")


def _predict(predictor: Predictor, queue: Any) -> None:
    queue.put(predictor.predict(np.full(8000, 0.1, np.float32), Fraction(25)).blendshapes)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_predictor_that_was_loaded_before_a_fork_predicts_after_it() -> None:
    predictor = Predictor.load()
    wanted = predictor.predict(np.full(8000, 0.1, np.float32), Fraction(25)).blendshapes
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=_predict, args=(predictor, queue))
    process.start()
    np.testing.assert_array_equal(queue.get(timeout=60), wanted)
    process.join(20)
    assert process.exitcode == 0
