"""Sound in, motion out: the network's lips, the behaviour's blinks, brows, gaze and head.

predictor = Predictor.load()
stream = predictor.stream(fps=Fraction(25), seed=0)
for block in blocks:
    prediction = stream.push(block)     # Prediction or None
prediction = stream.finish()
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from audio2motion.checkpoint import embedded_checkpoint
from audio2motion.config import MOTION_RATE_HZ, SAMPLE_RATE_HZ, ModelConfig
from audio2motion.network.feature_lips import with_features
from audio2motion.network.layout import look_ahead_s
from audio2motion.network.lip_postprocessor import REACH
from audio2motion.network.onnx_network import OnnxNetwork
from audio2motion.network.protocol import Network
from audio2motion.prediction import Prediction
from audio2motion.stream import PredictionStream, checked_sound

if TYPE_CHECKING:
    import torch

__all__ = ["Prediction", "PredictionStream", "Predictor"]

_PIECE_S = 10  # long recordings go through in pieces: memory must not grow with them beyond the result itself


class Predictor:
    """A loaded checkpoint; any number of streams may run on it, also in different threads."""

    def __init__(self, network: Network[Any]) -> None:
        self.network = network

    @classmethod
    def load(cls, path: Path | str | None = None, device: str | torch.device = "cpu") -> Predictor:
        """Read the checkpoint in folder `path` (None: the embedded one) for a device ("cpu", "cuda:1", "mps").

        On the CPU the folder's `model.onnx` predicts, where there is one that was exported from the very weights and
        config beside it (`audio2motion export`); it takes ONNX Runtime and no PyTorch. Anything else takes PyTorch.

        Raises Audio2MotionError where the checkpoint is missing, damaged or of an unknown format, or where there is no
        such device.
        """
        folder = Path(path) if path is not None else embedded_checkpoint()
        if str(device) == "cpu" and (network := OnnxNetwork.beside(folder)) is not None:
            return cls(with_features(network, folder))
        from audio2motion.network.model import load_model
        from audio2motion.network.torch_network import TorchNetwork

        return cls(with_features(TorchNetwork(load_model(folder, device)), folder))

    @property
    def config(self) -> ModelConfig:
        """What the checkpoint says about itself."""
        return self.network.config

    @property
    def look_ahead_s(self) -> float:
        """Sound that must have arrived after a frame's time before the frame comes out, in seconds, at most."""
        # Smoothing, of lips that are blendshapes, sees later steps; a frame between two steps waits for the later one.
        smoothing = 0 if self.config.output == "expression" else REACH
        return look_ahead_s(self.config) + (smoothing + 1) / MOTION_RATE_HZ

    @property
    def low_latency_look_ahead_s(self) -> float:
        """The same where a stream was started with `low_latency`."""
        return look_ahead_s(self.config, low_latency=True) + 1 / MOTION_RATE_HZ

    def stream(self, fps: Fraction, seed: int = 0, low_latency: bool = False) -> PredictionStream:
        """Start a stream at `fps` frames per second.

        `low_latency`: less look-ahead, and motion as soon as it can be known, at some cost in quality and work.
        """
        return PredictionStream(self.network, Fraction(fps), seed, low_latency)

    def predict(self, samples: npt.ArrayLike, fps: Fraction, seed: int = 0, low_latency: bool = False) -> Prediction:
        """All motion for `samples` (N,) at 16 kHz: the stream, collected. T = max(1, round(N fps / 16000))."""
        stream = self.stream(fps, seed, low_latency)
        sound, piece = checked_sound(samples), _PIECE_S * SAMPLE_RATE_HZ
        parts = [stream.push(sound[at : at + piece]) for at in range(0, len(sound), piece)]
        return Prediction.joined([part for part in (*parts, stream.finish()) if part is not None])
