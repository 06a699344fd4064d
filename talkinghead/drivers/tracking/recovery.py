"""What a driver does while its face is lost: hold, then ease to rest, then ease back."""

from __future__ import annotations

from talkinghead.core.types import Doubles, TrackReport

LOST_HOLD_S = 0.25
LOST_EASE_S = 0.6
RETURN_S = 0.2


def _smoothstep(x: float) -> float:
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)


class Recovery:
    """Fills gaps in a stream of rows (C,): None where no face was found."""

    def __init__(self, rate_hz: float, rest: Doubles) -> None:
        self.report = TrackReport()
        self._rate_hz, self.rest = rate_hz, rest
        self._last: Doubles | None = None
        self._current = rest
        self._missing = 0
        self._from: Doubles | None = None
        self._back = 0
        self._hold_s = LOST_HOLD_S

    def cut(self) -> None:
        """The next row begins another shot: a face that is not in it is not held, but eases to rest at once."""
        self._from, self._hold_s = None, 0.0

    def step(self, row: Doubles | None) -> Doubles:
        """The row as it is, or what stands in for it."""
        self.report.frames += 1
        if row is None:
            return self._lost()
        self._hold_s = LOST_HOLD_S
        if self._missing:
            self._from, self._back, self._missing = self._current, 0, 0
        if self._from is not None:
            self._back += 1
            part = _smoothstep(self._back / (RETURN_S * self._rate_hz + 1))
            blended = self._from + part * (row - self._from)
            if part >= 1:
                self._from = None
            self._last = self._current = blended
            return blended
        self._last = self._current = row
        return row

    def _lost(self) -> Doubles:
        report = self.report
        report.lost += 1
        report.gaps += self._missing == 0
        self._missing += 1
        missing_s = self._missing / self._rate_hz
        report.longest_s = max(report.longest_s, missing_s)
        if self._last is None:
            self._current = self.rest.copy()
        else:
            part = _smoothstep((missing_s - self._hold_s) / LOST_EASE_S)
            self._current = self._last + part * (self.rest - self._last)
        return self._current
