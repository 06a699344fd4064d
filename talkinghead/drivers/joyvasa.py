"""Speech as a driver through JoyVASA's published generator: motion learnt from real talking heads."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np

from talkinghead.checkpoints import resolve
from talkinghead.core.device import resolve_device
from talkinghead.core.errors import InputError
from talkinghead.core.types import Floats, TrackReport
from talkinghead.models.joyvasa.config import FPS, LEAD_FRAMES, N_EXPRESSION, SAMPLE_RATE_HZ
from talkinghead.models.joyvasa.generator import GUIDANCE, Stream
from talkinghead.models.joyvasa.smoothing import Smoothing, smoother
from talkinghead.models.joyvasa.weights import Models, load_models
from talkinghead.motion.blendshapes import LIP_KEYPOINTS, N_KEYPOINTS
from talkinghead.motion.motion import Motion, Rest

MAX_GUIDANCE = 10

_EXPRESSION, _SCALE, _TRANSLATION, _ROTATION = (
    slice(0, N_EXPRESSION), N_EXPRESSION, slice(N_EXPRESSION + 1, N_EXPRESSION + 4), slice(N_EXPRESSION + 4, None),
)  # fmt: skip


_loading = threading.Lock()


def load_joyvasa(checkpoints: Path | None = None, device: str = "auto") -> Models:
    """JoyVASA's networks from a folder of weights (None: the default one), loaded once per process and device.

    Raises:
        CheckpointError: they are missing or damaged.
        DeviceError: the device does not exist here.
    """
    with _loading:  # two threads that begin at once must not load it twice
        return _loaded(checkpoints, device)


@lru_cache(maxsize=2)
def _loaded(checkpoints: Path | None, device: str) -> Models:
    return load_models(resolve("joyvasa", checkpoints).paths, device=resolve_device(device))


class JoyVasaDriver:
    """Mono float32 sound at 16 kHz to motion, in windows of four seconds.

    Motion's view is "expression", relative to its first frame but for the lips, which take the predicted expression as
    it is. The generator puts two frames of silence before the sound; they are dropped here, so that motion and sound
    begin together (as they did in training; the published script leaves them in, which delays the lips by 80 ms).

    Args:
        models: from `talkinghead.models.joyvasa.weights.load_models`.
        fps: of the motion; the generator's own 25 are interpolated to it.
        seed: of the diffusion's noise.
        guidance: strength of classifier-free guidance: 0 ignores the sound, 1 is the plain prediction.
        smoothing: of the head's pose, see `talkinghead.models.joyvasa.smoothing`.

    Raises:
        InputError: guidance beyond 0..10, or no such smoothing.
    """

    rate_hz = SAMPLE_RATE_HZ
    single = False
    report: TrackReport | None = None

    def __init__(
        self,
        models: Models,
        fps: Fraction,
        seed: int = 0,
        *,
        guidance: float = GUIDANCE,
        smoothing: Smoothing = "gaussian",
    ) -> None:
        if not 0 <= guidance <= MAX_GUIDANCE:
            raise InputError(f"the guidance must lie between 0 and {MAX_GUIDANCE}, not {guidance:g}")
        self.fps = Fraction(fps)
        self._track = _Track(models, self.fps, smoothing)
        self._stream: Stream | None = Stream(models.generator, seed=seed, guidance=guidance)
        self._samples = 0

    def push(self, samples: Floats) -> Motion | None:
        """The next samples (n,); the motion of the windows that they complete, None where they complete none.

        Raises:
            InputError: the driver has ended.
        """
        if self._stream is None:
            raise InputError("this driver has ended: make a new one for the next recording")
        self._samples += len(samples)
        windows = self._stream.push(np.ascontiguousarray(samples, np.float32))
        return _joined(self._track.push(window) for window in windows)

    def finish(self) -> Motion | None:
        """The motion that is left: in all, it lasts as long as the sound to within a frame, and at least one frame."""
        if self._stream is None:
            return None
        chunks = [self._track.push(window) for window in self._stream.finish()]
        total = max(1, round(self._samples * self.fps / SAMPLE_RATE_HZ))
        motion = _joined([*chunks, self._track.finish(total)])
        self.close()
        return motion

    def close(self) -> None:
        """Forget the sound and the motion before it."""
        self._stream = None


def _joined(chunks: Iterable[Motion | None]) -> Motion | None:
    there = [chunk for chunk in chunks if chunk is not None]
    return Motion.concatenate(there) if there else None


class _Track:
    """Normalised numbers at 25 frames a second to Motion at any rate."""

    def __init__(self, models: Models, fps: Fraction, smoothing: Smoothing) -> None:
        self._units, self._fps = models.units, fps
        self._smoother = smoother(smoothing, FPS)
        self._lead = LEAD_FRAMES
        self._unposed = np.zeros((0, N_EXPRESSION), np.float32)
        self._rows: Floats | None = None
        self._first = 0  # number of the first of `_rows`
        self._given = 0  # frames of motion given so far
        self._rest: Rest | None = None

    def push(self, window: Floats) -> Motion | None:
        """Normalised rows (T, 70) in; the motion between rows that are known."""
        rows = self._units.apply(window)[self._lead :]
        self._lead = max(0, self._lead - len(window))
        self._add(rows[:, _EXPRESSION], self._smoother.push(rows[:, N_EXPRESSION:]))
        if self._rows is None:
            return None
        # A frame between two rows needs both.
        last = self._first + len(self._rows) - 1
        return self._give(int(last * self._fps / FPS))

    def finish(self, total: int) -> Motion | None:
        """What is left, up to `total` frames; a row that is missing at the end is the last one."""
        self._add(self._unposed[:0], self._smoother.finish())
        return self._give(total)

    def _add(self, expression: Floats, pose: Floats) -> None:
        """Put expressions and the poses that come a little later together."""
        self._unposed = np.concatenate([self._unposed, expression])
        if not len(pose):
            return
        rows = np.concatenate([self._unposed[: len(pose)], pose], 1)
        self._unposed = self._unposed[len(pose) :]
        self._rows = rows if self._rows is None else np.concatenate([self._rows, rows])

    def _give(self, until: int) -> Motion | None:
        """Frames of motion up to number `until`, by linear interpolation of rows."""
        if until <= self._given or self._rows is None:
            return None
        at = np.arange(self._given, until) * float(FPS / self._fps) - self._first
        at = np.clip(at, 0, len(self._rows) - 1)
        low = np.floor(at).astype(int)
        high, part = np.minimum(low + 1, len(self._rows) - 1), (at - low)[:, None].astype(np.float32)
        motion = self._motion(self._rows[low] * (1 - part) + self._rows[high] * part)
        self._given = until
        done = int(until * FPS / self._fps) - self._first
        keep = max(0, min(done, len(self._rows) - 1))
        self._rows, self._first = self._rows[keep:], self._first + keep
        return motion

    def _motion(self, rows: Floats) -> Motion:
        expression = rows[:, _EXPRESSION].reshape(-1, N_KEYPOINTS, 3)
        scale, translation, rotation = rows[:, _SCALE], rows[:, _TRANSLATION], rows[:, _ROTATION]
        if self._rest is None:
            self._rest = Rest(expression=expression[0], rotation=rotation[0], translation=translation[0],
                              scale=float(scale[0]), replaced_keypoints=LIP_KEYPOINTS)  # fmt: skip
        return Motion.from_expression(
            expression, self._fps, rotation=rotation, translation=translation, scale=scale, rest=self._rest
        )
