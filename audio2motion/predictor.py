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

import numpy.typing as npt
import torch

from audio2motion.checkpoint import embedded_checkpoint
from audio2motion.config import MOTION_RATE_HZ, SAMPLE_RATE_HZ, ModelConfig
from audio2motion.network.lip_postprocessor import REACH
from audio2motion.network.model import SpeechMotionModel, load_model
from audio2motion.prediction import Prediction
from audio2motion.stream import PredictionStream, checked_sound

__all__ = ["Prediction", "PredictionStream", "Predictor"]

_PIECE_S = 10  # long recordings go through in pieces: memory must not grow with them beyond the result itself


class Predictor:
    """A loaded checkpoint; any number of streams may run on it, also in different threads."""

    def __init__(self, model: SpeechMotionModel) -> None:
        self.model = model.eval()

    @classmethod
    def load(cls, path: Path | str | None = None, device: str | torch.device = "cpu") -> Predictor:
        """Read the checkpoint in folder `path` (None: the embedded one) onto a PyTorch device ("cpu", "cuda:1", "mps").

        Raises Audio2MotionError where the checkpoint is missing, damaged or of an unknown format, or where there is no
        such device.
        """
        return cls(load_model(Path(path) if path is not None else embedded_checkpoint(), device))

    @property
    def config(self) -> ModelConfig:
        """What the checkpoint says about itself."""
        return self.model.config

    @property
    def look_ahead_s(self) -> float:
        """Sound that must have arrived after a frame's time before the frame comes out, in seconds, at most."""
        # Smoothing, of lips that are blendshapes, sees later steps; a frame between two steps waits for the later one.
        smoothing = 0 if self.config.output == "expression" else REACH
        return self.model.look_ahead_s() + (smoothing + 1) / MOTION_RATE_HZ

    @property
    def low_latency_look_ahead_s(self) -> float:
        """The same where a stream was started with `low_latency`."""
        return self.model.look_ahead_s(low_latency=True) + 1 / MOTION_RATE_HZ

    def stream(self, fps: Fraction, seed: int = 0, low_latency: bool = False) -> PredictionStream:
        """Start a stream at `fps` frames per second.

        `low_latency`: less look-ahead, and motion as soon as it can be known, at some cost in quality and work.
        """
        return PredictionStream(self.model, Fraction(fps), seed, low_latency)

    def predict(
        self, samples: torch.Tensor | npt.ArrayLike, fps: Fraction, seed: int = 0, low_latency: bool = False
    ) -> Prediction:
        """All motion for `samples` (N,) at 16 kHz: the stream, collected. T = max(1, round(N fps / 16000))."""
        stream = self.stream(fps, seed, low_latency)
        sound, piece = checked_sound(samples), _PIECE_S * SAMPLE_RATE_HZ
        parts = [stream.push(sound[at : at + piece]) for at in range(0, len(sound), piece)]
        return Prediction.joined([part for part in (*parts, stream.finish()) if part is not None])
