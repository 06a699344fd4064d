"""Speech encoders: sound in, one vector per 20 ms out, streaming.

`ConformerEncoder` is the project's own, "conformer-small": conformer layers (arXiv 2005.08100) of the structure of
Wav2Vec2-BERT's, few and narrow, run step by step with a streaming state, so that attention reaches a fixed way back and
never ahead. `PretrainedEncoder` runs any published Wav2Vec2, HuBERT or WavLM of the hub over windows at fixed places.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import nn

from audio2motion.config import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME, EncoderConfig
from audio2motion.errors import Audio2MotionError
from audio2motion.network.attention import KeyValues, windowed_attention
from audio2motion.network.augment import augmented
from audio2motion.network.conformer import ConformerLayer, Convolution, SelfAttention
from audio2motion.network.features import FeatureState, LogMel
from audio2motion.network.front import FeatureEncoder, FrontState
from audio2motion.network.layout import hub_steps, settle_frames
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


@dataclass
class WindowState:
    """Streaming state: `samples` (B, n) that later windows still need, from sample `first`; `done` steps given out."""

    samples: torch.Tensor
    first: int
    done: int
    voice_activity: VoiceActivityState


class PretrainedEncoder(SpeechEncoder):
    """A hub model over windows at fixed places: block b is steps b n to (b + 1) n, with context on both sides.

    Models that give 50 steps a second from 16 kHz sound fit; HF_HUB_OFFLINE is honoured.
    """

    def __init__(self, config: EncoderConfig, weights: bool = True) -> None:
        super().__init__()
        self.hub = _hub_model(config.name, weights)
        self.size = int(self.hub.config.hidden_size)
        self.voice_activity = VoiceActivity(self.size)
        self.block, self.context, self.look_ahead = hub_steps(config)
        if config.frozen:
            self.hub.requires_grad_(False)

    def start(self, batch: int = 1, low_latency: bool = False) -> WindowState:
        """The streaming state before any sound: silence, as long as the context."""
        device = next(self.hub.parameters()).device
        before = self.context * SAMPLES_PER_FRAME
        return WindowState(torch.zeros(batch, before, device=device), -before, 0, self.voice_activity.start(batch))

    def forward(self, samples: torch.Tensor, state: WindowState) -> tuple[Encoded, WindowState]:
        """Sound (B, N) to the steps of every block that is complete."""
        waiting = torch.cat([state.samples, samples.to(state.samples)], 1)
        first, done = state.first, state.done
        blocks = []
        while (done + self.block + self.look_ahead) * SAMPLES_PER_FRAME + 80 <= first + waiting.shape[1]:
            start = (done - self.context) * SAMPLES_PER_FRAME - first
            # The feature encoder's receptive field is 400 samples at a stride of 320.
            stop = (done + self.block + self.look_ahead) * SAMPLES_PER_FRAME + 80 - first
            blocks.append(self._encode(waiting[:, start:stop])[:, self.context : self.context + self.block])
            done += self.block
        drop = max(0, (done - self.context) * SAMPLES_PER_FRAME - first)
        steps = torch.cat(blocks, 1) if blocks else waiting.new_zeros(len(waiting), 0, self.size)
        log_odds, voice_activity = self.voice_activity(steps, state.voice_activity)
        return Encoded(steps, log_odds), WindowState(waiting[:, drop:], first + drop, done, voice_activity)

    def _encode(self, window: torch.Tensor) -> torch.Tensor:
        scale = window.std(1, keepdim=True).clamp(min=1e-4)
        hidden: torch.Tensor = self.hub((window - window.mean(1, keepdim=True)) / scale).last_hidden_state
        return hidden


def _hub_model(name: str, weights: bool) -> Any:
    from transformers import AutoConfig, AutoModel

    offline = bool(os.environ.get("HF_HUB_OFFLINE"))
    try:
        config = AutoConfig.from_pretrained(name, local_files_only=offline)
        if math.prod(config.to_dict().get("conv_stride", ())) != SAMPLE_RATE_HZ // 50:
            raise Audio2MotionError(f"the encoder {name!r} does not give 50 steps a second from raw sound")
        if weights:
            return AutoModel.from_pretrained(name, local_files_only=offline)
        return AutoModel.from_config(config)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise Audio2MotionError(f"the encoder {name!r} cannot be loaded: {reason}") from error


def make_encoder(config: EncoderConfig, weights: bool = True) -> SpeechEncoder:
    """The encoder that a config names; `weights`: load a hub model's own weights (not when a checkpoint follows)."""
    return PretrainedEncoder(config, weights) if config.pretrained else ConformerEncoder(config)
