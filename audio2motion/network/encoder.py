"""Speech encoders: sound in, one vector per 20 ms out, streaming.

`ConformerEncoder` is the project's own, "conformer-small": conformer layers (arXiv 2005.08100) of the structure of
Wav2Vec2-BERT's, few and narrow, run step by step with a streaming state, so that attention reaches a fixed way back and
never ahead. Published encoders of the hub run over windows: `audio2motion.network.pretrained`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import nn

from audio2motion.config import EncoderConfig
from audio2motion.network.attention import KeyValues, windowed_attention
from audio2motion.network.augment import augmented
from audio2motion.network.conformer import ConformerLayer, Convolution, SelfAttention
from audio2motion.network.features import FeatureState, LogMel
from audio2motion.network.front import FeatureEncoder, FrontState
from audio2motion.network.layout import settle_frames
from audio2motion.network.voice_activity import VoiceActivity, VoiceActivityState


class Encoded(NamedTuple):
    """`steps` (B, T, size); `voice_activity` (B, T): log-odds that somebody speaks."""

    steps: torch.Tensor
    voice_activity: torch.Tensor


class LayerState(NamedTuple):
    """Streaming state of a conformer layer: attention's past, the convolution's last inputs (B, C, kernel - 1)."""

    attention: KeyValues
    convolution: torch.Tensor


@dataclass
class ConformerState:
    """Streaming state: of the log-mel features, the feature encoder, the voice activity head, and each layer."""

    features: FeatureState
    front: FrontState
    voice_activity: VoiceActivityState
    layers: list[LayerState | None]


class SpeechEncoder(nn.Module):
    """Contract: `start` gives a streaming state, `forward` pushes sound (B, N) and gives the steps that it completes.

    Step j belongs to time j / 50 s and comes out once `encoder_reach` samples after that time are known, and
    `settle_frames` more unless it was started in low latency: see `audio2motion.network.layout`.
    """

    size: int

    def start(self, batch: int = 1, low_latency: bool = False) -> Any:
        raise NotImplementedError

    def forward(self, samples: torch.Tensor, state: Any) -> tuple[Encoded, Any]:
        raise NotImplementedError


class ConformerEncoder(SpeechEncoder):
    """Log-mel features, a convolutional front end, then causal conformer layers: see `EncoderConfig`."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.size = config.hidden_size
        self.features = LogMel(config.mel_bands, config.equalise, settle_frames(config))
        self.front = FeatureEncoder(config)
        self.voice_activity = VoiceActivity(config.hidden_size)
        self.layers = nn.ModuleList(ConformerLayer(config) for _ in range(config.layers))
        for name, weight in self.layers.named_parameters():
            if name.endswith("distance_embedding.weight"):
                # PyTorch's unit normal would drown what is heard in where it is.
                nn.init.normal_(weight, std=0.02)

    def start(self, batch: int = 1, low_latency: bool = False) -> ConformerState:
        """The streaming state before any sound."""
        features, front = self.features.start(batch, low_latency), self.front.start(batch)
        return ConformerState(features, front, self.voice_activity.start(batch), [None] * len(self.layers))

    def forward(self, samples: torch.Tensor, state: ConformerState) -> tuple[Encoded, ConformerState]:
        """Sound (B, N) to the steps it completes."""
        mel, features = self.features(samples, state.features)
        if self.training and mel.shape[1]:
            mel = augmented(mel)
        x, front = self.front(mel, state.front)
        log_odds, voice_activity = self.voice_activity(x, state.voice_activity)
        past: list[LayerState | None] = list(state.layers)
        if x.shape[1]:
            x, past = self.encode(x, past)
        return Encoded(x, log_odds), ConformerState(features, front, voice_activity, past)

    def encode(
        self, x: torch.Tensor, layers: Sequence[LayerState | None]
    ) -> tuple[torch.Tensor, list[LayerState | None]]:
        """Run the conformer layers on new steps (B, T, size), given the streaming state of each."""
        past: list[LayerState | None] = []
        for layer, before in zip(self.layers, layers):
            assert isinstance(layer, ConformerLayer)
            x, after = _layer(layer, x, before)
            past.append(after)
        return x, past


def _layer(layer: ConformerLayer, x: torch.Tensor, past: LayerState | None) -> tuple[torch.Tensor, LayerState]:
    """`Wav2Vec2BertEncoderLayer.forward` on new steps (B, T, C), given what it saw before."""
    x = x + 0.5 * layer.ffn1(layer.ffn1_layer_norm(x))
    attended, memory = _attend(layer.self_attn, layer.self_attn_layer_norm(x), past.attention if past else None)
    x = x + layer.self_attn_dropout(attended)
    convolved, tail = _convolve(layer.conv_module, x, past.convolution if past else None)
    x = x + convolved
    x = x + 0.5 * layer.ffn2(layer.ffn2_layer_norm(x))
    return layer.final_layer_norm(x), LayerState(memory, tail)


def _attend(attention: SelfAttention, x: torch.Tensor, past: KeyValues | None) -> tuple[torch.Tensor, KeyValues]:
    batch, steps, size = x.shape

    def split(linear: nn.Module) -> torch.Tensor:
        projected: torch.Tensor = linear(x)
        return projected.view(batch, steps, attention.num_heads, attention.head_size).transpose(1, 2)

    out, past = windowed_attention(
        split(attention.linear_q),
        split(attention.linear_k),
        split(attention.linear_v),
        attention.distance_embedding.weight,
        past,
    )
    return attention.linear_out(out.transpose(1, 2).reshape(batch, steps, size)), past


def _convolve(module: Convolution, x: torch.Tensor, past: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
    # Convolutions over one step are matrix products, and those take a fraction of the time on a CPU.
    widened = nn.functional.linear(module.layer_norm(x), module.pointwise_conv1.weight.squeeze(2))
    x = nn.functional.glu(widened, dim=2).transpose(1, 2)
    kernel = module.depthwise_conv.weight
    reach = kernel.shape[2] - 1
    x = torch.cat([x.new_zeros(*x.shape[:2], reach) if past is None else past, x], 2)
    tail = x[:, :, x.shape[2] - reach :]
    if x.shape[2] <= 2 * reach:
        x = (x.unfold(2, reach + 1, 1) * kernel).sum(3)
    else:
        x = module.depthwise_conv(x)
    x = module.activation(module.depthwise_layer_norm(x.transpose(1, 2)))
    x = nn.functional.linear(x, module.pointwise_conv2.weight.squeeze(2))
    return module.dropout(x), tail


def make_encoder(config: EncoderConfig, weights: bool = True) -> SpeechEncoder:
    """The encoder that a config names; `weights`: load a hub model's own weights (not when a checkpoint follows)."""
    if not config.pretrained:
        return ConformerEncoder(config)
    from audio2motion.network.pretrained import PretrainedEncoder

    return PretrainedEncoder(config, weights)
