"""Speech encoders: sound in, one vector per 20 ms out, streaming.

Both kinds are networks of the Wav2Vec2 family. `ConformerEncoder` runs the layers of Wav2Vec2-BERT (conformer, arXiv
2005.08100; causal convolutions) step by step with carried state, so its attention reaches a fixed way back and
never ahead. `PretrainedEncoder` runs any Wav2Vec2, HuBERT or WavLM of the hub over windows at fixed places.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import nn

from audio2motion.attention import KeyValues, windowed_attention
from audio2motion.config import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME, EncoderConfig
from audio2motion.conformer import ConformerLayer, FeatureProjection
from audio2motion.errors import Audio2MotionError
from audio2motion.features import REACH, FeatureState, LogMel


class LayerState(NamedTuple):
    """What one conformer layer remembers: attention's past, and the convolution's last inputs (B, C, kernel - 1)."""

    attention: KeyValues
    convolution: torch.Tensor


@dataclass
class ConformerState:
    """What the encoder remembers: the features' state, a frame without its pair (B, 0 or 1, bands), the layers'."""

    features: FeatureState
    odd: torch.Tensor
    layers: list[LayerState | None]


class SpeechEncoder(nn.Module):
    """Contract: `start` a state, then `forward` pushes of sound (B, N) give the steps (B, T, `size`) they complete.

    Step j belongs to time j / 50 s and comes out once `reach` samples after that time are known.
    """

    size: int
    reach: int

    def start(self, batch: int = 1) -> Any:
        raise NotImplementedError

    def forward(self, samples: torch.Tensor, state: Any) -> tuple[torch.Tensor, Any]:
        raise NotImplementedError


class ConformerEncoder(SpeechEncoder):
    """Wav2Vec2-BERT's layers over log-mel features, causal."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.size, self.reach = config.hidden_size, SAMPLES_PER_FRAME // 2 + REACH
        self.features = LogMel(config.mel_bands, config.equalise)
        self.projection = FeatureProjection(config)
        self.layers = nn.ModuleList(ConformerLayer(config) for _ in range(config.layers))
        for name, weight in self.layers.named_parameters():
            if name.endswith("distance_embedding.weight"):
                # PyTorch's unit normal would drown what is heard in where it is.
                nn.init.normal_(weight, std=0.02)

    def start(self, batch: int = 1) -> ConformerState:
        """The state before any sound."""
        features = self.features.start(batch)
        odd = features.samples.new_zeros(batch, 0, len(self.features.filters))
        return ConformerState(features, odd, [None] * len(self.layers))

    def forward(self, samples: torch.Tensor, state: ConformerState) -> tuple[torch.Tensor, ConformerState]:
        """Sound (B, N) to steps (B, T, size)."""
        mel, features = self.features(samples, state.features)
        return self.encode(mel, ConformerState(features, state.odd, state.layers))

    def encode(self, mel: torch.Tensor, state: ConformerState) -> tuple[torch.Tensor, ConformerState]:
        """Log-mel frames (B, n, bands) to steps (B, T, size): two frames a step."""
        mel = torch.cat([state.odd, mel], 1)
        steps = mel.shape[1] // 2
        odd = mel[:, 2 * steps :]
        if steps == 0:
            return mel.new_zeros(len(mel), 0, self.size), ConformerState(state.features, odd, state.layers)
        x = self.projection(mel[:, : 2 * steps].reshape(len(mel), steps, -1))
        past: list[LayerState | None] = []
        for layer, before in zip(self.layers, state.layers):
            x, after = _layer(layer, x, before)
            past.append(after)
        return x, ConformerState(state.features, odd, past)


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


class PretrainedEncoder(SpeechEncoder):
    """A hub model over windows at fixed places: block b is steps b n to (b + 1) n, with context on both sides.

    Only (HF_HUB_OFFLINE honoured) models that give 50 steps a second from 16 kHz sound fit.
    """

    def __init__(self, config: EncoderConfig, weights: bool = True) -> None:
        super().__init__()
        self.hub = _hub_model(config.name, weights)
        self.size = int(self.hub.config.hidden_size)
        self.block = max(1, round(config.block_s * 50))
        self.context, self.look_ahead = round(config.context_s * 50), round(config.look_ahead_s * 50)
        self.reach = (self.block + self.look_ahead) * SAMPLES_PER_FRAME + 400
        if config.frozen:
            self.hub.requires_grad_(False)

    def start(self, batch: int = 1) -> WindowState:
        """The state before any sound: silence, as long as the context."""
        device = next(self.hub.parameters()).device
        before = self.context * SAMPLES_PER_FRAME
        return WindowState(torch.zeros(batch, before, device=device), -before, 0)

    def forward(self, samples: torch.Tensor, state: WindowState) -> tuple[torch.Tensor, WindowState]:
        """Sound (B, N) to the steps (B, T, size) of every block that is complete."""
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
        return steps, WindowState(waiting[:, drop:], first + drop, done)

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
