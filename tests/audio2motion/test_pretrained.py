"""Encoders of the hub, as tiny models with random weights: Wav2Vec2, HuBERT, WavLM, and Moonshine at its own rate."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from audio2motion.cli import main
from audio2motion.config import EncoderConfig
from audio2motion.corpus.build import make_corpus
from audio2motion.errors import Audio2MotionError
from audio2motion.network.layout import MOONSHINE_CENTRE, MOONSHINE_HOP
from audio2motion.network.pretrained import PretrainedEncoder
from audio2motion.predictor import Predictor

KINDS = ("Wav2Vec2", "Hubert", "WavLM", "Moonshine")


def save_tiny(kind: str, folder: Path) -> None:
    """A model of that kind with 16 channels and two layers, as a folder of the hub."""
    import transformers

    torch.manual_seed(0)
    shape: dict[str, Any]
    if kind == "Moonshine":
        shape = {"encoder_num_hidden_layers": 2, "decoder_num_hidden_layers": 1, "vocab_size": 8,
                 "encoder_num_attention_heads": 2, "decoder_num_attention_heads": 2, "bos_token_id": 1,
                 "eos_token_id": 2, "decoder_start_token_id": 1}  # fmt: skip
    else:
        shape = {"num_hidden_layers": 2, "num_attention_heads": 2, "conv_dim": (8,) * 7,
                 "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2}  # fmt: skip
    config = getattr(transformers, f"{kind}Config")(hidden_size=16, intermediate_size=16, **shape)
    getattr(transformers, f"{kind}Model")(config).save_pretrained(folder)


@pytest.fixture(scope="module", params=KINDS)
def hub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    save_tiny(request.param, folder)
    return folder


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    make_corpus(folder, 6 / 3600, engines=("espeak-ng",))
    return folder


@pytest.mark.parametrize("layer", [-1, 0, None])
def test_a_hub_model_streams_over_windows_at_fixed_places(hub: Path, layer: int | None) -> None:
    encoder = PretrainedEncoder(EncoderConfig(name=str(hub), block_s=0.2, context_s=0.4, layer=layer)).eval()
    sound = torch.randn(1, 24000)
    with torch.inference_mode():
        whole, _ = encoder(sound, encoder.start())
        state, parts = encoder.start(), []
        for start in range(0, 24000, 1234):
            part, state = encoder(sound[:, start : start + 1234], state)
            parts.append(part.steps)
    assert whole.steps.shape[1] == whole.voice_activity.shape[1] == 60
    assert torch.allclose(torch.cat(parts, 1), whole.steps, atol=1e-5)


def test_steps_of_another_rate_lie_between_their_frames(tmp_path: Path) -> None:
    save_tiny("Moonshine", tmp_path)
    encoder = PretrainedEncoder(EncoderConfig(name=str(tmp_path)))
    centres = torch.arange(140.0) * MOONSHINE_HOP + MOONSHINE_CENTRE
    steps = encoder._steps(centres[None, :, None].expand(1, -1, 16))
    first = encoder.context * 320
    wanted = torch.arange(first, first + encoder.block * 320, 320)
    torch.testing.assert_close(steps[0, :, 0], wanted.float(), atol=0.1, rtol=0)


@pytest.mark.parametrize(("kind", "layer"), [("Wav2Vec2", "1"), ("Moonshine", "mix")])
def test_train_and_predict_with_a_hub_model(kind: str, layer: str, corpus: Path, tmp_path: Path) -> None:
    hub = tmp_path / "hub"
    save_tiny(kind, hub)
    done = CliRunner().invoke(main, ["train", str(corpus), "-o", str(tmp_path / "run"), "--batch-size", "4",
                                     "--epochs", "1", "--encoder", str(hub), "--encoder-layer", layer])  # fmt: skip
    assert done.exit_code == 0, done.output
    predictor = Predictor.load(tmp_path / "run")
    assert predictor.config.encoder.layer == (None if layer == "mix" else 1)
    sound = np.random.default_rng(0).normal(0, 0.1, 20000).astype(np.float32)
    prediction = predictor.predict(sound, Fraction(25))
    assert prediction.frames == round(20000 * 25 / 16000)
    assert np.isfinite(prediction.blendshapes).all()
    refused = CliRunner().invoke(main, ["export", str(tmp_path / "run")])
    assert refused.exit_code == 1
    assert "stays with PyTorch" in refused.output


def test_what_a_hub_model_cannot_do_is_said(hub: Path, corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(Audio2MotionError, match="layers 0 to 2, not 3"):
        PretrainedEncoder(EncoderConfig(name=str(hub), layer=3))
    said = CliRunner().invoke(main, ["train", str(corpus), "-o", str(tmp_path), "--encoder-layer", "top"])
    assert said.exit_code == 2
    assert "neither a number nor mix" in said.output


def test_a_hub_model_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(Audio2MotionError, match="nobody"):
        PretrainedEncoder(EncoderConfig(name=str(tmp_path / "nobody")))
