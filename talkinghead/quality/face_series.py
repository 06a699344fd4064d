"""What the face in one video does, frame by frame, and what it adds up to: mouth, silence, blinks, head."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from talkinghead.core.types import AnyFloats, Doubles, Face
from talkinghead.faces import geometry
from talkinghead.quality.selfcheck import OPEN_ABOVE, best_lag, pearson

# Lags that are tried, in seconds, either way: a video's sound is seldom off by more.
MAX_LAG_S = 0.4
# Sound this much below the recording's loud parts counts as no sound at all.
_RANGE_DB = 35.0
# A blink is a run of frames whose lids are nearer than this share of the open eyes', until they are this far apart
# again, and lasts at most so long: what lasts longer is an eye that was closed, or a look down.
_SHUT, _OPENED, _LONGEST_S = 0.5, 0.75, 0.5
# Lids this near all the time belong to nobody whose eyes are open.
_NEVER_OPEN = 0.1
_PIECE_S = 0.2
_FEWEST = 10


@dataclass(frozen=True)
class Alone:
    """What one video shows by itself; None where it could not be had, with the reason in `reasons`.

    - `frames`, `frames_without_face`; `cuts`: how often another shot begins;
    - `sound_correlation`: Pearson's, of the mouth's opening and the sound's level in each frame (decibels, down to 35
      below the loud parts), at `sound_lag_ms`, the lag at which it is greatest (positive: the picture is behind its
      sound); `sound_correlation_unshifted`: at no lag;
    - `silent_frames`, `silent_open_share`: as the self-check of `--report` has them;
    - `blinks`, `blinks_per_minute`: of the time in which a face was seen;
    - `head_std_deg`: standard deviation of pitch, yaw and roll; `head_speed_deg_s`: how fast all three together change
      on the average, from one 0.2 s to the next; `head_travel`: standard deviation of the face's place, in distances
      between the eyes' outer corners.
    """

    frames: int
    frames_without_face: int
    cuts: int
    sound_correlation: float | None
    sound_lag_ms: float | None
    sound_correlation_unshifted: float | None
    silent_frames: int | None
    silent_open_share: float | None
    blinks: int | None
    blinks_per_minute: float | None
    head_std_deg: tuple[float, float, float] | None
    head_speed_deg_s: float | None
    head_travel: float | None
    reasons: dict[str, str]


class FaceSeries:
    """A few numbers per frame; NaN where no face was seen."""

    def __init__(self, fps: float) -> None:
        self.fps = fps
        self._opening, self._lids, self._rows = array("d"), array("d"), array("d")
        self._cuts: list[int] = []

    def add(self, face: Face | None, cut: bool = False) -> None:
        """The next frame's face; `cut`: another shot begins with it."""
        if cut:
            self._cuts.append(len(self._opening))
        if face is None:
            self._opening.append(np.nan)
            self._lids.append(np.nan)
            self._rows.extend([np.nan] * 5)
            return
        self._opening.append(geometry.mouth_opening(face.landmarks))
        self._lids.append(float(np.mean(geometry.eye_openness(face.landmarks))))
        place = face.landmarks[:, :2].mean(0) / geometry.eye_distance(face.landmarks)
        self._rows.extend([*geometry.head_pose(face.landmarks), *place])

    def __len__(self) -> int:
        return len(self._opening)

    @property
    def seen(self) -> int:
        """Frames that show the face."""
        return int(np.isfinite(self.opening).sum())

    @property
    def opening(self) -> Doubles:
        """(T,) the mouth's opening in distances between the eyes' outer corners."""
        return np.array(self._opening)

    def summary(self, level_db: Doubles | None, silent: npt.NDArray[np.bool_] | None) -> Alone:
        """The video's figures; `level_db` (T,) and `silent` (T,) are its sound's, None where it has none."""
        reasons: dict[str, str] = {}
        sound = self._sound(level_db, reasons)
        silence = self._silence(silent, reasons)
        blinks = self._blinks(reasons)
        per_minute = None if blinks is None else blinks / (self.seen / self.fps / 60)
        std, speed, travel = self._head(reasons)
        return Alone(
            frames=len(self), frames_without_face=len(self) - self.seen, cuts=len(self._cuts),
            sound_correlation=sound[0], sound_lag_ms=sound[1], sound_correlation_unshifted=sound[2],
            silent_frames=silence[0], silent_open_share=silence[1], blinks=blinks, blinks_per_minute=per_minute,
            head_std_deg=std, head_speed_deg_s=speed, head_travel=travel, reasons=reasons,
        )  # fmt: skip

    def _sound(
        self, level_db: Doubles | None, reasons: dict[str, str]
    ) -> tuple[float | None, float | None, float | None]:
        if level_db is None:
            reasons["sound"] = "there is no sound"
            return None, None, None
        length = min(len(level_db), len(self))
        opening = self.opening[:length]
        level = np.maximum(level_db[:length], np.percentile(level_db, 95) - _RANGE_DB)
        best, lag = best_lag(opening, level, round(MAX_LAG_S * self.fps))
        if best is None or lag is None:
            reasons["sound"] = "the sound's level or the mouth does not change, or there are too few frames"
            return None, None, None
        return best, 1000 * lag / self.fps, pearson(opening, level)

    def _silence(
        self, silent: npt.NDArray[np.bool_] | None, reasons: dict[str, str]
    ) -> tuple[int | None, float | None]:
        if silent is None:
            reasons["silence"] = "there is no sound"
            return None, None
        length = min(len(silent), len(self))
        there = silent[:length] & np.isfinite(self.opening[:length])
        count = int(silent[:length].sum())
        if not there.any():
            reasons["silence"] = "no silent frame shows a face" if count else "no frame is silent"
            return count, None
        return count, float((self.opening[:length][there] > OPEN_ABOVE).mean())

    def _blinks(self, reasons: dict[str, str]) -> int | None:
        lids = np.array(self._lids)
        if self.seen < _FEWEST:
            reasons["blinks"] = f"fewer than {_FEWEST} frames show a face"
            return None
        opened = float(np.nanquantile(lids, 0.8))
        if opened < _NEVER_OPEN:
            reasons["blinks"] = "the eyes are closed all the time"
            return None
        return sum(last + 1 - first <= _LONGEST_S * self.fps for first, last in _shut(lids / opened))

    def _head(self, reasons: dict[str, str]) -> tuple[tuple[float, float, float] | None, float | None, float | None]:
        rows = np.array(self._rows).reshape(-1, 5)
        there = np.isfinite(rows[:, 0])
        if there.sum() < 2:
            reasons["head"] = "fewer than two frames show a face"
            return None, None, None
        pitch, yaw, roll = (float(value) for value in rows[there, :3].std(0))
        return (pitch, yaw, roll), self._speed(rows[:, :3]), float(np.linalg.norm(rows[there, 3:].std(0)))

    def _speed(self, pose: Doubles) -> float | None:
        """How fast the head turns, in degrees per second, from the means of pieces of 0.2 s: the mesh's noise is in
        single frames."""
        length = max(1, round(_PIECE_S * self.fps))
        count = len(pose) // length
        pieces = pose[: count * length].reshape(count, length, 3).mean(1)  # NaN where a face is missing
        # Over a cut the head jumps without having moved.
        pieces[[at // length for at in self._cuts if at < count * length]] = np.nan
        steps = np.linalg.norm(np.diff(pieces, axis=0), axis=1)
        steps = steps[np.isfinite(steps)]
        return float(steps.mean() * self.fps / length) if len(steps) else None


def _shut(lids: Doubles) -> Iterator[tuple[int, int]]:
    """(first, last) of each run in which the lids, 1 where open, are shut; a frame without a face ends one."""
    first = None
    for at, value in enumerate(lids):
        if first is None and value < _SHUT:
            first = at
        elif first is not None and not value < _OPENED:
            yield first, at - 1
            first = None
    if first is not None:
        yield first, len(lids) - 1


def frame_levels(blocks: Iterable[AnyFloats], rate_hz: int, fps: float, frames: int) -> Doubles:
    """(T,) the sound's level around each frame, in decibels of full scale (root mean square), at least -90.

    Frame k stands for the time k / fps, in whose middle it is heard: from half a frame before to half a frame after.
    """
    power, length = np.zeros(frames), np.zeros(frames)
    at = 0
    for block in blocks:
        number = np.minimum(((np.arange(at, at + len(block)) * (fps / rate_hz)) + 0.5).astype(np.int64), frames)
        power += np.bincount(number, np.asarray(block, np.float64) ** 2, frames + 1)[:frames]
        length += np.bincount(number, minlength=frames + 1)[:frames]
        at += len(block)
    level: Doubles = 10 * np.log10(np.maximum(power / np.maximum(length, 1), 1e-9))
    return level
