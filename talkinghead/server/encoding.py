"""What encoding a frame takes of one core, by kind of stream: measured on frames that were drawn."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import cycle

import numpy as np

from talkinghead.core.types import Frame
from talkinghead.media.fitting import scaled
from talkinghead.provenance.making import Making
from talkinghead.realtime.sounds import Sound
from talkinghead.server.fmp4 import Mp4Stream
from talkinghead.server.jpegs import JpegStream

KINDS = ("jpeg", "fmp4", "call")
_RATE_HZ, _FPS = 48_000, 25
_SILENCE = np.zeros(_RATE_HZ // _FPS, np.float32)
_TRIALS = 2  # the cheaper counts: something else may end, or run, beside the other
_FEW, _MANY = 2, 22  # frames; the difference leaves out what beginning a stream takes
Run = Callable[[Sequence[Frame]], None]


@dataclass(frozen=True)
class EncodingCost:
    """Seconds of one core for a frame: `fixed_s`, and `pixel_s` for each of its pixels."""

    fixed_s: float = 0.0
    pixel_s: float = 0.0

    def frame_s(self, size_px: tuple[int, int]) -> float:
        """For a frame of (width, height)."""
        return self.fixed_s + self.pixel_s * size_px[0] * size_px[1]


def cost_of(small: tuple[tuple[int, int], float], large: tuple[tuple[int, int], float]) -> EncodingCost:
    """The cost of which these are two: each a size (width, height) and the seconds of a frame; never negative."""
    (few_px, few_s), (many_px, many_s) = ((width * height, cost_s) for (width, height), cost_s in (small, large))
    pixel_s = max(0.0, (many_s - few_s) / (many_px - few_px))
    return EncodingCost(max(0.0, few_s - pixel_s * few_px), pixel_s)


def measure_encoding(
    frames: Sequence[Frame], sizes_px: Sequence[tuple[int, int]], proceed: Callable[[], bool] = lambda: True
) -> dict[str, EncodingCost]:
    """The cost of each kind, from what `frames` take at the two sizes, the smaller one first.

    A kind whose packages are not installed is left out, as are all that come after `proceed` has said no.
    """
    drawn = [replace(frame, number=number, time_s=number / _FPS)
             for number, frame in zip(range(_MANY), cycle(frames))]  # fmt: skip
    found: dict[str, EncodingCost] = {}
    for kind in KINDS:
        runs = [_run_of(kind, size_px) for size_px in sizes_px]
        if None in runs or not proceed():
            continue
        small, large = (
            (size_px, _frame_s(run, drawn)) for size_px, run in zip(sizes_px, runs, strict=True) if run is not None
        )
        found[kind] = cost_of(small, large)
    return found


def _frame_s(run: Run, frames: Sequence[Frame]) -> float:
    costs_s: dict[int, float] = {}
    for _ in range(_TRIALS):
        for count in (_FEW, _MANY):
            begin_s = _cpu_s()
            run(frames[:count])
            costs_s[count] = min(costs_s.get(count, float("inf")), _cpu_s() - begin_s)
    return max(0.0, costs_s[_MANY] - costs_s[_FEW]) / (_MANY - _FEW)


def _cpu_s() -> float:
    """Seconds of processors that this process and its ended children took (on Windows, this process alone)."""
    own_s = time.process_time()
    if sys.platform == "win32":
        return own_s
    import resource

    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own_s + children.ru_utime + children.ru_stime


def _run_of(kind: str, size_px: tuple[int, int]) -> Run | None:
    if kind == "call":
        return _call(size_px)

    def run(frames: Sequence[Frame]) -> None:
        making = Making()
        if kind == "jpeg":
            stream: JpegStream | Mp4Stream = JpegStream(size_px, _RATE_HZ, lambda message: None, making)
        else:
            stream = Mp4Stream(size_px, Fraction(_FPS), _RATE_HZ, lambda message: None, making)
        try:
            for frame in frames:
                stream.show([frame], [Sound(_SILENCE)])
            stream.finish()
        finally:
            stream.close()

    return run


def _call(size_px: tuple[int, int]) -> Run | None:
    """VP8 and Opus, which browsers choose."""
    try:
        from aiortc.codecs.opus import OpusEncoder
        from aiortc.codecs.vpx import Vp8Encoder
        from av import AudioFrame, VideoFrame
    except ImportError:
        return None

    def run(frames: Sequence[Frame]) -> None:
        pictures, sounds = Vp8Encoder(), OpusEncoder()
        for number, frame in enumerate(frames):
            picture = VideoFrame.from_ndarray(scaled(frame.pixels, size_px), format="rgb24")
            picture.pts, picture.time_base = number * 90_000 // _FPS, Fraction(1, 90_000)
            pictures.encode(picture, number == 0)
            for at in (0, len(_SILENCE) // 2):
                sound = AudioFrame.from_ndarray(np.zeros((1, len(_SILENCE) // 2), np.int16), "s16", "mono")
                sound.sample_rate, sound.time_base = _RATE_HZ, Fraction(1, _RATE_HZ)
                sound.pts = number * len(_SILENCE) + at
                sounds.encode(sound)

    return run
