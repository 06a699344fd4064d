"""Speech encoders: sound in, one vector per 20 ms out, streaming.

Both kinds are networks of the Wav2Vec2 family. `ConformerEncoder` runs the layers of Wav2Vec2-BERT (conformer, arXiv
2005.08100; causal convolutions) step by step with carried state, so its attention reaches a fixed way back and
never ahead. `PretrainedEncoder` runs any Wav2Vec2, HuBERT or WavLM of the hub over windows at fixed places.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import nn

from audio2motion.config import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME, EncoderConfig
from audio2motion.errors import Audio2MotionError
from audio2motion.network.attention import KeyValues, windowed_attention
from audio2motion.network.conformer import ConformerLayer
from audio2motion.network.features import HOP, REACH, FeatureState, LogMel
from audio2motion.network.front import AHEAD, FeatureEncoder, FrontState
from audio2motion.network.voice_activity import Presence, PresenceState
from audio2motion.training.augment import augmented


class Encoded(NamedTuple):
    """`steps` (B, T, size); `presence` (B, T): the log-odds that somebody speaks."""

    steps: torch.Tensor
    presence: torch.Tensor


class LayerState(NamedTuple):
    """What one conformer layer remembers: attention's past, and the convolution's last inputs (B, C, kernel - 1)."""

    attention: KeyValues
    convolution: torch.Tensor


@dataclass
class ConformerState:
    """What the encoder remembers: the log-mel features' state, the feature encoder's, the presence's, the layers'."""

    features: FeatureState
    front: FrontState
    presence: PresenceState
    layers: list[LayerState | None]


class SpeechEncoder(nn.Module):
    """Contract: `start` a state, then `forward` pushes of sound (B, N) give the steps that they complete.

    Step j belongs to time j / 50 s and comes out once `reach` samples after that time are known, and `settle` samples
    more where it was not started `quick`.
    """

    size: int
    reach: int
    settle: int = 0

    def start(self, batch: int = 1, quick: bool = False) -> Any:
        raise NotImplementedError

    def forward(self, samples: torch.Tensor, state: Any) -> tuple[Encoded, Any]:
        raise NotImplementedError


class ConformerEncoder(SpeechEncoder):
    """A convolutional feature encoder over log-mel features, then Wav2Vec2-BERT's layers, causal."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.size, self.reach = config.hidden_size, AHEAD * HOP + REACH
        settle = round(100 * config.settle_s)
        self.features, self.settle = LogMel(config.mel_bands, config.equalise, settle), settle * HOP
        self.front = FeatureEncoder(config)
        self.presence = Presence(config.hidden_size)
        self.layers = nn.ModuleList(ConformerLayer(config) for _ in range(config.layers))
        for name, weight in self.layers.named_parameters():
            if name.endswith("distance_embedding.weight"):
                # PyTorch's unit normal would drown what is heard in where it is.
                nn.init.normal_(weight, std=0.02)

    def start(self, batch: int = 1, quick: bool = False) -> ConformerState:
        """The state before any sound."""
        features, front = self.features.start(batch, quick), self.front.start(batch)
        return ConformerState(features, front, self.presence.start(batch), [None] * len(self.layers))

    def forward(self, samples: torch.Tensor, state: ConformerState) -> tuple[Encoded, ConformerState]:
        """Sound (B, N) to the steps it completes."""
        mel, features = self.features(samples, state.features)
        if self.training and mel.shape[1]:
            mel = augmented(mel)
        x, front = self.front(mel, state.front)
        there, presence = self.presence(x, state.presence)
        past: list[LayerState | None] = list(state.layers)
        if x.shape[1]:
            x, past = self.encode(x, past)
        return Encoded(x, there), ConformerState(features, front, presence, past)

    def encode(
        self, x: torch.Tensor, layers: Sequence[LayerState | None]
    ) -> tuple[torch.Tensor, list[LayerState | None]]:
        """Run the conformer layers on new steps (B, T, size), given what each remembers."""
        past: list[LayerState | None] = []
        for layer, before in zip(self.layers, layers):
            x, after = _layer(layer, x, before)
            past.append(after)
        return x, past


def _layer(layer: Any, x: torch.Tensor, past: LayerState | None) -> tuple[torch.Tensor, LayerState]:
    """`Wav2Vec2BertEncoderLayer.forward` on new steps (B, T, C), given what it saw before."""
    x = x + 0.5 * layer.ffn1(layer.ffn1_layer_norm(x))
    attended, memory = _attend(layer.self_attn, layer.self_attn_layer_norm(x), past.attention if past else None)
    x = x + layer.self_attn_dropout(attended)
    convolved, tail = _convolve(layer.conv_module, x, past.convolution if past else None)
    x = x + convolved
    x = x + 0.5 * layer.ffn2(layer.ffn2_layer_norm(x))
    return layer.final_layer_norm(x), LayerState(memory, tail)


def _attend(attention: Any, x: torch.Tensor, past: KeyValues | None) -> tuple[torch.Tensor, KeyValues]:
    batch, steps, size = x.shape

    def split(linear: nn.Module) -> torch.Tensor:
        return linear(x).view(batch, steps, attention.num_heads, attention.head_size).transpose(1, 2)

    out, past = windowed_attention(
        split(attention.linear_q),
        split(attention.linear_k),
        split(attention.linear_v),
        attention.distance_embedding.weight,
        past,
    )
    return attention.linear_out(out.transpose(1, 2).reshape(batch, steps, size)), past


def _convolve(module: Any, x: torch.Tensor, past: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
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
    """Sound that later windows still need: `samples` (B, n) from sample `first`; `done` steps were given out."""

    samples: torch.Tensor
    first: int
    done: int
    presence: PresenceState


class PretrainedEncoder(SpeechEncoder):
    """A hub model over windows at fixed places: block b is steps b n to (b + 1) n, with context on both sides.

    Only (HF_HUB_OFFLINE honoured) models that give 50 steps a second from 16 kHz sound fit.
    """

    def __init__(self, config: EncoderConfig, weights: bool = True) -> None:
        super().__init__()
        self.hub = _hub_model(config.name, weights)
        self.size = int(self.hub.config.hidden_size)
        self.presence = Presence(self.size)
        self.block = max(1, round(config.block_s * 50))
        self.context, self.look_ahead = round(config.context_s * 50), round(config.look_ahead_s * 50)
        self.reach = (self.block + self.look_ahead) * SAMPLES_PER_FRAME + 400
        if config.frozen:
            self.hub.requires_grad_(False)

    def start(self, batch: int = 1, quick: bool = False) -> WindowState:
        """The state before any sound: silence, as long as the context."""
        device = next(self.hub.parameters()).device
        before = self.context * SAMPLES_PER_FRAME
        return WindowState(torch.zeros(batch, before, device=device), -before, 0, self.presence.start(batch))

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
        there, presence = self.presence(steps, state.presence)
        return Encoded(steps, there), WindowState(waiting[:, drop:], first + drop, done, presence)

    def _encode(self, window: torch.Tensor) -> torch.Tensor:
        scale = window.std(1, keepdim=True).clamp(min=1e-4)
        return self.hub((window - window.mean(1, keepdim=True)) / scale).last_hidden_state


def _hub_model(name: str, weights: bool) -> Any:
    from transformers import AutoConfig, AutoModel

    offline = bool(os.environ.get("HF_HUB_OFFLINE"))
    try:
        config = AutoConfig.from_pretrained(name, local_files_only=offline)
        if getattr(config, "inputs_to_logits_ratio", 0) != SAMPLE_RATE_HZ // 50:
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
