"""Rows of a followed face, shot by shot: gaps filled and noise filtered within each, nothing carried across a cut."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from talkinghead.core.types import Doubles, TrackReport
from talkinghead.drivers.tracking.recovery import Recovery
from talkinghead.motion.filters import FilterSettings, ZeroPhaseOneEuro


class Shots:
    """Rows (C,), None where no face was found, to filtered rows (T, C).

    `rest` (C,) is what a lost face eases to. In every shot but the first the columns `anchored` count from the first
    frame that shows the face: where a head stands in another shot, and how large it is, says nothing of how it moved.
    """

    def __init__(self, rate_hz: float, settings: FilterSettings, rest: Doubles, anchored: Sequence[int]) -> None:
        self._rate_hz, self._settings, self._rest = rate_hz, settings, rest
        self._anchored = list(anchored)
        self._filter = ZeroPhaseOneEuro(rate_hz, settings)
        self._recovery = Recovery(rate_hz, rest)
        self._shift: Doubles | None = np.zeros(len(self._anchored))

    @property
    def report(self) -> TrackReport:
        """How following the face has gone so far."""
        return self._recovery.report

    def push(self, rows: Sequence[Doubles | None], cuts: Sequence[bool]) -> Doubles:
        """The next frames' rows, and whether each is the first of another shot; those that are ready come back."""
        out: list[Doubles] = []
        waiting: list[Doubles] = []
        for row, cut in zip(rows, cuts, strict=True):
            if cut:
                out += [self._filtered(waiting), self._filter.finish()]
                waiting = []
                self._filter = ZeroPhaseOneEuro(self._rate_hz, self._settings)
                self._recovery.cut()
                self._shift = None
            waiting.append(self._recovery.step(None if row is None else self._placed(row)))
        out.append(self._filtered(waiting))
        return self._joined(out)

    def finish(self) -> Doubles:
        """The rows that are still waiting."""
        return self._joined([self._filter.finish()])

    def _placed(self, row: Doubles) -> Doubles:
        if self._shift is None:
            self._shift = self._rest[self._anchored] - row[self._anchored]
        if not self._shift.any():
            return row
        placed: Doubles = row.copy()
        placed[self._anchored] += self._shift
        return placed

    def _filtered(self, rows: list[Doubles]) -> Doubles:
        return self._filter.push(np.stack(rows)) if rows else np.zeros((0, 0))

    def _joined(self, parts: list[Doubles]) -> Doubles:
        full = [part for part in parts if len(part)]
        return np.concatenate(full) if full else np.zeros((0, len(self._rest)))
