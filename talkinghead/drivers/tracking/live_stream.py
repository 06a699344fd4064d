"""A driver in real time: one mesh in, one frame of motion out, with a neutral face that is learnt on the way."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from talkinghead.core.types import Doubles, TrackReport
from talkinghead.drivers.tracking.recovery import Recovery
from talkinghead.drivers.tracking.stream import Calibration, Mesh, calibrate, filter_settings, rows_to_motion
from talkinghead.motion.filters import OneEuro
from talkinghead.motion.motion import Motion

# The portrait stays at rest until this many faces have been seen.
_FIRST = 8
# After the first, the neutral face is learnt anew this often, until so long after the start.
_AGAIN_S, _LEARNING_S = 1.0, 20.0
_KEPT = 240
# A new calibration takes over within this time, without a jump.
_TAKEOVER_S = 0.6
# Faces that the neutral key averages.
_PRESSED = 5


class LiveMotionStream:
    """Push one mesh (478, 3), or None, per frame; `set_neutral` takes the face of this moment as the driver's rest."""

    def __init__(self, fps: Fraction, canonical: Mesh) -> None:
        self.fps, self._canonical, self._rate_hz = Fraction(fps), canonical, float(fps)
        self.calibration: Calibration | None = None
        self._seen: list[Mesh] = []
        self._recent: list[Mesh] = []
        self._count = 0
        self._fixed = False
        self._filter = OneEuro(self._rate_hz, filter_settings(2.0))
        self._recovery: Recovery | None = None
        self._step: Doubles | None = None
        self._since = 0

    @property
    def report(self) -> TrackReport:
        """How following the face has gone so far."""
        return self._recovery.report if self._recovery else TrackReport()

    def push(self, mesh: Mesh | None) -> Motion | None:
        """Motion of one frame; None while too little of the driver is known."""
        self._count += 1
        if mesh is not None:
            self._learn(mesh)
        if self.calibration is None:
            return None
        row = None
        if mesh is not None:
            row = self.calibration.rows([mesh])[0] + self._takeover()
        assert self._recovery is not None
        filtered = self._filter.step(self._recovery.step(row))
        return rows_to_motion(filtered[None], self.fps, self.calibration)

    def set_neutral(self) -> bool:
        """Take the last faces as the neutral one, from now on; False where none has been seen."""
        if not self._recent:
            return False
        self._adopt(calibrate(self._recent, self._canonical))
        self._fixed = True
        return True

    def _learn(self, mesh: Mesh) -> None:
        self._recent = [*self._recent[1 - _PRESSED :], mesh]
        if self._fixed or self._count > _LEARNING_S * self._rate_hz:
            return
        # Evenly thinned when full, so that the whole time so far stays represented.
        if len(self._seen) >= _KEPT:
            self._seen = self._seen[::2]
        self._seen.append(mesh)
        due = self.calibration is not None and self._count % max(1, round(_AGAIN_S * self._rate_hz)) == 0
        if due or (self.calibration is None and len(self._seen) >= _FIRST):
            self._adopt(calibrate(self._seen, self._canonical))

    def _adopt(self, new: Calibration) -> None:
        if self.calibration is None:
            self._recovery = Recovery(self._rate_hz, new.rest)
        else:
            assert self._recovery is not None
            # Translation and size count from the calibration that was first: the head must not move by learning.
            new = new.counting_from(self.calibration)
            last = [self._recent[-1]]
            self._step = self.calibration.rows(last)[0] + self._takeover() - new.rows(last)[0]
            self._since = 0
            self._recovery.rest = new.rest
        self.calibration = new

    def _takeover(self) -> Doubles:
        """What is left of the old calibration's row over the new one's."""
        if self._step is None:
            return np.zeros(1)
        part = 1.0 - self._since / (_TAKEOVER_S * self._rate_hz)
        self._since += 1
        if part <= 0:
            self._step = None
            return np.zeros(1)
        return self._step * part
