"""The network as ONNX Runtime computes it, from a checkpoint's `model.onnx`: on the CPU, without PyTorch."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from audio2motion.checkpoint import CONFIG_FILE, ONNX_FILE, WEIGHTS_FILE
from audio2motion.config import SAMPLE_RATE_HZ, ModelConfig, read_values
from audio2motion.errors import Audio2MotionError
from audio2motion.network.layout import AHEAD, KERNEL, STRIDES, VOICE_DILATIONS, VOICE_KERNEL, VOICE_SIZE, channels
from audio2motion.network.log_mel import LogMelState, LogMelStream
from audio2motion.network.protocol import Floats, Steps
from audio2motion.phones import VISEMES
from audio2motion.runtime import cpu_session

if TYPE_CHECKING:
    import onnxruntime

# The file's inputs and outputs beside the states, and what its metadata says.
FRAMES, LOW_LATENCY, OUTPUTS = "frames", "low_latency", ("motion", "visemes", "voice_activity")
FINGERPRINT, USUAL_COLOUR = "audio2motion.checkpoint_sha256", "audio2motion.usual_colour"
_GRAPH_VERSION = 1  # of the inputs, outputs and states
_PIECE = SAMPLE_RATE_HZ  # longer sound goes through in pieces: attention's cost grows with their square
_log = logging.getLogger("audio2motion")


def fingerprint(folder: Path) -> str:
    """What a `model.onnx` in the checkpoint folder must have been made of: sha256 of its config's values and weights.

    Raises Audio2MotionError where one of the two is missing.
    """
    values, path = read_values(folder / CONFIG_FILE), folder / WEIGHTS_FILE
    head = json.dumps({"graph": _GRAPH_VERSION, "config": values}, sort_keys=True)
    try:
        return hashlib.sha256(head.encode() + path.read_bytes()).hexdigest()
    except OSError as error:
        raise Audio2MotionError(f"{path} is missing: {folder} is not a whole audio2motion checkpoint") from error


def start_state(config: ModelConfig) -> dict[str, Floats]:
    """The states before any sound, by name; those named front and waiting have other numbers of rows later."""
    encoder, states = config.encoder, dict[str, Floats]()

    def add(name: str, *shape: int, value: float = 0.0) -> None:
        states[name] = np.full(shape, value, np.float32)

    for i, size in enumerate((encoder.mel_bands, *[encoder.hidden_size] * (len(STRIDES) - 1))):
        add(f"front.{i}", KERNEL // 2, size)
    for i, dilation in enumerate(VOICE_DILATIONS):
        add(f"voice_activity.{i}", (VOICE_KERNEL - 1) * dilation, VOICE_SIZE)
    for stack, width, layers, size in (
        ("encoder", encoder.window, encoder.layers, encoder.hidden_size),
        ("motion", config.window, config.layers, config.hidden_size),
    ):
        add(f"{stack}.unheard", width - 1, value=-np.inf)
        for i in range(layers):
            add(f"{stack}.{i}.keys", width - 1, size)
            add(f"{stack}.{i}.values", width - 1, size)
            if stack == "encoder":
                add(f"{stack}.{i}.convolution", encoder.conv_kernel - 1, size)
    add("waiting.steps", 0, encoder.hidden_size)
    add("waiting.voice_activity", 0)
    return states


def _metadata(session: onnxruntime.InferenceSession) -> dict[str, str]:
    found: dict[str, str] = session.get_modelmeta().custom_metadata_map
    return found


def _usual_colour(session: onnxruntime.InferenceSession, bands: int) -> Floats | None:
    usual = json.loads(_metadata(session)[USUAL_COLOUR])
    return None if usual is None else np.array(usual, np.float32).reshape(bands)


class OnnxState(NamedTuple):
    """Streaming state: of the log-mel features; `frames` (n, bands) that wait until a step can be told; how many
    frames the graph has `heard`; and the graph's own states by name."""

    features: LogMelState
    frames: Floats
    heard: int
    graph: dict[str, Floats]

    @property
    def low_latency(self) -> bool:
        """Whether it was started with the short look-ahead."""
        return self.features.low_latency


class OnnxNetwork:
    """`Network` on a `model.onnx`; it may be called from several threads and starts none."""

    def __init__(self, session: onnxruntime.InferenceSession, config: ModelConfig) -> None:
        self._session, self._config = session, config
        self._features = LogMelStream(config.encoder, _usual_colour(session, config.encoder.mel_bands))
        self._states = start_state(config)

    @classmethod
    def beside(cls, folder: Path) -> OnnxNetwork | None:
        """The `model.onnx` of a checkpoint folder; None where there is none that was made of its weights and config.

        Raises Audio2MotionError where the file or the config beside it is damaged.
        """
        path = folder / ONNX_FILE
        if not path.is_file():
            return None
        config = ModelConfig.read(folder / CONFIG_FILE)
        session = cpu_session(path)
        try:
            made_of = _metadata(session).get(FINGERPRINT)
            network = cls(session, config) if made_of == fingerprint(folder) else None
        except (ValueError, KeyError, TypeError, RecursionError):  # of what the file says of itself
            raise Audio2MotionError(f"{path} is damaged: delete it, or write it again: audio2motion export") from None
        if network is None:
            _log.warning(
                "%s was made of other weights or another config, so PyTorch predicts: run audio2motion export %s",
                path,
                folder,
            )
        return network

    @property
    def config(self) -> ModelConfig:
        """What the checkpoint says about itself."""
        return self._config

    def start(self, low_latency: bool = False) -> OnnxState:
        """The streaming state before any sound."""
        features = self._features.start(low_latency)
        return OnnxState(features, np.zeros((0, self._config.encoder.mel_bands), np.float32), 0, self._states)

    def __call__(self, sound: Floats, state: OnnxState) -> tuple[Steps, OnnxState]:
        """The steps that `sound` (N,) completes, and the state after it."""
        parts = []
        for at in range(0, len(sound), _PIECE):
            steps, state = self._hear(sound[at : at + _PIECE], state)
            if steps is not None:
                parts.append(steps)
        if len(parts) == 1:
            return parts[0], state
        if parts:
            return Steps(*(np.concatenate(column) for column in zip(*parts))), state
        sizes = (0, channels(self._config)), (0, len(VISEMES)), (0,)
        return Steps(*(np.zeros(size, np.float32) for size in sizes)), state

    def _hear(self, sound: Floats, state: OnnxState) -> tuple[Steps | None, OnnxState]:
        new, features = self._features.push(sound, state.features)
        frames, heard = np.concatenate([state.frames, new]), state.heard + len(state.frames) + len(new)
        if self._told(heard, state.low_latency) <= self._told(state.heard, state.low_latency):
            return None, OnnxState(features, frames, state.heard, state.graph)
        given = {FRAMES: frames, LOW_LATENCY: np.array(state.low_latency), **state.graph}
        motion, visemes, voice_activity, *states = self._session.run(None, given)
        after = dict(zip(state.graph, states, strict=True))
        return Steps(motion, visemes, voice_activity), OnnxState(features, frames[:0], heard, after)

    def _told(self, frames: int, low_latency: bool) -> int:
        """Steps of motion that so many log-mel frames tell."""
        ahead = self._config.low_latency_look_ahead if low_latency else self._config.look_ahead
        return max(0, (frames - AHEAD + 1) // 2 - ahead)
