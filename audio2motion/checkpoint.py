"""What a checkpoint folder holds, and where the embedded one lies. Imports no PyTorch."""

from __future__ import annotations

from pathlib import Path

from audio2motion.errors import Audio2MotionError

CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"
ONNX_FILE = "model.onnx"  # made of the two by `audio2motion export`: with it, the CPU predicts without PyTorch
FORMAT = 3
CONFORMER_SMALL = "conformer-small"  # the encoder that is trained here: see `audio2motion.config.EncoderConfig`

MOONSHINE_TINY = "moonshine-tiny"  # the encoder of `checkpoints/moonshine`: see `audio2motion.config.FeatureConfig`


def embedded_checkpoint() -> Path:
    """The folder of the speech model that comes with the package; Audio2MotionError where it is missing.

    `checkpoints/audio2motion` of a source checkout, else the copy within the installed wheel.
    """
    root = Path(__file__).resolve().parent.parent
    places = (root / "checkpoints" / "audio2motion", root / "talkinghead" / "_checkpoints" / "audio2motion")
    for place in places:
        if (place / CONFIG_FILE).is_file():
            return place
    raise Audio2MotionError("the embedded speech model is missing: install the package again, or name a checkpoint")


def embedded_encoder() -> Path:
    """The file of the speech encoder that comes with the package; Audio2MotionError where it is missing."""
    path = embedded_checkpoint().parent / "moonshine" / "encoder.onnx"
    if not path.is_file():
        raise Audio2MotionError("the embedded speech encoder is missing: install the package again")
    return path
