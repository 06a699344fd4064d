"""What drawing a frame takes of one core: measured by letting a face speak for a moment."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from talkinghead.avatar import Avatar
from talkinghead.core.examples import SPEECH, example
from talkinghead.core.types import Floats, Frame

# How long is drawn to know what a frame costs, and where in the recording somebody speaks.
_TRIAL_S, _TRIALS, _BEGIN_S = 0.4, 3, 1.0


@dataclass(frozen=True)
class Drawn:
    """`frames` of (width, height), and the seconds of one core that one of them takes."""

    size_px: tuple[int, int]
    frame_s: float
    frames: list[Frame]


def measure_drawing(avatar: Avatar) -> Drawn:
    """Draw a little of the example recording, spoken.

    Others that draw meanwhile make it look dearer than it is: the cheapest of three trials counts.
    """
    samples, rate_hz = _speech()
    step = round(_TRIAL_S * rate_hz)
    drawn: list[Frame] = []
    costs_s = []
    with avatar.session(rate_hz=rate_hz, low_latency=True) as session:
        session.idle(_TRIAL_S)
        for trial in range(_TRIALS):
            begin_s = time.process_time()
            frames = session.push_audio(samples[trial * step : (trial + 1) * step])
            costs_s.append((time.process_time() - begin_s) / max(1, len(frames)))
            drawn += frames
        return Drawn(session.size_px, min(costs_s), drawn)


@lru_cache(maxsize=1)
def _speech() -> tuple[Floats, int]:
    import soundfile

    samples, rate_hz = soundfile.read(example(SPEECH), dtype="float32")
    begin = round(_BEGIN_S * rate_hz)
    return np.asarray(samples[begin : begin + round(_TRIALS * _TRIAL_S * rate_hz)], np.float32), rate_hz
