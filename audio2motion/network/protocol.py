"""What a stream asks of a network, whichever library computes it."""

from __future__ import annotations

from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from audio2motion.config import ModelConfig

Floats = npt.NDArray[np.float32]
State = TypeVar("State")


class Steps(NamedTuple):
    """T steps of 20 ms, float32: `motion` (T, channels), `visemes` (T, 20) logits, `voice_activity` (T,) log-odds."""

    motion: Floats
    visemes: Floats
    voice_activity: Floats


class Network(Protocol[State]):
    """Sound (N,) float32 at 16 kHz to motion at 50 Hz, streaming.

    The state is a value: a call leaves the one that it was given as it was, so that one network serves any number of
    streams, also in different threads.
    """

    @property
    def config(self) -> ModelConfig:
        """What the checkpoint says about itself."""

    def start(self, low_latency: bool = False) -> State:
        """The streaming state before any sound; `low_latency`: with the short look-ahead."""

    def __call__(self, sound: Floats, state: State) -> tuple[Steps, State]:
        """The steps that `sound` completes, none or more, the first being time 0; and the state after it."""
