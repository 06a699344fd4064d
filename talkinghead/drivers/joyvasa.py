"""Speech as a driver through JoyVASA's published generator: motion learnt from real talking heads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np

from talkinghead.core.errors import InputError
from talkinghead.core.types import Floats
from talkinghead.models.joyvasa.config import FPS, LEAD_FRAMES, N_EXPRESSION, SAMPLE_RATE_HZ
from talkinghead.models.joyvasa.generator import GUIDANCE, Stream
from talkinghead.models.joyvasa.smoothing import Smoothing, smoother
from talkinghead.models.joyvasa.weights import Models
from talkinghead.motion.blendshapes import N_KEYPOINTS
from talkinghead.motion.motion import Motion, Rest

# These keypoints take the predicted expression as it is; all others add what moved since the first frame.
LIP_KEYPOINTS = (6, 12, 14, 17, 19, 20)

_EXPRESSION, _SCALE, _TRANSLATION, _ROTATION = (
    slice(0, N_EXPRESSION), N_EXPRESSION, slice(N_EXPRESSION + 1, N_EXPRESSION + 4), slice(N_EXPRESSION + 4, None),
)  # fmt: skip


class JoyVasaSource:
    """A MotionSource over blocks of mono float32 sound at 16 kHz.

    Motion comes in windows of four seconds, view "expression", relative to its first frame but for the lips. The
    generator puts two frames of silence before the sound; they are dropped here, so that motion and sound begin
    together (as they did in training; the published script leaves them in, which delays the lips by 80 ms).

    - `models`: from `talkinghead.models.joyvasa.weights.load_models`;
    - `fps`: of the motion; the generator's own 25 are interpolated to it;
    - `seed`: of the diffusion's noise;
    - `duration_s`: length of the sound where it is known, for `frames`;
    - `guidance`: strength of classifier-free guidance: 0 ignores the sound, 1 is the plain prediction;
    - `smoothing`: of the head's pose, see `talkinghead.models.joyvasa.smoothing`.

    Raises:
        InputError: guidance beyond 0..10, or no such smoothing.
    """

    def __init__(
        self,
        audio_blocks: Iterable[Floats],
        models: Models,
        fps: Fraction,
        seed: int = 0,
        *,
        duration_s: float | None = None,
        guidance: float = GUIDANCE,
        smoothing: Smoothing = "gaussian",
    ) -> None:
        if not 0 <= guidance <= 10:
            raise InputError(f"the guidance must lie between 0 and 10, not {guidance:g}")
        smoother(smoothing, FPS)
        self._blocks, self._models, self._fps, self._seed = audio_blocks, models, Fraction(fps), seed
        self._guidance, self._smoothing = guidance, smoothing
        self._frames = None if duration_s is None else max(1, round(duration_s * self._fps))

    @property
    def fps(self) -> Fraction:
        return self._fps

    @property
    def frames(self) -> int | None:
        return self._frames

    def __iter__(self) -> Iterator[Motion]:
        stream = Stream(self._models.generator, seed=self._seed, guidance=self._guidance)
        track = _Track(self._models, self._fps, self._smoothing)
        samples = 0
        for block in self._blocks:
            samples += len(block)
            for window in stream.push(np.ascontiguousarray(block, np.float32)):
                yield from track.push(window)
        for window in stream.finish():
            yield from track.push(window)
        yield from track.finish(max(1, round(samples * self._fps / SAMPLE_RATE_HZ)))


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

    def push(self, window: Floats) -> Iterator[Motion]:
        """Normalised rows (T, 70) in, Motion out."""
        rows = self._units.apply(window)[self._lead :]
        self._lead = max(0, self._lead - len(window))
        self._add(rows[:, _EXPRESSION], self._smoother.push(rows[:, N_EXPRESSION:]))
        if self._rows is not None:
            # A frame between two rows needs both.
            last = self._first + len(self._rows) - 1
            yield from self._give(int(last * self._fps / FPS))

    def finish(self, total: int) -> Iterator[Motion]:
        """What is left, up to `total` frames; a row that is missing at the end is the last one."""
        self._add(self._unposed[:0], self._smoother.finish())
        yield from self._give(total)

    def _add(self, expression: Floats, pose: Floats) -> None:
        """Put expressions and the poses that come a little later together."""
        self._unposed = np.concatenate([self._unposed, expression])
        if not len(pose):
            return
        rows = np.concatenate([self._unposed[: len(pose)], pose], 1)
        self._unposed = self._unposed[len(pose) :]
        self._rows = rows if self._rows is None else np.concatenate([self._rows, rows])

    def _give(self, until: int) -> Iterator[Motion]:
        """Frames of motion up to number `until`, by linear interpolation of rows."""
        if until <= self._given or self._rows is None:
            return
        at = np.arange(self._given, until) * float(FPS / self._fps) - self._first
        at = np.clip(at, 0, len(self._rows) - 1)
        low = np.floor(at).astype(int)
        high, part = np.minimum(low + 1, len(self._rows) - 1), (at - low)[:, None].astype(np.float32)
        motion = self._motion(self._rows[low] * (1 - part) + self._rows[high] * part)
        self._given = until
        done = int(until * FPS / self._fps) - self._first
        keep = max(0, min(done, len(self._rows) - 1))
        self._rows, self._first = self._rows[keep:], self._first + keep
        yield motion

    def _motion(self, rows: Floats) -> Motion:
        expression = rows[:, _EXPRESSION].reshape(-1, N_KEYPOINTS, 3)
        scale, translation, rotation = rows[:, _SCALE], rows[:, _TRANSLATION], rows[:, _ROTATION]
        if self._rest is None:
            self._rest = Rest(expression=expression[0], rotation=rotation[0], translation=translation[0],
                              scale=float(scale[0]), replaced_keypoints=LIP_KEYPOINTS)  # fmt: skip
        return Motion.from_expression(
            expression, self._fps, rotation=rotation, translation=translation, scale=scale, rest=self._rest
        )
