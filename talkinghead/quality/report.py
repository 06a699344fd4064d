"""What `--report` writes: how a clip was made, how long each part took, and what was measured on its frames.

The file is JSON, `"schema": 1`:

    schema, program        1; "talkinghead 0.1.0"
    renderer, frames       the renderer's name; number of frames
    fps                    "25" or "24000/1001"
    video_s, audio_s       durations in seconds; audio_s null where there is no sound
    seconds                seconds per stage, by name; "open" is what came before the drawing, "total" the drawing from
                           its beginning on; stages run side by side and may add up to more
    peak_memory_mb         of this process
    self_check             see `talkinghead.quality.selfcheck.SelfCheck`
    tracking               per "driver" and "source" that was tracked: frames, and lost, those without a face

A figure that could not be had is null, and `reasons` in `self_check` says why; NaN is never written.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from talkinghead.core.output import whole_file
from talkinghead.core.types import AnyFloats, Doubles, DrawnCrop, Pixels
from talkinghead.motion.motion import Motion
from talkinghead.quality.frame_meter import FrameMeter, Seen
from talkinghead.quality.selfcheck import SelfCheck, Series, driven_opening

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

SCHEMA = 1
# Frames that wait for their measurement, at most: a slow meter slows the drawing instead of filling the memory.
_WAITING = 4
# Sound this much below the recording's loud parts, or below this level at all, is silence.
_SILENCE_BELOW_LOUD_DB = 35.0
_SILENCE_DBFS = -60.0
# Lips may still close, or open ahead of the sound, this long after and before it.
_AFTER_SOUND_S, _BEFORE_SOUND_S = 0.2, 0.12


class Stages:
    """Seconds per stage of the work, by name, from any thread."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._lock = threading.Lock()

    @property
    def seconds(self) -> dict[str, float]:
        """A copy, in the order in which the stages first ended."""
        with self._lock:
            return dict(self._seconds)

    def add(self, name: str, seconds: float) -> None:
        """Add to the time of a stage."""
        with self._lock:
            self._seconds[name] = self._seconds.get(name, 0.0) + seconds

    @contextmanager
    def time(self, name: str) -> Iterator[None]:
        """The time spent in the context goes to stage `name`."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - begin)

    def each(self, name: str, items: Iterable[T]) -> Iterator[T]:
        """`items`, with the time spent in making them going to stage `name`."""
        waiting = iter(items)
        while True:
            begin = time.perf_counter()
            try:
                item = next(waiting)
            except StopIteration:
                return
            finally:
                self.add(name, time.perf_counter() - begin)
            yield item


@dataclass(frozen=True)
class Report:
    """A finished clip's figures; see the module's docstring for units."""

    renderer: str
    frames: int
    fps: Fraction
    audio_s: float | None
    seconds: dict[str, float]
    peak_memory_mb: float | None
    self_check: SelfCheck
    tracking: dict[str, dict[str, float]] = field(default_factory=dict)

    def as_json(self) -> str:
        """The report as JSON text."""
        from talkinghead import __version__

        content = {
            "schema": SCHEMA, "program": f"talkinghead {__version__}", "renderer": self.renderer,
            "frames": self.frames, "fps": str(self.fps), "video_s": float(self.frames / self.fps),
            "audio_s": self.audio_s, "seconds": self.seconds, "peak_memory_mb": self.peak_memory_mb,
            "self_check": asdict(self.self_check), "tracking": self.tracking,
        }  # fmt: skip
        return json.dumps(rounded(content), indent=2, allow_nan=False) + "\n"

    def save(self, path: str | Path, force: bool = False) -> Path:
        """Write the report to `path`, whole or not at all.

        Raises:
            OutputError: the file exists and `force` is not set, or it cannot be written.
        """
        with whole_file(path, force) as part:
            part.write_text(self.as_json(), encoding="utf-8")
        return Path(path)


class Observer:
    """Watches a clip being drawn: every chunk of motion, every frame. Measures in a thread of its own.

    `every`: measure each n-th frame only (jitter is then of those). Make one only where a report is asked for.
    A context manager.
    """

    def __init__(self, fps: Fraction, every: int = 1) -> None:
        self.fps, self.stages = Fraction(fps), Stages()
        self._every, self._frames, self._pasted = max(1, every), 0, False
        self._series, self._meter = Series(), FrameMeter()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="talkinghead-report")
        self._waiting: list[Future[Seen]] = []
        self._begin = time.perf_counter()

    def see_motion(self, chunk: Motion) -> None:
        """The next chunk of the motion that is drawn."""
        self._series.driven.extend(driven_opening(chunk).tolist())

    def see_frame(self, frame: DrawnCrop, pixels: Pixels) -> None:
        """The next frame as it was drawn, and the picture `pixels` it became."""
        number = self._frames
        self._frames += 1
        if number % self._every:
            return
        pasted = pixels.shape == frame.portrait.image.pixels.shape and pixels is not frame.pixels
        self._pasted = self._pasted or pasted
        while len(self._waiting) >= _WAITING:
            self._series.add(self._waiting.pop(0).result())
        # The renderer may draw the next frame into the same array.
        work = self._timed(self._meter.measure, frame.pixels.copy(), frame.portrait, pixels.copy() if pasted else None)
        self._waiting.append(self._pool.submit(work))

    def _timed(self, measure: Callable[..., Seen], *given: object) -> Callable[[], Seen]:
        def work() -> Seen:
            with self.stages.time("self-check"):
                return measure(*given)

        return work

    def report(
        self, renderer: str, *, audio_s: float | None = None, silent: npt.NDArray[np.bool_] | None = None
    ) -> Report:
        """The report; `silent` (T,) says which frames are silent (see `silent_frames`)."""
        for future in self._waiting:
            self._series.add(future.result())
        self._waiting.clear()
        if self._every > 1:
            self._series.driven = self._series.driven[:: self._every]
            silent = None if silent is None else silent[:: self._every]
        check = self._series.summary(float(self.fps) / self._every, silent, self._pasted)
        seconds = {**self.stages.seconds, "total": time.perf_counter() - self._begin}
        return Report(renderer, self._frames, self.fps, audio_s, seconds, peak_memory_mb(), check)

    def close(self) -> None:
        """End the measuring."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._meter.close()

    def __enter__(self) -> Observer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def silent_frames(blocks: Iterable[AnyFloats], rate_hz: int, fps: Fraction) -> npt.NDArray[np.bool_]:
    """(T,) which video frames are silent, from blocks of mono sound at `rate_hz`.

    Silent is what is 35 dB below the recording's loud parts, or nothing at all; not counted are the 200 ms after a
    sound and the 120 ms before one, in which lips may move.
    """
    step = max(1, rate_hz // 100)
    levels: list[Doubles] = []
    rest = np.zeros(0)
    samples = 0
    for block in blocks:
        samples += len(block)
        rest = np.concatenate([rest, np.asarray(block, np.float64)])
        whole = len(rest) // step * step
        levels.append(np.sqrt((rest[:whole].reshape(-1, step) ** 2).mean(1)))
        rest = rest[whole:]
    if len(rest):
        levels.append(np.sqrt((rest**2).mean(keepdims=True)))
    frames = max(1, round(samples * fps / rate_hz))
    level_db = 20 * np.log10(np.maximum(np.concatenate([np.zeros(0), *levels]), 1e-9))
    if not len(level_db):
        return np.ones(frames, bool)
    loud = level_db > max(float(np.percentile(level_db, 95)) - _SILENCE_BELOW_LOUD_DB, _SILENCE_DBFS)
    sounding = np.zeros(frames, bool)
    per_s = rate_hz / step
    begins, ends = _runs(loud)
    for begin, end in zip(begins / per_s, ends / per_s, strict=True):
        first = int(np.floor((begin - _BEFORE_SOUND_S) * float(fps)))
        sounding[max(0, first) : int(np.ceil((end + _AFTER_SOUND_S) * float(fps)))] = True
    return ~sounding


def _runs(flags: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(begins, ends) of the runs of true."""
    edges = np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


def peak_memory_mb() -> float | None:
    """The most memory this process ever held, in megabytes; None where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3 / 1.024)


def rounded(value: object) -> object:
    """Numbers with as many digits as mean something; what is not finite becomes None."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.5g}") if np.isfinite(value) else None
    return value
