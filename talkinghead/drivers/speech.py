"""Speech as a driver: sound in, motion out, as it comes."""

from __future__ import annotations

import logging
import threading
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from talkinghead.core.errors import CheckpointError
from talkinghead.core.types import Floats, TrackReport
from talkinghead.motion.blendshapes import BLENDSHAPE_NAMES
from talkinghead.motion.motion import Motion
from talkinghead.motion.protocols import Driver

if TYPE_CHECKING:
    from audio2motion import Prediction, Predictor

EMBEDDED = "embedded"
_log = logging.getLogger("talkinghead")
_loading = threading.Lock()


class SoundDriver(Driver[Floats], Protocol):
    """A driver that is pushed mono float32 sound at `rate_hz`, in pieces of any length."""

    @property
    def rate_hz(self) -> int: ...


def load_predictor(motion_model: str, device: str = "auto") -> Predictor:
    """The speech model: "embedded" or the folder of an audio2motion checkpoint, loaded once per process and device.

    A small encoder is on the CPU whatever `device` says: it is quicker there than on a GPU, and begins sooner. A
    pretrained one is where `device` says, and "auto" takes whatever there is.

    Raises:
        CheckpointError: it is missing, damaged, or of another kind.
        DeviceError: the device does not exist here.
    """
    with _loading:  # two threads that begin at once must not load it twice
        return _loaded(motion_model, device)


@lru_cache(maxsize=4)
def _loaded(motion_model: str, device: str) -> Predictor:
    from talkinghead.checkpoints import speech_model_folder

    path = speech_model_folder() if motion_model == EMBEDDED else Path(motion_model)
    if not (path / "config.json").is_file():
        raise CheckpointError(
            f"there is no motion model {path}: name auto, embedded, joyvasa, or an audio2motion folder"
        )
    from audio2motion import Audio2MotionError, ModelConfig, Predictor
    from talkinghead.core.device import resolve_device

    try:
        pretrained = ModelConfig.read(path / "config.json").encoder.pretrained
        place = str(resolve_device(device)) if pretrained else "cpu"
        _log.info("speech model: %s, on %s", path, place)
        predictor = Predictor.load(path, device=place)
    except Audio2MotionError as error:
        raise CheckpointError(str(error)) from error
    if not pretrained and device not in ("auto", "cpu"):
        resolve_device(device)  # refused where it is not there; last, as it imports PyTorch
    return predictor


class SpeechDriver:
    """Lips, head, gaze and blinks from sound, by a speech model.

    `rate_hz` is the model's. n samples give round(n * fps / rate_hz) frames in all, at least one. `low_latency` gives
    motion as soon as it can be known, at some cost in quality; `seed` is that of blinks, brows and head motion.

    Raises:
        CheckpointError: the model names other blendshapes than ARKit's.
    """

    single = False
    report: TrackReport | None = None

    def __init__(self, predictor: Predictor, fps: Fraction, *, seed: int = 0, low_latency: bool = False) -> None:
        if tuple(predictor.config.blendshape_names) != BLENDSHAPE_NAMES:
            raise CheckpointError("this speech model names other blendshapes than ARKit's 52 in their known order")
        self.fps, self.rate_hz = Fraction(fps), predictor.config.sample_rate_hz
        self._stream = predictor.stream(self.fps, seed=seed, low_latency=low_latency)

    def push(self, chunk: Floats) -> Motion | None:
        return self._motion(self._stream.push(np.ascontiguousarray(chunk, np.float32)))

    def finish(self) -> Motion | None:
        return self._motion(self._stream.finish())

    def close(self) -> None: ...

    def _motion(self, prediction: Prediction | None) -> Motion | None:
        return None if prediction is None else to_motion(prediction, self.fps)


def to_motion(prediction: Prediction, fps: Fraction) -> Motion:
    """A prediction's arrays as Motion, relative to the portrait's own rest."""
    pose: dict[str, Any] = {
        "rotation": prediction.rotation,
        "translation": prediction.translation,
        "scale": prediction.scale,
    }
    if prediction.expression is not None:
        return Motion.from_expression(prediction.expression, fps, **pose)
    return Motion.from_blendshapes(prediction.blendshapes, fps, **pose)
