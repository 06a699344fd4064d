"""The network as PyTorch computes it: for any encoder and any device, and for models that are being trained."""

from __future__ import annotations

import numpy as np
import torch

from audio2motion.config import ModelConfig
from audio2motion.network.model import ModelState, SpeechMotionModel
from audio2motion.network.protocol import Floats, Steps
from audio2motion.network.single_thread import single_thread


class TorchNetwork:
    """`Network` on a `SpeechMotionModel`, which it sets to inference."""

    def __init__(self, model: SpeechMotionModel) -> None:
        self.model = model.eval()

    @property
    def config(self) -> ModelConfig:
        """What the checkpoint says about itself."""
        return self.model.config

    def start(self, low_latency: bool = False) -> ModelState:
        """The streaming state before any sound."""
        return self.model.start(low_latency=low_latency)

    def __call__(self, sound: Floats, state: ModelState) -> tuple[Steps, ModelState]:
        """The steps that `sound` (N,) completes, and the state after it."""
        with torch.inference_mode(), single_thread():
            samples = torch.tensor(np.ascontiguousarray(sound), device=next(self.model.parameters()).device)
            output, state = self.model(samples[None], state)
            motion, visemes, voice_activity = (part[0].float().cpu().numpy() for part in output)
        return Steps(motion, visemes, voice_activity), state
