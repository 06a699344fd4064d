"""ARKit blendshape CSV as Epic's Live Link Face app records it, in and out.

    Timecode,BlendShapeCount,EyeBlinkLeft,...,TongueOut,HeadYaw,HeadPitch,HeadRoll,LeftEyeYaw,...,RightEyeRoll
    14:03:52:28.207,61,0.0123,...

Columns are found by name, in any order and case. A timecode is hours:minutes:seconds:frames, the frames with a
fraction, at the app's own rate (30 or 60). Head angles are radians, positive when the nose goes down (pitch), when it
turns to the person's left (yaw), and when the crown leans to the person's right (roll): the signs with which
Epic's ARKit plugin fills the same channels. Yaw and roll are therefore the negatives of a Motion's. Files of
other programs with larger numbers than an angle in radians can be are taken as degrees.

The format has no translation and no size of the head; both are lost on the way out. Eye angles say what the eyeLook
columns say; they are written for other readers and ignored here.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from talkinghead.core.errors import MotionError
from talkinghead.core.types import Doubles, Floats
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX, BLENDSHAPE_NAMES
from talkinghead.motion.motion import Motion, Rest

_HEAD = ("HeadYaw", "HeadPitch", "HeadRoll")
_EYES = ("LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll", "RightEyeYaw", "RightEyePitch", "RightEyeRoll")
HEADER: tuple[str, ...] = (
    "Timecode", "BlendShapeCount", *(name[0].upper() + name[1:] for name in BLENDSHAPE_NAMES), *_HEAD, *_EYES,
)  # fmt: skip
_COUNT = len(HEADER) - 2

_TIMECODE = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2})[:;](\d{1,3}(?:\.\d+)?)")
_TIMECODE_RATES = (24, 25, 30, 48, 50, 60, 100, 120)
_APP_RATE = 60
_RATES = tuple(sorted({Fraction(r) for r in (15, 20, *_TIMECODE_RATES)}
                      | {Fraction(r * 1000, 1001) for r in (24, 30, 48, 60, 120)}))  # fmt: skip
# A real rate is told from its neighbour, 0.1 % away, by its drift over the whole take.
_RATE_TOLERANCE = 4e-4
_LARGEST_RADIANS, _LARGEST_DEGREES = np.pi, 3600.0
# Missing frames are interpolated, but not a day of them between two lines.
_MOST_MISSING, _ALWAYS_FILLED, _SLOWEST = 100, 10_000, Fraction(1, 10)
_EYE_RANGE_RAD = np.deg2rad(30.0)  # an eyeLook weight of 1
_DAY_S = 86_400.0

_MOST_BYTES = 1 << 29  # four hours


def read_arkit_csv(path: Path) -> Motion:
    """The motion in a Live Link Face CSV, at the frame rate that its timecodes tell (60 in takes of under a second).

    Frames that are missing are interpolated, and of frames with the same time the first is kept. The head's median
    direction counts as straight ahead (`rest`): nobody holds a phone level.

    Raises:
        MotionError: it is no such file, or a value in it is wrong; the message names the line.
    """
    names, rows = _read_table(path)
    columns = {name.strip().lower(): i for i, name in enumerate(names)}
    missing = [name for name in BLENDSHAPE_NAMES if name.lower() not in columns]
    if missing:
        raise MotionError(
            f"{path} is no ARKit blendshape CSV: it has no column {missing[0]}"
            + (f" (and {len(missing) - 1} more are missing)" if len(missing) > 1 else "")
        )
    weights = _numbers(path, rows, [columns[name.lower()] for name in BLENDSHAPE_NAMES])
    if all(name.lower() in columns for name in _HEAD):
        head = _numbers(path, rows, [columns[name.lower()] for name in _HEAD])
    else:
        head = np.zeros((len(rows), 3), np.float32)
    if "timecode" in columns:
        frames, fps = _frames(path, [row[columns["timecode"]] for row in rows])
    else:
        frames, fps = np.arange(len(rows)), Fraction(_APP_RATE)
    if np.abs(head).max() > _LARGEST_DEGREES:
        raise MotionError(
            f"{path}: an angle of the head is {np.abs(head).max():g}, which is none in radians or degrees"
        )
    if np.abs(head).max() <= _LARGEST_RADIANS:
        head = np.rad2deg(head)
    rotation = np.column_stack([head[:, 1], -head[:, 0], -head[:, 2]])
    rotation = _filled(frames, rotation)
    return Motion.from_blendshapes(
        _filled(frames, weights),
        fps,
        rotation=rotation,
        rest=Rest(rotation=np.median(rotation, axis=0).astype(np.float32)),
    )


def write_arkit_csv(motion: Motion, path: Path) -> None:
    """Write `motion` as Live Link Face would; blendshape weights keep 6 digits."""
    nominal = next((rate for rate in _TIMECODE_RATES if rate >= motion.fps), _TIMECODE_RATES[-1])
    pitch, yaw, roll = np.deg2rad(motion.rotation.astype(np.float64)).T
    head = np.column_stack([-yaw, pitch, -roll])
    table = np.column_stack([motion.blendshapes, head, _eye_angles(motion.blendshapes)])
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        for k, row in enumerate(table):
            writer.writerow([_timecode(k, motion.fps, nominal), _COUNT, *(f"{value:.6f}" for value in row)])


def _eye_angles(weights: Floats) -> Doubles:
    """(T, 6): yaw, pitch and roll of both eyes from the gaze weights, with the head's signs."""

    def gaze(direction: str, side: str) -> Floats:
        return weights[:, BLENDSHAPE_INDEX[f"eyeLook{direction}{side}"]]

    zeros = np.zeros(len(weights))
    left_yaw = gaze("Out", "Left") - gaze("In", "Left")
    right_yaw = gaze("In", "Right") - gaze("Out", "Right")
    pitches = [gaze("Down", side) - gaze("Up", side) for side in ("Left", "Right")]
    gazes: Doubles = _EYE_RANGE_RAD * np.column_stack([left_yaw, pitches[0], zeros, right_yaw, pitches[1], zeros])
    return gazes


def _timecode(frame: int, fps: Fraction, nominal: int) -> str:
    # A rate just below the timecode's shows as a drift of its fraction, as in the app's own files.
    thousandths = round(frame * 1000 * nominal / fps)
    whole, part = divmod(thousandths, 1000)
    seconds, rest = divmod(whole, nominal)
    return f"{seconds // 3600 % 24:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{rest:02d}.{part:03d}"


def _read_table(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise MotionError(f"{path} is no ARKit blendshape CSV: it has {path.stat().st_size >> 20} MB")
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise MotionError(f"{path} is no CSV file ({error})") from None
    except OSError as error:
        raise MotionError(f"{path} cannot be read ({error.strerror})") from None
    if len(table) < 2:
        raise MotionError(f"{path} holds no frames: it needs a header and at least one line")
    return table[0], table[1:]


def _numbers(path: Path, rows: Sequence[Sequence[str]], columns: Sequence[int]) -> Floats:
    """Some columns of every row as float32 (T, columns)."""
    values = np.empty((len(rows), len(columns)), np.float32)
    for i, row in enumerate(rows):
        try:
            with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused as that
                values[i] = [float(row[column]) for column in columns]
        except (ValueError, IndexError):
            raise MotionError(f"{path}, frame {i + 1}: a column is missing or holds no number") from None
        if not np.isfinite(values[i]).all():
            raise MotionError(f"{path}, frame {i + 1}: a value is not a finite number")
    return values


def _frames(path: Path, timecodes: Sequence[str]) -> tuple[npt.NDArray[np.int64], Fraction]:
    """(which frame each row is, frames per second) from the timecodes."""
    parsed = [_TIMECODE.fullmatch(code.strip()) for code in timecodes]
    wrong = next((i for i, match in enumerate(parsed) if match is None), None)
    if wrong is not None:
        raise MotionError(f"{path}, frame {wrong + 1}: {timecodes[wrong]!r} is no timecode: HH:MM:SS:FF.fff")
    parts = np.array([[float(part) for part in match.groups()] for match in parsed if match])
    seconds = parts[:, :3] @ (3600.0, 60.0, 1.0)
    seconds += _DAY_S * np.cumsum(np.diff(seconds, prepend=seconds[0]) < -_DAY_S / 2)
    nominal = _nominal_rate(seconds, parts[:, 3])
    times_s = seconds + parts[:, 3] / nominal
    forward = np.concatenate([[True], times_s[1:] > np.maximum.accumulate(times_s)[:-1] + 1e-6])
    fps = _rate(times_s[forward], nominal)
    frames = np.round((times_s - times_s[0]) * float(fps)).astype(np.int64)
    if fps < _SLOWEST or frames.max() > max(_ALWAYS_FILLED, _MOST_MISSING * len(frames)):
        raise MotionError(
            f"{path}: its {len(frames)} lines lie {times_s.max() - times_s[0]:.0f} s apart: check its timecodes"
        )
    # Time never runs back: a row that would is one more of the frame before.
    return np.maximum.accumulate(frames), fps


def _nominal_rate(seconds: Doubles, ticks: Doubles) -> int:
    """The timecode's own frames per second: where the seconds step by one, the frames show how many make one."""
    steps = np.diff(ticks)
    within = steps[(np.diff(seconds) == 0) & (steps > 0)]
    usual = float(np.median(within)) if len(within) else 1.0
    wraps = np.flatnonzero(np.diff(seconds) == 1)
    highest = int(ticks.max())
    fitting = [rate for rate in _TIMECODE_RATES if rate > highest] or [highest + 1]
    if len(wraps) == 0:
        return _APP_RATE if _APP_RATE in fitting else fitting[0]
    estimate = float(np.median(usual - steps[wraps]))
    return min(fitting, key=lambda rate: abs(rate - estimate))


def _rate(times_s: Doubles, nominal: int) -> Fraction:
    """Frames per second of rows at increasing times: the nearest usual rate, or what is measured."""
    if len(times_s) < 2:
        return Fraction(nominal)
    step = float(np.median(np.diff(times_s)))
    frames = np.maximum(1, np.round(np.diff(times_s) / step)).cumsum()
    measured = float(frames[-1]) / (times_s[-1] - times_s[0])
    near = min(_RATES, key=lambda rate: abs(float(rate) - measured))
    # Short takes cannot tell 60 from 59.94: then the timecode's own rate is likelier.
    uncertain = 1.0 / float(frames[-1])
    if abs(nominal - measured) / measured < min(0.02, uncertain * 0.05):
        return Fraction(nominal)
    if abs(float(near) - measured) / measured < max(_RATE_TOLERANCE, min(0.02, uncertain)):
        return near
    return Fraction(measured).limit_denominator(1001)


def _filled(frames: npt.NDArray[np.int64], values: Floats) -> Floats:
    """Rows at frame numbers as one row per frame: the first of equal ones, missing ones interpolated."""
    known, first = np.unique(frames, return_index=True)
    if len(known) == len(values) and known[-1] == len(values) - 1:
        return values
    every = np.arange(known[0], known[-1] + 1)
    return np.column_stack([np.interp(every, known, column) for column in values[first].T]).astype(np.float32)
