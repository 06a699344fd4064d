"""Speech in, facial motion out: corpus, training, evaluation and streaming prediction, in tensors.

from audio2motion import Predictor
prediction = Predictor.load().predict(samples, fps=Fraction(25))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audio2motion.errors import Audio2MotionError

if TYPE_CHECKING:
    from audio2motion.config import ModelConfig
    from audio2motion.predictor import Prediction, PredictionStream, Predictor

__all__ = ["Audio2MotionError", "ModelConfig", "Prediction", "PredictionStream", "Predictor"]


def __getattr__(name: str) -> Any:
    # PyTorch takes a second to import; `audio2motion --help` must not wait for it.
    if name in ("Predictor", "Prediction", "PredictionStream"):
        from audio2motion import predictor as predict

        return getattr(predict, name)
    if name == "ModelConfig":
        from audio2motion.config import ModelConfig

        return ModelConfig
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
