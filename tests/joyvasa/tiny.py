"""Sizes small enough for a test, weights for them, and a sound."""

from __future__ import annotations

import zlib

import numpy as np
import torch

from talkinghead.core.types import Floats
from talkinghead.models.joyvasa.config import Config
from talkinghead.models.joyvasa.generator import Generator

TINY = Config(
    frames=10, previous=3, width=16, heads=2, layers=2, feedforward=32, head_width=8, steps=4,
    hubert={"hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
            "conv_dim": [8] * 7, "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2},
)  # fmt: skip


def randomised(config: Config, seed: int = 0) -> Generator:
    """A generator with random weights, whose every bias and start is drawn, so that no term vanishes."""
    torch.manual_seed(seed)
    generator = Generator(config)
    for parameter in generator.parameters():
        if parameter.ndim < 2 or not parameter.any():
            torch.nn.init.normal_(parameter, std=0.3)
    return generator.eval().requires_grad_(False)


def by_rule(config: Config) -> Generator:
    """A generator whose weights follow from their names: the same whatever library initialises it."""
    generator = Generator(config)
    with torch.no_grad():
        for name, parameter in generator.named_parameters():
            drawn = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(tuple(parameter.shape))
            scale = 0.3 if parameter.ndim < 2 else parameter[0].numel() ** -0.5
            gain = float(name.endswith("weight") and parameter.ndim == 1)
            parameter.copy_(torch.from_numpy(drawn * scale + gain))
    return generator.eval().requires_grad_(False)


def speech(seed: int, samples: int) -> Floats:
    """Noise with the loudness of syllables: (samples,) at 16 kHz."""
    envelope = 0.2 + np.abs(np.sin(2 * np.pi * 1.7 * np.arange(samples) / 16000))
    sound: Floats = (0.1 * np.random.RandomState(seed).randn(samples) * envelope).astype(np.float32)
    return sound
