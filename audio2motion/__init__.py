"""Speech in, facial motion out: corpus, training, evaluation and streaming prediction.

    from audio2motion import Predictor

    prediction = Predictor.load().predict(samples, fps=Fraction(25))

What stands in `__all__` is public. Each name is loaded from its module when it is first asked for, and none of them
takes PyTorch along: `Predictor.load` imports it where a checkpoint or a device needs it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audio2motion.amplitudes import MOUTH_AMPLITUDES, WIDTH_AMPLITUDES, MouthAmplitudes
    from audio2motion.arkit import BLENDSHAPE_INDEX, BLENDSHAPE_NAMES
    from audio2motion.behaviour import BEHAVIOUR_INDICES, Behaviour, BehaviourFrames
    from audio2motion.checkpoint import embedded_checkpoint
    from audio2motion.config import ModelConfig
    from audio2motion.corpus.espeak import Espeak
    from audio2motion.errors import Audio2MotionError
    from audio2motion.phones import Articulation, Phone, articulations
    from audio2motion.predictor import Prediction, PredictionStream, Predictor
    from audio2motion.runtime import onnx_runtime
    from audio2motion.targets import opening_of, phones_to_blendshapes

__all__ = [
    "BEHAVIOUR_INDICES",
    "BLENDSHAPE_INDEX",
    "BLENDSHAPE_NAMES",
    "MOUTH_AMPLITUDES",
    "WIDTH_AMPLITUDES",
    "Articulation",
    "Audio2MotionError",
    "Behaviour",
    "BehaviourFrames",
    "Espeak",
    "ModelConfig",
    "MouthAmplitudes",
    "Phone",
    "Prediction",
    "PredictionStream",
    "Predictor",
    "articulations",
    "embedded_checkpoint",
    "onnx_runtime",
    "opening_of",
    "phones_to_blendshapes",
]

_MODULES: dict[str, tuple[str, ...]] = {
    "amplitudes": ("MOUTH_AMPLITUDES", "WIDTH_AMPLITUDES", "MouthAmplitudes"),
    "arkit": ("BLENDSHAPE_INDEX", "BLENDSHAPE_NAMES"),
    "behaviour": ("BEHAVIOUR_INDICES", "Behaviour", "BehaviourFrames"),
    "checkpoint": ("embedded_checkpoint",),
    "config": ("ModelConfig",),
    "corpus.espeak": ("Espeak",),
    "errors": ("Audio2MotionError",),
    "runtime": ("onnx_runtime",),
    "phones": ("Articulation", "Phone", "articulations"),
    "predictor": ("Prediction", "PredictionStream", "Predictor"),
    "targets": ("opening_of", "phones_to_blendshapes"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


if not TYPE_CHECKING:  # type checkers know the names from above, and no others

    def __getattr__(name: str) -> object:
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = vars(import_module(f"audio2motion.{_MODULE_OF[name]}"))[name]
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
