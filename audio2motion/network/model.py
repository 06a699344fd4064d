"""The network: speech encoder, motion transformer, heads.

Everything is causal but for one place: the motion transformer's step j is made of the encoder's steps j to
j + `look_ahead`, at places that lie the wider apart the later they are. So streaming needs no windows that overlap, and
the result does not depend on how the sound was cut. In low latency those up to j + `low_latency_look_ahead` must do.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from audio2motion.checkpoint import CONFIG_FILE, WEIGHTS_FILE
from audio2motion.config import FeatureConfig, ModelConfig
from audio2motion.errors import Audio2MotionError
from audio2motion.network.attention import KeyValues, WindowedSelfAttention
from audio2motion.network.dropout import Dropout
from audio2motion.network.encoder import Encoded, make_encoder
from audio2motion.network.layout import channels, feature_inputs, places
from audio2motion.phones import VISEMES


class Output(NamedTuple):
    """Per step: `motion` (B, T, channels), `visemes` (B, T, 20) logits, `voice_activity` (B, T) log-odds of speech."""

    motion: torch.Tensor
    visemes: torch.Tensor
    voice_activity: torch.Tensor


@dataclass
class ModelState:
    """Streaming state; `waiting`: the encoder's steps whose motion waits for later ones; `low_latency`: working at the
    short look-ahead."""

    encoder: Any
    blocks: list[KeyValues | None]
    waiting: Encoded
    low_latency: bool


class MotionBlock(nn.Module):
    """A pre-norm transformer block with windowed causal attention."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.attention_norm, self.feed_norm = nn.LayerNorm(size), nn.LayerNorm(size)
        self.attention = WindowedSelfAttention(size, config.heads, config.window)
        self.feed = nn.Sequential(nn.Linear(size, config.feed_forward), nn.GELU(), nn.Linear(config.feed_forward, size))
        self.dropout = Dropout(config.dropout)

    def forward(self, x: torch.Tensor, past: KeyValues | None) -> tuple[torch.Tensor, KeyValues]:
        """(B, T, size) -> (B, T, size), and the streaming state after it."""
        attended, past = self.attention(self.attention_norm(x), past)
        x = x + self.dropout(attended)
        return x + self.dropout(self.feed(self.feed_norm(x))), past


class SpeechMotionModel(nn.Module):
    """Sound (B, N) at 16 kHz to motion at 50 Hz."""

    def __init__(self, config: ModelConfig, encoder_weights: bool = True) -> None:
        super().__init__()
        self.config = config
        self.encoder = make_encoder(config.encoder, encoder_weights)
        self.places = (places(config.look_ahead), places(config.low_latency_look_ahead))
        self.bridges = nn.ModuleList(
            nn.Linear(len(heard) * self.encoder.size, config.hidden_size) for heard in self.places
        )
        self.blocks = nn.ModuleList(MotionBlock(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.hidden_size)
        self.motion_head = nn.Linear(config.hidden_size, channels(config))
        self.viseme_head = nn.Linear(config.hidden_size, len(VISEMES))
        if config.features is not None:
            self.feature_heads = feature_heads(config, config.features)
        nn.init.normal_(self.motion_head.weight, std=0.02)
        nn.init.zeros_(self.motion_head.bias)

    def start(self, batch: int = 1, low_latency: bool = False) -> ModelState:
        """The streaming state before any sound."""
        weight = self.norm.weight
        waiting = Encoded(weight.new_zeros(batch, 0, self.encoder.size), weight.new_zeros(batch, 0))
        return ModelState(self.encoder.start(batch, low_latency), [None] * len(self.blocks), waiting, low_latency)

    def forward(self, samples: torch.Tensor, state: ModelState) -> tuple[Output, ModelState]:
        """Push sound (B, N); the steps that it completes come out, the first being time 0."""
        encoded, encoder = self.encoder(samples, state.encoder)
        return self.decode(encoded, ModelState(encoder, state.blocks, state.waiting, state.low_latency))

    def decode(self, encoded: Encoded, state: ModelState) -> tuple[Output, ModelState]:
        """New steps of the encoder to the motion of those steps that have heard far enough."""
        blocks: list[KeyValues | None] = list(state.blocks)
        ahead, bridge = self.places[state.low_latency], self.bridges[int(state.low_latency)]
        heard, voice_activity = (torch.cat([before.to(new), new], 1) for before, new in zip(state.waiting, encoded))
        steps = max(0, heard.shape[1] - ahead[-1])
        x = bridge(torch.cat([heard[:, k : k + steps] for k in ahead], 2))
        if steps:
            for i, block in enumerate(self.blocks):
                x, blocks[i] = block(x, blocks[i])
        hidden = self.norm(x)
        # Voice activity is causal: the last step that may be heard knows most.
        active = voice_activity[:, ahead[-1] : ahead[-1] + steps]
        output = Output(self.motion_head(hidden), self.viseme_head(hidden), active)
        waiting = Encoded(heard[:, steps:], voice_activity[:, steps:])
        return output, ModelState(state.encoder, blocks, waiting, state.low_latency)


def feature_heads(config: ModelConfig, features: FeatureConfig) -> nn.ModuleList:
    """The linear functions of speech features, for either latency: they are solved for, not trained by steps.

    They travel with the model's weights; `audio2motion.network.feature_lips` computes with them. Their outputs are the
    channels of motion and, last, how sure a p, b or m is. Before they are solved, motion is none and every p is one.
    """
    heads = nn.ModuleList()
    for low_latency in (False, True):
        head = nn.Linear(feature_inputs(features, low_latency), channels(config) + 1)
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
        nn.init.ones_(head.bias[-1:])
        heads.append(head)
    return heads.requires_grad_(False)


def save_model(model: SpeechMotionModel, folder: Path) -> None:
    """Write config.json and model.safetensors; a frozen hub encoder's weights stay on the hub."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.detach().cpu().contiguous() for name, value in _own_weights(model).items()}
    weights, config = folder / (WEIGHTS_FILE + ".part"), folder / (CONFIG_FILE + ".part")
    save_file(tensors, str(weights))
    config.write_text(json.dumps(model.config.to_dict(), indent=1) + "\n")
    weights.replace(folder / WEIGHTS_FILE)
    config.replace(folder / CONFIG_FILE)


def _own_weights(model: SpeechMotionModel) -> dict[str, torch.Tensor]:
    on_hub = model.config.encoder.pretrained and model.config.encoder.frozen
    return {k: v for k, v in model.state_dict().items() if not (on_hub and k.startswith("encoder.hub."))}


def load_model(folder: Path, device: str | torch.device = "cpu") -> SpeechMotionModel:
    """Read a checkpoint folder onto a device, ready for inference.

    Audio2MotionError where there is no such device, or a file is missing, damaged or does not fit its config.
    """
    where = _device(device)
    config = ModelConfig.read(folder / CONFIG_FILE)
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        raise Audio2MotionError(f"{path} is missing: {folder} is not a whole audio2motion checkpoint")
    tensors = _read_weights(path)
    try:
        model = SpeechMotionModel(config, encoder_weights=config.encoder.frozen)
    except (RuntimeError, ValueError, TypeError, IndexError, ArithmeticError, AssertionError, MemoryError) as error:
        reason = str(error).partition("\n")[0]
        raise Audio2MotionError(f"{folder / CONFIG_FILE} describes no network ({reason})") from None
    wanted = {name: tuple(value.shape) for name, value in _own_weights(model).items()}
    given = {name: tuple(value.shape) for name, value in tensors.items()}
    if wanted != given:
        odd = sorted(set(wanted.items()) ^ set(given.items()))[0]
        raise Audio2MotionError(f"{path} does not fit its config.json: {odd[0]} {odd[1]}")
    model.load_state_dict({name: value.float() for name, value in tensors.items()}, strict=False)
    return model.to(where).eval()


def _read_weights(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors: dict[str, torch.Tensor] = load_file(str(path))
    except (OSError, SafetensorError) as error:
        raise Audio2MotionError(f"{path} cannot be read: {error}") from None
    return tensors


def _device(device: str | torch.device) -> torch.device:
    """The device, proved to be there by a tensor on it."""
    try:
        found = torch.device(device)
        if found.type == "meta":
            raise RuntimeError("meta tensors hold no values")
        torch.zeros(1, device=found).cpu()
    except (RuntimeError, AssertionError, NotImplementedError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else "not available"
        raise Audio2MotionError(f"PyTorch has no device {str(device)!r} here: choose cpu ({reason})") from None
    return found
