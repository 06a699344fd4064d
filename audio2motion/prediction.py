"""What a prediction is, and how the 50 Hz tracks of the network and the behaviour become one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audio2motion.arkit import BLENDSHAPE_INDEX
from audio2motion.behaviour import BEHAVIOUR_INDICES
from audio2motion.config import ModelConfig

Floats = npt.NDArray[np.float32]


class Prediction(NamedTuple):
    """T frames of motion, float32 arrays, relative to a face at rest.

    `blendshapes` (T, 52) ARKit weights 0..1; `rotation` (T, 3) pitch, yaw, roll in degrees; `translation` (T, 3)
    x right, y down, z, where 1 is half the side of the face crop; `scale` (T,), 1 as it is; `expression` (T, 21, 3)
    keypoint deltas from a checkpoint that was trained on them, else None.
    """

    blendshapes: Floats
    rotation: Floats
    translation: Floats
    scale: Floats
    expression: Floats | None

    @property
    def frames(self) -> int:
        """T."""
        return len(self.blendshapes)

    @staticmethod
    def joined(parts: Sequence[Prediction]) -> Prediction:
        """Parts that follow each other as one."""
        expressions = [part.expression for part in parts if part.expression is not None]
        blendshapes, rotation, translation, scale = (
            np.concatenate(column) for column in zip(*(part[:4] for part in parts))
        )
        expression = np.concatenate(expressions) if expressions else None
        return Prediction(blendshapes, rotation, translation, scale, expression)


class Track:
    """Rows (n, C) at 50 Hz, appended at the end, read between rows and forgotten at the beginning."""

    def __init__(self, first: int = 0) -> None:
        self._rows: Floats | None = None
        self._first = first

    @property
    def end(self) -> int:
        """The index after the last row."""
        return self._first + (0 if self._rows is None else len(self._rows))

    def add(self, rows: Floats) -> None:
        """Append rows (n, C)."""
        self._rows = rows if self._rows is None else np.concatenate([self._rows, rows])

    def read(self, low: npt.NDArray[np.int64], part: Floats) -> Floats:
        """Rows (T, C) at `low` (T,) + `part` (T, 1), interpolated linearly; beyond the end the last row stays."""
        assert self._rows is not None
        last = len(self._rows) - 1
        before, after = (low - self._first).clip(0, last), (low + 1 - self._first).clip(0, last)
        rows: Floats = self._rows[before] * (1 - part) + self._rows[after] * part
        return rows

    def forget(self, before: int) -> None:
        """Drop rows before index `before`; they are not read again."""
        if self._rows is not None:
            drop = min(max(0, before - self._first), max(0, len(self._rows) - 1))
            self._rows, self._first = self._rows[drop:].copy(), self._first + drop


class Columns:
    """Where the network's channels and the behaviour's go among the 52."""

    def __init__(self, config: ModelConfig) -> None:
        self._expression = config.output == "expression"
        self._index = [BLENDSHAPE_INDEX[name] for name in config.channels]
        self._count = len(config.blendshape_names)

    def prediction(self, lips: Floats, behaviour: Floats) -> Prediction:
        """`lips` (T, channels) of the network; `behaviour` (T, 25): 19 blendshapes, rotation, translation."""
        n = len(BEHAVIOUR_INDICES)
        blendshapes = np.zeros((len(lips), self._count), np.float32)
        blendshapes[:, list(BEHAVIOUR_INDICES)] = behaviour[:, :n]
        if not self._expression:
            blendshapes[:, self._index] = lips
        expression = lips.reshape(-1, 21, 3) if self._expression else None
        rotation, translation = behaviour[:, n : n + 3].copy(), behaviour[:, n + 3 : n + 6].copy()
        return Prediction(blendshapes, rotation, translation, np.ones(len(lips), np.float32), expression)
