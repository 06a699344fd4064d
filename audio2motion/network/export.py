"""A checkpoint's `model.onnx`: written, held against PyTorch step for step, and kept only where both agree."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from audio2motion.checkpoint import ONNX_FILE
from audio2motion.config import SAMPLE_RATE_HZ
from audio2motion.errors import Audio2MotionError
from audio2motion.network.model import SpeechMotionModel, load_model
from audio2motion.network.onnx_network import FINGERPRINT, USUAL_COLOUR, OnnxNetwork, fingerprint
from audio2motion.network.protocol import Floats, Network
from audio2motion.network.torch_network import TorchNetwork
from audio2motion.runtime import cpu_session

TOLERANCE = 1e-4  # of motion (blendshapes, or keypoint deltas), viseme logits and log-odds of speech
_CHECKED_S = 12
_LONGEST_PIECE = 20_000  # samples


def export_onnx(folder: Path, path: Path | None = None) -> float:
    """Write the checkpoint in `folder` as an ONNX file (by default its own model.onnx), if that predicts the same.

    The same checkpoint gives the same bytes. Returns the largest difference from PyTorch over both latencies.

    Raises Audio2MotionError where onnx is not installed, the checkpoint is damaged or has a pretrained encoder, the
    file cannot be written, or its steps differ from PyTorch's by more than `TOLERANCE`; then nothing is left.
    """
    if importlib.util.find_spec("onnx") is None:
        raise Audio2MotionError("the export needs onnx: pip install 'talkinghead[onnx]'")
    model, out = load_model(folder), path or folder / ONNX_FILE
    if model.config.encoder.pretrained:
        raise Audio2MotionError(
            f"{folder} has a pretrained encoder ({model.config.encoder.name}), which stays with PyTorch: "
            "only checkpoints of the small one are exported"
        )
    written = onnx_bytes(model, fingerprint(folder))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=out.parent, prefix=".export-") as beside:
            part = Path(beside) / out.name
            part.write_bytes(written)
            difference = largest_difference(TorchNetwork(model), OnnxNetwork(cpu_session(part), model.config))
            if not difference <= TOLERANCE:
                raise Audio2MotionError(
                    f"{out.name} differs from PyTorch by {difference:.1e}, so it is not kept: please report this"
                )
            part.replace(out)
    except OSError as error:
        raise Audio2MotionError(f"{out} cannot be written: {error.strerror or error}") from error
    return difference


def onnx_bytes(model: SpeechMotionModel, made_of: str) -> bytes:
    """The file for a model of the small encoder; `made_of`: the fingerprint of its checkpoint."""
    from audio2motion.network.graph_model import onnx_model

    weights = {name: value.detach().cpu().numpy() for name, value in model.state_dict().items()}
    usual = weights.pop("encoder.features.usual", None)
    colour = None if usual is None else [float(value) for value in usual]
    return onnx_model(model.config, weights, {FINGERPRINT: made_of, USUAL_COLOUR: json.dumps(colour)})


def largest_difference(one: Network[Any], other: Network[Any], seed: int = 0) -> float:
    """The largest difference of two networks' steps, over both latencies and pieces of sound of random lengths."""
    draw = np.random.default_rng(seed)
    return max(_difference(one, other, _sound(draw), draw, low_latency) for low_latency in (False, True))


def _difference(
    one: Network[Any], other: Network[Any], sound: Floats, draw: np.random.Generator, low_latency: bool
) -> float:
    states: tuple[Any, Any] = one.start(low_latency), other.start(low_latency)
    worst, at = 0.0, 0
    while at < len(sound):
        piece = sound[at : at + int(draw.integers(1, _LONGEST_PIECE))]
        at += len(piece)
        (a, first), (b, second) = one(piece, states[0]), other(piece, states[1])
        states = first, second
        if len(a.motion) != len(b.motion):
            return float("inf")
        worst = max([worst, *(float(np.abs(x - y).max()) for x, y in zip(a, b) if len(x))])
    return worst


def _sound(draw: np.random.Generator) -> Floats:
    """Noise that swells and fades, over a tone that glides, and a second of silence."""
    time_s = np.arange(_CHECKED_S * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    noise = draw.standard_normal(len(time_s)) * np.sin(2 * time_s) ** 2
    tone = np.sin(2 * np.pi * (120 + 40 * np.sin(time_s)) * time_s) * np.sin(7 * time_s) ** 2
    return np.asarray((0.1 * noise + 0.2 * tone) * (np.abs(time_s - _CHECKED_S / 2) > 0.5), np.float32)
