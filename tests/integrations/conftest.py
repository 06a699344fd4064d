"""One small face for all agents, a second of speech, and what tells an open mouth from a closed one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from talkinghead.avatar import Avatar
from talkinghead.core.types import Pixels
from talkinghead.integrations.outlet import Samples

SPEECH_HZ = 16_000


@pytest.fixture(scope="session")
def avatar(examples: Path) -> Avatar:
    return Avatar(examples / "astronaut.png", motion_model="embedded", max_side=192)


@pytest.fixture(scope="session")
def speech(examples: Path) -> Samples:
    """From within a word on, so that its first and last samples are sound."""
    samples, rate_hz = soundfile.read(examples / "speech.wav", dtype="int16")
    assert rate_hz == SPEECH_HZ
    begin = int(np.flatnonzero(np.abs(samples) > 2000)[0])
    return np.asarray(samples[begin : begin + SPEECH_HZ])


def mouth_change(one: Pixels, other: Pixels) -> float:
    """How much two pictures (192, 192, 3) of the astronaut differ around the mouth, in grey levels."""
    return float(np.abs(one.astype(np.float32) - other)[56:80, 72:116].mean())


def without_silence(sound: Samples) -> Samples:
    """What lies between the zeros at both ends."""
    there = np.flatnonzero(sound)
    return sound[there[0] : there[-1] + 1] if len(there) else sound[:0]
