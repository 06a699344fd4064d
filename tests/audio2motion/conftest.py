"""A model with small random weights, and sound to push through it."""

from __future__ import annotations

import pytest
import torch

from audio2motion.config import EncoderConfig, ModelConfig
from audio2motion.network.model import SpeechMotionModel
from audio2motion.network.torch_network import TorchNetwork
from audio2motion.predictor import Predictor

SMALL = ModelConfig(
    encoder=EncoderConfig(hidden_size=16, layers=2, heads=2, feed_forward=32, conv_kernel=5, window=12, settle_s=1.0),
    hidden_size=16,
    layers=1,
    heads=2,
    feed_forward=32,
    window=12,
    look_ahead=15,
)


@pytest.fixture(scope="session")
def small_model() -> SpeechMotionModel:
    torch.manual_seed(0)
    model = SpeechMotionModel(SMALL).eval()
    # Untrained heads say nearly nothing; these move, about an open mouth.
    torch.nn.init.normal_(model.motion_head.weight, std=0.3)
    torch.nn.init.constant_(model.motion_head.bias, 0.4)
    return model


@pytest.fixture(scope="session")
def small_predictor(small_model: SpeechMotionModel) -> Predictor:
    return Predictor(TorchNetwork(small_model))


@pytest.fixture(scope="session")
def sound() -> torch.Tensor:
    """Three seconds of noise that swells and fades."""
    torch.manual_seed(1)
    t = torch.arange(3 * 16000)
    return torch.randn(len(t)) * 0.1 * torch.sin(t / 3000) ** 2
