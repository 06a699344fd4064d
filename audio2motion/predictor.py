"""Sound in, motion out, as it comes: the model's lips, the behaviour's blinks, brows, gaze and head.

predictor = Predictor.load()
stream = predictor.stream(fps=Fraction(25), seed=0)
for block in blocks:
    prediction = stream.push(block)     # Prediction or None
prediction = stream.finish()
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from audio2motion.arkit import BLENDSHAPE_INDEX
from audio2motion.behaviour import BEHAVIOUR_INDICES, Behaviour
from audio2motion.config import MOTION_RATE_HZ, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME, ModelConfig
from audio2motion.errors import Audio2MotionError
from audio2motion.network.lip_postprocessor import REACH, Seals
from audio2motion.network.model import CONFIG_FILE, SpeechMotionModel, load_model

_BLOCK = SAMPLE_RATE_HZ // 2  # without haste, half a second at a time is cheaper
_QUICK_BLOCK = 4 * SAMPLES_PER_FRAME  # after the first motion, 80 ms at a time: the work per call hardly grows
_WARM_UP = 10 * SAMPLES_PER_FRAME  # sound that is heard before the first, where there is time
_END = 15 * SAMPLES_PER_FRAME  # of the last sound, what is taken for the sound after it


class Prediction(NamedTuple):
    """T frames of motion on the CPU, float32, relative to a face at rest.

    `blendshapes` (T, 52) ARKit weights 0..1; `rotation` (T, 3) pitch, yaw, roll in degrees; `translation` (T, 3)
    x right, y down, z, where 1 is half the side of the face crop; `scale` (T,), 1 as it is; `expression` (T, 21, 3)
    keypoint deltas from a checkpoint that was trained on them, else None.
    """

    blendshapes: torch.Tensor
    rotation: torch.Tensor
    translation: torch.Tensor
    scale: torch.Tensor
    expression: torch.Tensor | None

    @property
    def frames(self) -> int:
        """T."""
        return len(self.blendshapes)

    @staticmethod
    def joined(parts: Sequence[Prediction]) -> Prediction:
        """Parts that follow each other as one."""
        expressions = [part.expression for part in parts if part.expression is not None]
        blendshapes, rotation, translation, scale = (torch.cat(column) for column in zip(*(part[:4] for part in parts)))
        return Prediction(blendshapes, rotation, translation, scale, torch.cat(expressions) if expressions else None)


def embedded_checkpoint() -> Path:
    """The folder of the checkpoint that comes with the package."""
    root = Path(__file__).resolve().parent.parent
    places = (root / "checkpoints" / "audio2motion", root / "talkinghead" / "_checkpoints" / "audio2motion")
    for place in places:
        if (place / CONFIG_FILE).is_file():
            return place
    raise Audio2MotionError("the embedded speech model is missing: install the package again, or name a checkpoint")


class Predictor:
    """A loaded checkpoint; any number of streams may run on it."""

    def __init__(self, model: SpeechMotionModel) -> None:
        self.model = model.eval()

    @classmethod
    def load(cls, path: Path | str | None = None, device: str | torch.device = "cpu") -> Predictor:
        """Read the checkpoint in folder `path` (None: the embedded one). Raises Audio2MotionError where it is bad."""
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
        return self.model.look_ahead_s(quick=True) + 1 / MOTION_RATE_HZ

    def stream(self, fps: Fraction, seed: int = 0, low_latency: bool = False) -> PredictionStream:
        """Start a stream at `fps` frames per second.

        `low_latency`: less look-ahead, and motion as soon as it can be known, at some cost in quality and work.
        """
        return PredictionStream(self, Fraction(fps), seed, low_latency)

    def predict(
        self, samples: torch.Tensor | npt.ArrayLike, fps: Fraction, seed: int = 0, low_latency: bool = False
    ) -> Prediction:
        """All motion for `samples` (N,) at 16 kHz: the stream, collected. T = max(1, round(N fps / 16000))."""
        stream = self.stream(fps, seed, low_latency)
        sound = _checked(samples)
        # Long recordings go through in pieces: memory must not grow with them beyond the result itself.
        pieces = [stream.push(piece) for piece in sound.split(10 * SAMPLE_RATE_HZ)] if len(sound) else []
        return Prediction.joined([part for part in (*pieces, stream.finish()) if part is not None])

    def behaviour(self, seed: int, low_latency: bool = False) -> Behaviour:
        """A new behaviour that hears about as far ahead as the model, and no further."""
        steps = int(self.model.look_ahead_s(low_latency) * MOTION_RATE_HZ)
        return Behaviour(seed, max(steps, 2) / MOTION_RATE_HZ)


def _checked(samples: torch.Tensor | npt.ArrayLike) -> torch.Tensor:
    if not isinstance(samples, torch.Tensor):
        samples = torch.from_numpy(np.ascontiguousarray(samples, np.float32))
    if samples.ndim != 1:
        raise Audio2MotionError(f"sound has shape {tuple(samples.shape)}: give one channel, (N,), at 16 kHz")
    samples = samples.detach().to("cpu", torch.float32)
    if not bool(torch.isfinite(samples).all()):
        raise Audio2MotionError("sound holds values that are not finite: check the recording")
    return samples


def _mirrored(sound: torch.Tensor, count: int) -> torch.Tensor:
    """`count` samples to follow `sound` (N,): it backwards, forwards, backwards, ...; silence after none."""
    if not len(sound):
        return torch.zeros(count)
    return torch.cat([sound.flip(0), sound]).repeat(count // (2 * len(sound)) + 1)[:count]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Run small matrices on this thread alone: handing them to others costs many times what they take."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class PredictionStream:
    """Push sound, get motion. Memory does not grow: what is kept is what the model and two frames still need."""

    def __init__(self, predictor: Predictor, fps: Fraction, seed: int, low_latency: bool) -> None:
        if fps <= 0:
            raise Audio2MotionError(f"the frame rate must be positive, not {fps}")
        self._model, self._fps = predictor.model, fps
        self._device = next(predictor.model.parameters()).device
        self._state = self._model.start(quick=low_latency)
        self._behaviour = predictor.behaviour(seed, low_latency)
        # Blocks lie at fixed places, so that the result is the same to the last bit however the sound is pushed.
        self._block = _QUICK_BLOCK if low_latency else _BLOCK
        self._next_block = round(predictor.model.look_ahead_s(quick=True) * SAMPLE_RATE_HZ) if low_latency else _BLOCK
        self._waiting = self._last = torch.zeros(0)
        self._heard = self._given = 0  # samples pushed, frames out
        self._warm_up = 0 if low_latency else _WARM_UP
        self._lips = _Track(-self._warm_up // SAMPLES_PER_FRAME)
        self._life = _Track()
        self._finished = False
        self._columns = _Columns(predictor.config)
        self._seals = Seals(predictor.config, quick=low_latency)

    def push(self, samples: torch.Tensor | npt.ArrayLike) -> Prediction | None:
        """Hear `samples` (N,) at 16 kHz, any N; the frames that they complete, or None."""
        if self._finished:
            raise Audio2MotionError("this stream is finished: start a new one")
        block = _checked(samples)
        self._heard += len(block)
        self._waiting = torch.cat([self._waiting, block])
        if len(self._waiting) < self._next_block:
            return None
        at = 0
        while len(self._waiting) - at >= self._next_block:
            self._hear(self._waiting[at : at + self._next_block])
            at, self._next_block = at + self._next_block, self._block
        self._waiting = self._waiting[at:].clone()
        # Only frames that will count however the sound goes on.
        return self._frames(min(self._total(), self._given + self._ready()))

    def finish(self) -> Prediction | None:
        """The frames that are left; the sound is over."""
        if self._finished:
            return None
        self._finished = True
        total = max(1, self._total())
        self._hear(self._waiting)
        if self._warm_up:  # not a sample was heard
            self._begin(self._waiting)
        past_end = max(0, math.ceil(total * SAMPLE_RATE_HZ / self._fps) - self._heard)
        ahead = round(self._model.look_ahead_s(self._state.quick) * SAMPLE_RATE_HZ)
        # What would have followed is not known, but silence it is not: a recording may end within a word.
        self._hear_lips(_mirrored(self._last, past_end + ahead + (REACH + 3) * SAMPLES_PER_FRAME))
        self._add_life(self._behaviour.finish())
        return self._frames(total)

    def _total(self) -> int:
        return round(self._heard * self._fps / SAMPLE_RATE_HZ)

    def _hear(self, sound: torch.Tensor) -> None:
        if len(sound):
            if self._warm_up:
                self._begin(sound)
            self._last = torch.cat([self._last, sound])[-_END:]
            self._hear_lips(sound)
            self._add_life(self._behaviour.push(sound.numpy()))

    def _begin(self, sound: torch.Tensor) -> None:
        """What was before the first sound is not known either: a listener that knows nothing yet hears it backwards."""
        self._hear_lips(_mirrored(sound[: self._warm_up].flip(0), self._warm_up).flip(0))
        self._warm_up = 0

    def _hear_lips(self, sound: torch.Tensor) -> None:
        with torch.inference_mode(), _one_thread():
            output, self._state = self._model(sound[None].to(self._device), self._state)
            self._lips.add(self._seals.push(*(part[0].float().cpu() for part in output)))

    def _add_life(self, frames: object) -> None:
        if frames is not None:
            parts = (frames.blendshapes, frames.rotation, frames.translation)  # type: ignore[attr-defined]
            self._life.add(torch.from_numpy(np.concatenate(parts, 1)))

    def _ready(self) -> int:
        """Frames after those given that both tracks cover."""
        known = min(self._lips.end, self._life.end) - 1
        return max(0, int(known * self._fps / MOTION_RATE_HZ) + 1 - self._given) if known >= 0 else 0

    def _frames(self, until: int) -> Prediction | None:
        if until <= self._given:
            return None
        step = MOTION_RATE_HZ / self._fps
        at = [step * i for i in range(self._given, until)]
        low = torch.tensor([int(x) for x in at])
        part = torch.tensor([float(x - int(x)) for x in at], dtype=torch.float32)[:, None]
        lips, life = self._lips.read(low, part), self._life.read(low, part)
        self._given = until
        keep = int(step * until)
        self._lips.forget(keep)
        self._life.forget(keep)
        return self._columns.prediction(lips, life)


class _Track:
    """Rows at 50 Hz; `first` is the index of the first one that is there."""

    def __init__(self, first: int = 0) -> None:
        self._rows: torch.Tensor | None = None
        self._first = first

    @property
    def end(self) -> int:
        return self._first + (0 if self._rows is None else len(self._rows))

    def add(self, rows: torch.Tensor) -> None:
        self._rows = rows if self._rows is None else torch.cat([self._rows, rows])

    def read(self, low: torch.Tensor, part: torch.Tensor) -> torch.Tensor:
        """Rows at `low` + `part`, linear; beyond the end the last row stays."""
        assert self._rows is not None
        last = len(self._rows) - 1
        before, after = (low - self._first).clamp(0, last), (low + 1 - self._first).clamp(0, last)
        return self._rows[before] * (1 - part) + self._rows[after] * part

    def forget(self, before: int) -> None:
        """Rows before index `before` are not read again."""
        if self._rows is not None:
            drop = min(max(0, before - self._first), max(0, len(self._rows) - 1))
            self._rows, self._first = self._rows[drop:].clone(), self._first + drop


class _Columns:
    """Where the model's channels go among the 52."""

    def __init__(self, config: ModelConfig) -> None:
        self._expression = config.output == "expression"
        self._index = [BLENDSHAPE_INDEX[name] for name in config.channels]
        self._count = len(config.blendshape_names)

    def prediction(self, lips: torch.Tensor, life: torch.Tensor) -> Prediction:
        n = len(BEHAVIOUR_INDICES)
        blendshapes = torch.zeros(len(lips), self._count)
        blendshapes[:, list(BEHAVIOUR_INDICES)] = life[:, :n]
        if not self._expression:
            blendshapes[:, self._index] = lips
        expression = lips.reshape(-1, 21, 3) if self._expression else None
        rotation, translation = life[:, n : n + 3].contiguous(), life[:, n + 3 : n + 6].contiguous()
        return Prediction(blendshapes, rotation, translation, torch.ones(len(lips)), expression)
