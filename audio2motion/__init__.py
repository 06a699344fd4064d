"""Speech in, facial motion out (temporary table; see branch)."""

from __future__ import annotations

import importlib
from typing import Any

_PLACES = {
    "Audio2MotionError": "errors", "ModelConfig": "config", "Predictor": "predictor", "Prediction": "predictor",
    "PredictionStream": "predictor", "Behaviour": "behaviour", "BehaviourFrames": "behaviour",
    "BEHAVIOUR_INDICES": "behaviour", "BLENDSHAPE_NAMES": "arkit", "BLENDSHAPE_INDEX": "arkit", "Phone": "targets",
    "phones_to_blendshapes": "targets", "articulations": "phones", "Espeak": "corpus.espeak",
    "embedded_checkpoint": "predictor", "MOUTH_AMPLITUDES": "amplitudes", "WIDTH_AMPLITUDES": "amplitudes",
}  # fmt: skip
__all__ = sorted(_PLACES)


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(importlib.import_module(f"audio2motion.{_PLACES[name]}"), name)
    raise AttributeError(name)
