"""The stream: sound in as it comes, motion out at the frame rate that is asked for."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from audio2motion.behaviour import Behaviour, BehaviourFrames
from audio2motion.config import MOTION_RATE_HZ, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME, ModelConfig
from audio2motion.errors import Audio2MotionError
from audio2motion.network.ends import ENDING, WARM_UP, mirrored
from audio2motion.network.layout import block_samples, look_ahead_s, samples_for
from audio2motion.network.lip_postprocessor import REACH, LipPostprocessor
from audio2motion.network.protocol import Floats, Network
from audio2motion.prediction import Columns, Prediction, Track


def checked_sound(samples: npt.ArrayLike) -> Floats:
    """Sound as (N,) float32; Audio2MotionError for more than one channel or values that are no finite numbers."""
    try:
        sound = np.asarray(samples, np.float32)
    except (TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise Audio2MotionError(f"sound must be numbers on the CPU, (N,), at 16 kHz: {reason}") from error
    if sound.ndim != 1:
        raise Audio2MotionError(f"sound has shape {sound.shape}: give one channel, (N,), at 16 kHz")
    if not np.isfinite(sound).all():
        raise Audio2MotionError("sound holds values that are not finite: check the recording")
    return sound


def behaviour_for(config: ModelConfig, seed: int, low_latency: bool) -> Behaviour:
    """A new behaviour that hears about as far ahead as the model, and no further."""
    steps = int(look_ahead_s(config, low_latency) * MOTION_RATE_HZ)
    return Behaviour(seed, max(steps, 2) / MOTION_RATE_HZ)


class PredictionStream:
    """Push sound, get motion. Memory does not grow: what is kept is what the model and two frames still need.

    Streams of one network may run in different threads; one stream belongs to one thread at a time.
    """

    def __init__(self, network: Network[Any], fps: Fraction, seed: int, low_latency: bool) -> None:
        if fps <= 0:
            raise Audio2MotionError(f"the frame rate must be positive, not {fps}")
        self._network, self._fps = network, fps
        self._config, self._low_latency = network.config, low_latency
        self._state = network.start(low_latency)
        self._behaviour = behaviour_for(network.config, seed, low_latency)
        # Blocks lie at fixed places, so that the result is the same to the last bit however the sound is pushed.
        self._next_block, self._block = block_samples(network.config, low_latency)
        self._waiting = self._last = np.zeros(0, np.float32)
        self._heard = self._given = 0  # samples pushed, frames out
        self._warm_up = self._before = 0 if low_latency else WARM_UP
        self._lips = Track(-self._warm_up // SAMPLES_PER_FRAME)
        self._life = Track()
        self._finished = False
        self._columns = Columns(network.config)
        self._postprocessor = LipPostprocessor(network.config, low_latency)

    def push(self, samples: npt.ArrayLike) -> Prediction | None:
        """Hear `samples` (N,) at 16 kHz, any N; returns the frames that they complete, or None."""
        if self._finished:
            raise Audio2MotionError("this stream is finished: start a new one")
        block = checked_sound(samples)
        self._heard += len(block)
        self._waiting = np.concatenate([self._waiting, block])
        if len(self._waiting) < self._next_block:
            return None
        at = 0
        while len(self._waiting) - at >= self._next_block:
            self._hear(self._waiting[at : at + self._next_block])
            at, self._next_block = at + self._next_block, self._block
        self._waiting = self._waiting[at:].copy()
        # Only frames that will count however the sound goes on.
        return self._frames(min(self._total(), self._given + self._ready()))

    def finish(self) -> Prediction | None:
        """The sound is over; returns the frames that are left. Once finished, None."""
        if self._finished:
            return None
        self._finished = True
        total = max(1, self._total())
        self._hear(self._waiting)
        if self._warm_up:  # not a sample was heard
            self._begin(self._waiting)
        steps = math.ceil(total * MOTION_RATE_HZ / self._fps) + self._before // SAMPLES_PER_FRAME + REACH + 3
        known = self._before + self._heard
        # What would have followed is not known, but silence it is not: a recording may end within a word.
        self._hear_lips(mirrored(self._last, max(0, samples_for(self._config, steps, self._low_latency) - known)))
        self._add_behaviour(self._behaviour.finish())
        return self._frames(total)

    def _total(self) -> int:
        return round(self._heard * self._fps / SAMPLE_RATE_HZ)

    def _hear(self, sound: Floats) -> None:
        if len(sound):
            if self._warm_up:
                self._begin(sound)
            self._last = np.concatenate([self._last, sound])[-ENDING:]
            self._hear_lips(sound)
            self._add_behaviour(self._behaviour.push(sound))

    def _begin(self, sound: Floats) -> None:
        """Warm-up: what was before the first sound is not known either, so the model hears it backwards first."""
        self._hear_lips(mirrored(sound[: self._warm_up][::-1], self._warm_up)[::-1])
        self._warm_up = 0

    def _hear_lips(self, sound: Floats) -> None:
        steps, self._state = self._network(sound, self._state)
        self._lips.add(self._postprocessor.push(steps))

    def _add_behaviour(self, frames: BehaviourFrames | None) -> None:
        if frames is not None:
            parts = (frames.blendshapes, frames.rotation, frames.translation)
            self._life.add(np.concatenate(parts, 1))

    def _ready(self) -> int:
        """Frames after those given that both tracks cover."""
        known = min(self._lips.end, self._life.end) - 1
        return max(0, int(known * self._fps / MOTION_RATE_HZ) + 1 - self._given) if known >= 0 else 0

    def _frames(self, until: int) -> Prediction | None:
        if until <= self._given:
            return None
        step = MOTION_RATE_HZ / self._fps
        at = [step * i for i in range(self._given, until)]
        low = np.array([int(x) for x in at])
        part = np.array([float(x - int(x)) for x in at], np.float32)[:, None]
        lips, life = self._lips.read(low, part), self._life.read(low, part)
        self._given = until
        keep = int(step * until)
        self._lips.forget(keep)
        self._life.forget(keep)
        return self._columns.prediction(lips, life)
