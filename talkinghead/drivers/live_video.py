"""A camera's pictures as a driver: one in, one frame of motion out, while the driver's neutral face is still learnt."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from talkinghead.core.types import Pixels, TrackReport
from talkinghead.drivers.tracking.live_stream import LiveMotionStream
from talkinghead.faces import FaceTracker, canonical_mesh
from talkinghead.motion.blendshapes import N_BLENDSHAPES
from talkinghead.motion.motion import Motion


class LiveVideoDriver:
    """Pictures (H, W, 3) RGB pushed one by one to one frame of motion each, at rest where nothing is known yet.

    `face`: which of several, counted from 1 by size. `set_neutral` takes the face of this moment as the driver's rest.
    """

    single = False

    def __init__(self, fps: Fraction, *, face: int | None = None) -> None:
        self.fps = Fraction(fps)
        self._tracker, self._stream = FaceTracker(index=face), LiveMotionStream(self.fps, canonical_mesh())
        self._report = TrackReport()

    @property
    def report(self) -> TrackReport | None:
        return self._report

    def push(self, chunk: Pixels) -> Motion:
        found = self._tracker.track(chunk)
        self._report.frames += 1
        self._report.lost += found is None
        return self._stream.push(None if found is None else found.landmarks) or self.rest()

    def rest(self) -> Motion:
        """One frame of a face at rest."""
        return Motion.from_blendshapes(np.zeros((1, N_BLENDSHAPES)), self.fps)

    def set_neutral(self) -> bool:
        """Take the last faces as the neutral one; False where none has been seen."""
        return self._stream.set_neutral()

    def finish(self) -> Motion | None:
        return None

    def close(self) -> None:
        self._tracker.close()
