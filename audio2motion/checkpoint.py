"""What a checkpoint folder holds, where the embedded one lies, and how older ones are read. Imports no PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from audio2motion.errors import Audio2MotionError

CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"
ONNX_FILE = "model.onnx"  # made of the two by `audio2motion export`: with it, the CPU predicts without PyTorch
FORMAT = 3  # what this version writes
READABLE = (2, 3)
CONFORMER_SMALL = "conformer-small"  # the encoder that is trained here: see `audio2motion.config.EncoderConfig`

MOONSHINE_TINY = "moonshine-tiny"  # the encoder of `checkpoints/moonshine`: see `audio2motion.config.FeatureConfig`

# The names of format 2 and what they are called now. Everything else has kept its name.
MODEL_KEYS_OF_2 = {"quick_look_ahead": "low_latency_look_ahead", "sealed_above": "closure_above"}
ENCODERS_OF_2 = {"wav2vec2-bert": CONFORMER_SMALL}
WEIGHTS_OF_2 = {"encoder.presence.": "encoder.voice_activity."}  # beginnings of state-dict keys

_Value = TypeVar("_Value")


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


def format_of(config: Mapping[str, Any]) -> int:
    """The format that a config states; Audio2MotionError where this version does not read it."""
    found = config.get("format", FORMAT)
    if found not in READABLE:
        known = " and ".join(str(format) for format in READABLE)
        raise Audio2MotionError(f"this is a model of format {found}, this version reads {known}")
    return int(found)


def current_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config's values as the current format names them."""
    if format_of(config) == FORMAT:
        return dict(config)
    values = _renamed(config, MODEL_KEYS_OF_2)
    encoder = dict(values.get("encoder", {}))
    if "name" in encoder:
        encoder["name"] = ENCODERS_OF_2.get(encoder["name"], encoder["name"])
    return values | {"encoder": encoder, "format": FORMAT}


def current_weights(weights: Mapping[str, _Value], format: int) -> dict[str, _Value]:
    """Weights of a checkpoint of that format by the names of the current one."""
    if format == FORMAT:
        return dict(weights)
    names = {name: _with_beginning(name, WEIGHTS_OF_2) for name in weights}
    return _renamed(weights, {name: now for name, now in names.items() if name != now})


def _with_beginning(name: str, beginnings: Mapping[str, str]) -> str:
    for old, now in beginnings.items():
        if name.startswith(old):
            return now + name.removeprefix(old)
    return name


def _renamed(values: Mapping[str, _Value], names: Mapping[str, str]) -> dict[str, _Value]:
    """`values` by their present names; a present name in an old file is as unknown as any other."""
    odd = sorted(set(values) & set(names.values()))
    if odd:
        raise Audio2MotionError(f"a checkpoint of format 2 has an unknown key {odd[0]!r}: its format must be wrong")
    return {names.get(name, name): value for name, value in values.items()}
