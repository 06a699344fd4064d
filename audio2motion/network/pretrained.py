"""Published speech encoders of the hub: Wav2Vec2, HuBERT, WavLM, Moonshine, at their own frame rates, over windows.

Each takes raw sound at 16 kHz. Block b of a stream is steps b n to (b + 1) n, and is made of a window with context on
both sides, at a fixed place, so that nothing depends on how the sound was cut.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import nn

from audio2motion.config import SAMPLES_PER_FRAME, EncoderConfig
from audio2motion.errors import Audio2MotionError
from audio2motion.network.encoder import Encoded, SpeechEncoder
from audio2motion.network.layout import HUB_MARGIN, MOONSHINE_CENTRE, MOONSHINE_HOP, hub_steps
from audio2motion.network.voice_activity import VoiceActivity, VoiceActivityState

_MOONSHINE = "moonshine"


@dataclass
class WindowState:
    """Streaming state: `samples` (B, n) that later windows still need, from sample `first`; `done` steps given out."""

    samples: torch.Tensor
    first: int
    done: int
    voice_activity: VoiceActivityState


class _Frames(NamedTuple):
    """Frame k of an encoder is centred on sample `hop` k + `centre` of what it hears."""

    hop: int
    centre: float


class PretrainedEncoder(SpeechEncoder):
    """A hub model over windows; HF_HUB_OFFLINE is honoured.

    A step is one of the model's layers, or where the config's `layer` is None a mix of all of them, whose weights are
    learnt (after SUPERB, arXiv 2105.01051). Between frames of another rate than 50 Hz steps are interpolated.
    """

    def __init__(self, config: EncoderConfig, weights: bool = True) -> None:
        super().__init__()
        self.hub = _hub_model(config.name, weights)
        hub = self.hub.config
        self.size = int(hub.hidden_size)
        self._normalised = hub.model_type != _MOONSHINE
        self._frames = _frames_of(config.name, hub)
        layers = int(hub.encoder_num_hidden_layers if hub.model_type == _MOONSHINE else hub.num_hidden_layers)
        if config.layer is not None and not -layers - 1 <= config.layer <= layers:
            raise Audio2MotionError(f"the encoder {config.name!r} has layers 0 to {layers}, not {config.layer}")
        self._layer = config.layer
        if config.layer is None:
            self.mix = nn.Parameter(torch.zeros(layers + 1))
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
        while (done + self.block + self.look_ahead) * SAMPLES_PER_FRAME + HUB_MARGIN <= first + waiting.shape[1]:
            start = (done - self.context) * SAMPLES_PER_FRAME - first
            stop = (done + self.block + self.look_ahead) * SAMPLES_PER_FRAME + HUB_MARGIN - first
            blocks.append(self._steps(self._encode(waiting[:, start:stop])))
            done += self.block
        drop = max(0, (done - self.context) * SAMPLES_PER_FRAME - first)
        steps = torch.cat(blocks, 1) if blocks else waiting.new_zeros(len(waiting), 0, self.size)
        log_odds, voice_activity = self.voice_activity(steps, state.voice_activity)
        return Encoded(steps, log_odds), WindowState(waiting[:, drop:], first + drop, done, voice_activity)

    def _encode(self, window: torch.Tensor) -> torch.Tensor:
        """Frames (B, T, size) of a window (B, N)."""
        if self._normalised:
            scale = window.std(1, keepdim=True).clamp(min=1e-4)
            window = (window - window.mean(1, keepdim=True)) / scale
        model = self.hub if self._normalised else self.hub.encoder
        hidden: tuple[torch.Tensor, ...] = model(window, output_hidden_states=True).hidden_states
        if self._layer is not None:
            return hidden[self._layer]
        # Layers differ in size, and the mix is of what they say, not of how loudly.
        alike = torch.stack([nn.functional.layer_norm(layer, (self.size,)) for layer in hidden], 3)
        return alike @ self.mix.softmax(0)

    def _steps(self, frames: torch.Tensor) -> torch.Tensor:
        """The block's steps (B, block, size) from a window's frames."""
        if self._frames.hop == SAMPLES_PER_FRAME:
            return frames[:, self.context : self.context + self.block]
        samples = (self.context + torch.arange(self.block, device=frames.device)) * SAMPLES_PER_FRAME
        places = ((samples - self._frames.centre) / self._frames.hop).clamp(0, frames.shape[1] - 1)
        low = places.floor().long()
        high, part = (low + 1).clamp(max=frames.shape[1] - 1), (places - low).to(frames)[:, None]
        return frames[:, low] * (1 - part) + frames[:, high] * part


def _frames_of(name: str, hub: Any) -> _Frames:
    """Where a hub model's frames lie.

    Raises Audio2MotionError for a model that does not take raw sound.
    """
    if hub.model_type == _MOONSHINE:
        return _Frames(MOONSHINE_HOP, MOONSHINE_CENTRE)
    values = hub.to_dict()
    kernels, strides = values.get("conv_kernel"), values.get("conv_stride")
    if not kernels or not strides or isinstance(strides, int):
        raise Audio2MotionError(
            f"the encoder {name!r} does not hear raw sound: choose Wav2Vec2, HuBERT, WavLM, Moonshine"
        )
    reach = sum((kernel - 1) * math.prod(strides[:i]) for i, kernel in enumerate(kernels))
    return _Frames(math.prod(strides), reach / 2)


def _hub_model(name: str, weights: bool) -> Any:
    from transformers import AutoConfig, AutoModel

    offline = bool(os.environ.get("HF_HUB_OFFLINE"))
    try:
        config = AutoConfig.from_pretrained(name, local_files_only=offline)
        _frames_of(name, config)
        if weights:
            return AutoModel.from_pretrained(name, local_files_only=offline)
        return AutoModel.from_config(config)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise Audio2MotionError(f"the encoder {name!r} cannot be loaded: {reason}") from error
