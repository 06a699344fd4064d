"""Motion: the one currency between what drives and what draws.

Angles are degrees in LivePortrait's convention: positive pitch lowers the nose, positive yaw turns it to the picture's
left, positive roll leans the crown to the picture's right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from talkinghead.core.errors import MotionError
from talkinghead.core.types import Floats
from talkinghead.motion import blendshapes as _shapes


@dataclass(frozen=True, slots=True, eq=False)
class Rest:
    """The driver's rest: what relative motion subtracts.

    Zeros for predicted motion; the first frame for LivePortrait's templates; the neutral frame for tracked video.
    `replaced_keypoints`: keypoints whose expression replaces the portrait's own rather than adding to it (JoyVASA's
    lips).
    """

    blendshapes: Floats = field(default_factory=lambda: np.zeros(_shapes.N_BLENDSHAPES, np.float32))
    expression: Floats = field(default_factory=lambda: np.zeros((_shapes.N_KEYPOINTS, 3), np.float32))
    rotation: Floats = field(default_factory=lambda: np.zeros(3, np.float32))
    translation: Floats = field(default_factory=lambda: np.zeros(3, np.float32))
    scale: float = 1.0
    replaced_keypoints: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """T >= 1 frames of face controls and head pose at a rational frame rate: what drives, in the driver's own frame.

    - `blendshapes` (T, 52): ARKit weights, 0..1, in the order of `talkinghead.motion.blendshapes.BLENDSHAPE_NAMES`;
    - `expression` (T, 21, 3): LivePortrait's implicit keypoint deltas, the same expression;
    - `rotation` (T, 3): pitch, yaw, roll in degrees;
    - `translation` (T, 3): x right, y down, z, where 1 is half the side of LivePortrait's crop;
    - `scale` (T,): size of the head, 1 as it is;
    - `fps`: frames per second;
    - `rest`: what relative motion subtracts;
    - `view`: which of the two views the driver gave; the other was derived from it;
    - `eye_ratio` (T, 2), `lip_ratio` (T,): lid and lip gaps over their widths where a driver measured them
      (eye on the picture's left first), else None.

    Build one with `from_blendshapes` or `from_expression`, so that the two views agree.
    """

    blendshapes: Floats
    expression: Floats
    rotation: Floats
    translation: Floats
    scale: Floats
    fps: Fraction
    rest: Rest = field(default_factory=Rest)
    view: Literal["blendshapes", "expression"] = "blendshapes"
    eye_ratio: Floats | None = None
    lip_ratio: Floats | None = None

    def __post_init__(self) -> None:
        t = len(self.blendshapes)
        expected = {"blendshapes": (t, _shapes.N_BLENDSHAPES), "expression": (t, _shapes.N_KEYPOINTS, 3),
                    "rotation": (t, 3), "translation": (t, 3), "scale": (t,), "eye_ratio": (t, 2),
                    "lip_ratio": (t,)}  # fmt: skip
        if t < 1:
            raise MotionError("a motion needs at least one frame")
        if self.fps <= 0:
            raise MotionError(f"a motion's frame rate must be positive, not {self.fps}")
        arrays = self.arrays()
        for name, shape in expected.items():
            value = arrays.get(name)
            if value is None:
                continue
            if value.shape != shape:
                raise MotionError(f"a motion's {name} must have shape {shape}, not {value.shape}")
            if not np.isfinite(value).all():
                raise MotionError(f"a motion's {name} holds values that are not finite numbers")

    @classmethod
    def from_blendshapes(
        cls,
        blendshapes: npt.ArrayLike,
        fps: Fraction,
        *,
        rotation: npt.ArrayLike | None = None,
        translation: npt.ArrayLike | None = None,
        scale: npt.ArrayLike | None = None,
        rest: Rest | None = None,
        eye_ratio: npt.ArrayLike | None = None,
        lip_ratio: npt.ArrayLike | None = None,
    ) -> Motion:
        """Motion from ARKit weights (T, 52); the keypoint deltas follow from the published directions."""
        weights = np.asarray(blendshapes, np.float32)
        if weights.ndim != 2 or weights.shape[1] != _shapes.N_BLENDSHAPES:
            raise MotionError(f"blendshapes must have shape (T, {_shapes.N_BLENDSHAPES}), not {weights.shape}")
        weights = np.clip(weights, 0.0, 1.0)
        return cls(weights, _shapes.to_expression(weights),
                   **_pose(len(weights), rotation, translation, scale, eye_ratio, lip_ratio),
                   fps=Fraction(fps), rest=rest or Rest(), view="blendshapes")  # fmt: skip

    @classmethod
    def from_expression(
        cls,
        expression: npt.ArrayLike,
        fps: Fraction,
        *,
        rotation: npt.ArrayLike | None = None,
        translation: npt.ArrayLike | None = None,
        scale: npt.ArrayLike | None = None,
        rest: Rest | None = None,
        eye_ratio: npt.ArrayLike | None = None,
        lip_ratio: npt.ArrayLike | None = None,
    ) -> Motion:
        """Motion from keypoint deltas (T, 21, 3); blendshapes follow by least squares, relative to the rest."""
        deltas = np.asarray(expression, np.float32)
        if deltas.ndim != 3 or deltas.shape[1:] != (_shapes.N_KEYPOINTS, 3):
            raise MotionError(f"expression must have shape (T, {_shapes.N_KEYPOINTS}, 3), not {deltas.shape}")
        rest = rest or Rest()
        # A motion extractor's deltas carry the person's own face, which no blendshape means: fit what moved.
        weights = _shapes.to_blendshapes(deltas - rest.expression)
        return cls(weights, deltas,
                   **_pose(len(deltas), rotation, translation, scale, eye_ratio, lip_ratio),
                   fps=Fraction(fps), rest=rest, view="expression")  # fmt: skip

    def __len__(self) -> int:
        return len(self.blendshapes)

    def __getitem__(self, frames: slice) -> Motion:
        """A run of frames; at least one must remain."""
        return self._each(lambda value: value[frames])

    def arrays(self) -> dict[str, Floats]:
        """The per-frame arrays by name, each (T, ...); ratios only where the driver measured them."""
        ratios = {"eye_ratio": self.eye_ratio, "lip_ratio": self.lip_ratio}
        return {
            "blendshapes": self.blendshapes,
            "expression": self.expression,
            "rotation": self.rotation,
            "translation": self.translation,
            "scale": self.scale,
            **{name: value for name, value in ratios.items() if value is not None},
        }

    @property
    def measured(self) -> list[str]:
        """Which ratios the driver measured: "eye_ratio", "lip_ratio", both or none."""
        return [name for name in ("eye_ratio", "lip_ratio") if name in self.arrays()]

    def _each(self, change: Callable[[Floats], Floats]) -> Motion:
        """This motion with `change` applied to every per-frame array."""
        changed: dict[str, Any] = {name: change(value) for name, value in self.arrays().items()}
        return replace(self, **changed)

    @staticmethod
    def concatenate(chunks: Sequence[Motion]) -> Motion:
        """Chunks of one stream as one motion; frame rate, rest and view are the first chunk's."""
        if not chunks:
            raise MotionError("there is no motion to put together")
        first = chunks[0]
        if any(chunk.fps != first.fps for chunk in chunks):
            raise MotionError("chunks of one motion must share their frame rate")
        arrays = [chunk.arrays() for chunk in chunks]
        joined: dict[str, Any] = {"eye_ratio": None, "lip_ratio": None}
        for name in arrays[0]:
            if all(name in each for each in arrays):
                joined[name] = np.concatenate([each[name] for each in arrays])
        return replace(first, **joined)

    def resampled(self, fps: Fraction) -> Motion:
        """The same motion at another frame rate: linear interpolation, same duration to within a frame."""
        fps = Fraction(fps)
        if fps == self.fps:
            return self
        frames = max(1, round(len(self) * fps / self.fps))
        at = np.minimum(np.arange(frames) * float(self.fps / fps), len(self) - 1)
        low = np.floor(at).astype(int)
        high, part = np.minimum(low + 1, len(self) - 1), (at - low).astype(np.float32)

        def interpolate(value: Floats) -> Floats:
            w = part.reshape(-1, *[1] * (value.ndim - 1))
            between: Floats = value[low] * (1 - w) + value[high] * w
            return between

        return replace(self._each(interpolate), fps=fps)


def _pose(
    frames: int,
    rotation: npt.ArrayLike | None,
    translation: npt.ArrayLike | None,
    scale: npt.ArrayLike | None,
    eye_ratio: npt.ArrayLike | None,
    lip_ratio: npt.ArrayLike | None,
) -> dict[str, Floats]:
    """The per-frame arrays with what is missing filled in as rest."""
    given = {
        "rotation": np.zeros((frames, 3), np.float32) if rotation is None else np.asarray(rotation, np.float32),
        "translation": np.zeros((frames, 3), np.float32)
        if translation is None
        else np.asarray(translation, np.float32),
        "scale": np.ones(frames, np.float32) if scale is None else np.asarray(scale, np.float32).reshape(-1),
    }
    if eye_ratio is not None:
        given["eye_ratio"] = np.asarray(eye_ratio, np.float32)
    if lip_ratio is not None:
        given["lip_ratio"] = np.asarray(lip_ratio, np.float32).reshape(-1)
    return given
