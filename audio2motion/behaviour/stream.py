"""The stream: samples in, frames of behaviour out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audio2motion.arkit import BLENDSHAPE_INDEX
from audio2motion.behaviour.blinks import Blinker
from audio2motion.behaviour.brows import Brow, Brows
from audio2motion.behaviour.curves import FRAME_RATE_HZ, FRAME_S
from audio2motion.behaviour.gaze import EYE_RANGE_DEG, Eyes, Gaze
from audio2motion.behaviour.head import Neck
from audio2motion.behaviour.voice import HALF_WINDOW, HOP, WINDOW_S, Listener, Voice
from audio2motion.errors import Audio2MotionError

Floats = npt.NDArray[np.float32]

BEHAVIOUR_BLENDSHAPES: tuple[str, ...] = (
    "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft", "eyeLookInRight",
    "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight", "eyeSquintLeft", "eyeSquintRight",
    "eyeWideLeft", "eyeWideRight", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft",
    "browOuterUpRight",
)  # fmt: skip
BEHAVIOUR_INDICES: tuple[int, ...] = tuple(BLENDSHAPE_INDEX[name] for name in BEHAVIOUR_BLENDSHAPES)


_ANTICIPATED = 5  # frames before it is heard at which an accent or a pause is answered


class BehaviourFrames(NamedTuple):
    """T frames at 50 Hz, float32 unless noted.

    `times_s` (T,) float64, frame k at k / 50 s; `blendshapes` (T, 19), 0..1, in the order of `BEHAVIOUR_BLENDSHAPES`;
    `rotation` (T, 3) pitch, yaw, roll in degrees: positive pitch lowers the nose, positive yaw turns it to the
    picture's left, positive roll leans the crown to the picture's right; `translation` (T, 3): x right, y down, z,
    where 1 is half the side of the face crop. All relative to the face at rest.
    """

    times_s: npt.NDArray[np.float64]
    blendshapes: Floats
    rotation: Floats
    translation: Floats

    @staticmethod
    def joined(parts: Sequence[BehaviourFrames]) -> BehaviourFrames:
        """Parts that follow each other as one."""
        return BehaviourFrames(*(np.concatenate(arrays) for arrays in zip(*parts)))


def _eye_weights(lids: tuple[float, float], gaze: Gaze, brow: Brow) -> list[float]:
    """The eyes' and brows' blendshapes in the order of `BEHAVIOUR_BLENDSHAPES`."""
    x, y = gaze.x_deg / EYE_RANGE_DEG, gaze.y_deg / EYE_RANGE_DEG
    # Eyes turn down and a little together as the lids close.
    closing = 0.5 * (lids[0] + lids[1])
    down, up = max(y, 0.0) + 0.1 * closing, max(-y, 0.0)
    left, right = max(-x, 0.0), max(x, 0.0)
    # Upper lids go with the gaze, down more than up.
    blink = [min(1.0, lid + (1.0 - lid) * 0.45 * max(y, 0.0)) for lid in lids]
    wide = [0.4 * up * (1.0 - lid) for lid in lids]
    squint = [min(1.0, brow.squint + 0.12 * lid) for lid in lids]
    # A left eye that looks to the picture's left looks in, a right eye out.
    return [*blink, down, down, left, right, right, left, up, up, *squint, *wide, *brow.down, brow.inner, *brow.outer]


class Behaviour:
    """A stream of blinks, gaze, brows and head motion for a stream of speech.

    `seed`: same seed and same sound, same behaviour. `look_ahead_s`: how much sound after a frame is heard before the
    frame is drawn, in steps of 20 ms, at least 20 ms: up to 0.12 s, accents are met the earlier the more there is;
    beyond that nothing changes. n samples give ceil(n / 320) + 1 frames, from the first sample's time to the last's.
    """

    def __init__(self, seed: int = 0, look_ahead_s: float = 0.12) -> None:
        if look_ahead_s < WINDOW_S:
            raise Audio2MotionError(f"look_ahead_s is {look_ahead_s}: it must be at least {WINDOW_S}")
        self._ahead = round((look_ahead_s - WINDOW_S) * FRAME_RATE_HZ)
        blinks, gaze, brows, head = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(4))
        self._listener = Listener()
        self._blinker, self._eyes, self._brows, self._neck = Blinker(blinks), Eyes(gaze), Brows(brows), Neck(head)
        self._pending = np.zeros(HALF_WINDOW, np.float32)  # the window of frame 0 begins before the sound
        self._samples = 0
        self._heard: list[Voice] = []  # what was heard beyond the frames drawn
        self._drawn = 0
        self._finished = False

    @property
    def look_ahead_s(self) -> float:
        """Seconds of sound after a frame that it depends on."""
        return self._ahead * FRAME_S + WINDOW_S

    def push(self, samples: npt.ArrayLike) -> BehaviourFrames | None:
        """The frames that further sound makes possible; `samples`: 1-D, mono, 16 kHz."""
        if self._finished:
            raise Audio2MotionError("this behaviour stream is finished: start a new one")
        block = np.asarray(samples, np.float32)
        if block.ndim != 1:
            raise Audio2MotionError(f"samples have shape {block.shape}: give one channel, (n,)")
        if not np.isfinite(block).all():
            raise Audio2MotionError("samples hold values that are not finite: check the recording")
        self._samples += len(block)
        return self._draw(block, None)

    def finish(self) -> BehaviourFrames | None:
        """The frames that are left, up to the end of the sound."""
        if self._finished:
            return None
        self._finished = True
        total = -(-self._samples // HOP) + 1
        missing = (total - self._drawn + self._ahead + 1) * HOP + HALF_WINDOW
        return self._draw(np.zeros(missing, np.float32), total)

    def _draw(self, block: Floats, total: int | None) -> BehaviourFrames | None:
        pending = np.concatenate([self._pending, block])
        rows: list[list[float]] = []
        start = 0
        while start + 2 * HALF_WINDOW <= len(pending) and (total is None or self._drawn < total):
            self._heard.append(self._listener.hear(pending[start : start + 2 * HALF_WINDOW]))
            start += HOP
            if len(self._heard) > self._ahead:
                rows.append(self._frame(self._heard.pop(0)))
        self._pending = pending[start:].copy()
        if not rows:
            return None
        table = np.array(rows, np.float32)
        n = len(BEHAVIOUR_BLENDSHAPES)
        times_s = np.arange(self._drawn - len(rows), self._drawn) / FRAME_RATE_HZ
        return BehaviourFrames(times_s, np.clip(table[:, :n], 0.0, 1.0), table[:, n : n + 3], table[:, n + 3 :])

    def _frame(self, now: Voice) -> list[float]:
        time_s = self._drawn * FRAME_S
        self._drawn += 1
        # Strokes start on what is about to be said, but no earlier than people do; melody is that of the moment.
        ahead = min(len(self._heard), _ANTICIPATED)
        voice = self._heard[ahead - 1]._replace(pitch_st=now.pitch_st) if ahead else now
        head = self._neck.step(time_s, voice)
        gaze = self._eyes.step(time_s, voice, head.rotation[1], head.rotation[0])
        lids = self._blinker.step(time_s, voice, gaze.shifted)
        weights = _eye_weights(lids, gaze, self._brows.step(time_s, voice))
        return [*weights, *head.rotation, *head.translation]
