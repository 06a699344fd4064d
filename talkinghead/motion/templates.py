"""LivePortrait's motion templates (.pkl) in and out.

A template is a pickled dictionary: `n_frames`, `output_fps`, `motion` (one dictionary per frame: `exp` 1x21x3, `R` or
in older files `R_d` 1x3x3, `t` 1x3, `scale` 1x1) and often the driver's eye and lip ratios, `c_eyes_lst` and
`c_lip_lst` (older: `c_d_eyes_lst`, `c_d_lip_lst`). Rotations are R = (Rz(roll) Ry(yaw) Rx(pitch))^T, for row vectors.

LivePortrait takes the first frame for the driver's rest. A template written here carries the true rest, and what else
a Motion knows, under a key of its own, which LivePortrait does not read.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from talkinghead.core.errors import InputError, MotionError, OutputError
from talkinghead.core.safe_pickle import load_pickle
from talkinghead.core.settings import DEFAULT_FPS, parse_fps
from talkinghead.core.types import Doubles, Floats
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX, N_KEYPOINTS
from talkinghead.motion.motion import Motion, Rest

_OWN_KEY, _OWN_VERSION = "talkinghead", 1
_EYES, _LIPS = ("c_eyes_lst", "c_d_eyes_lst"), ("c_lip_lst", "c_d_lip_lst")
_SHAPES = {"exp": (N_KEYPOINTS, 3), "R": (3, 3), "t": (3,), "scale": ()}
# How far a matrix may be from a rotation: filtered templates are not orthogonal to the last digit.
_ROTATION_TOLERANCE = 0.02
# LivePortrait wants the driver's ratios even where nobody measured them: of open lids, and of a fully open mouth.
_OPEN_EYE_RATIO, _OPEN_LIP_RATIO = 0.35, 0.67


def rotation_matrices(degrees: npt.ArrayLike) -> Doubles:
    """(T, 3) pitch, yaw, roll in degrees -> (T, 3, 3) for row vectors: (Rz Ry Rx)^T."""
    angles = np.deg2rad(np.asarray(degrees, np.float64))
    (cp, cy, cr), (sp, sy, sr) = np.cos(angles).T, np.sin(angles).T
    rows = [
        [cy * cr, cy * sr, -sy],
        [sp * sy * cr - cp * sr, sp * sy * sr + cp * cr, sp * cy],
        [cp * sy * cr + sp * sr, cp * sy * sr - sp * cr, cp * cy],
    ]
    return np.moveaxis(np.array(rows), -1, 0)


def rotation_degrees(matrices: npt.ArrayLike) -> Doubles:
    """(T, 3, 3) for row vectors -> (T, 3) pitch, yaw, roll in degrees, yaw within -90..90.

    Raises:
        MotionError: a matrix is no rotation.
    """
    m = np.asarray(matrices, np.float64)
    off = np.abs(m @ np.swapaxes(m, 1, 2) - np.eye(3)).max((1, 2))
    # Written so that a NaN is refused too.
    wrong = np.flatnonzero(~((off < _ROTATION_TOLERANCE) & (np.linalg.det(np.nan_to_num(m)) > 0)))
    if len(wrong):
        raise MotionError(f"the matrix of frame {wrong[0]} is no rotation")
    across = np.hypot(m[:, 0, 0], m[:, 0, 1])
    yaw = np.arctan2(-m[:, 0, 2], across)
    # Looking along the axis, pitch and roll turn alike: all of it is called pitch.
    along = across < 1e-6
    roll = np.where(along, 0.0, np.arctan2(m[:, 0, 1], m[:, 0, 0]))
    pitch = np.where(along, np.arctan2(-m[:, 2, 1], m[:, 1, 1]), np.arctan2(m[:, 1, 2], m[:, 2, 2]))
    angles: Doubles = np.rad2deg(np.stack([pitch, yaw, roll], 1))
    return angles


def load_template(path: str | Path) -> Motion:
    """The motion in LivePortrait's template `path`: view "expression", rest its first frame.

    Raises:
        MotionError: the file is no template, is damaged, or holds anything but numbers (none of which is run).
    """
    path = Path(path)
    template = load_pickle(path)
    frames = template.get("motion") if isinstance(template, dict) else None
    if not isinstance(frames, list) or not frames or not all(isinstance(frame, dict) for frame in frames):
        raise MotionError(f"{path} is no LivePortrait template: it has no list of frames under 'motion'")
    try:
        return _motion(template, frames)
    except MotionError as error:
        raise MotionError(f"{path} is no LivePortrait template: {error}") from None


def _motion(template: dict[str, Any], frames: list[dict[str, Any]]) -> Motion:
    exp, matrices, t, scale = (_series(frames, key) for key in ("exp", "R", "t", "scale"))
    if not (scale > 0).all():
        raise MotionError("a head's scale must be positive")
    rotation = rotation_degrees(matrices).astype(np.float32)
    own = template.get(_OWN_KEY)
    own = own if isinstance(own, dict) and own.get("version") == _OWN_VERSION else {}
    measured = own.get("measured", ("eye_ratio", "lip_ratio"))
    return Motion.from_expression(
        exp,
        _rate(own.get("fps", template.get("output_fps", DEFAULT_FPS))),
        rotation=rotation,
        translation=t,
        scale=scale,
        rest=_own_rest(own["rest"])
        if "rest" in own
        else Rest(expression=exp[0], rotation=rotation[0], translation=t[0], scale=float(scale[0])),
        eye_ratio=_ratios(template, _EYES, len(frames), 2) if "eye_ratio" in measured else None,
        lip_ratio=_ratios(template, _LIPS, len(frames), 1) if "lip_ratio" in measured else None,
    )


def _series(frames: list[dict[str, Any]], key: str) -> Floats:
    """One quantity of every frame: (T, *shape)."""
    shape = _SHAPES[key]
    values = []
    for i, frame in enumerate(frames):
        value = frame.get(key, frame.get("R_d") if key == "R" else None)
        values.append(_numbers(value, shape, f"{key!r} of frame {i}"))
    return np.stack(values)


def _numbers(value: Any, shape: tuple[int, ...], what: str) -> Floats:
    """`value` as finite float32 of `shape`, whatever axes of length 1 it also has."""
    if value is None:
        raise MotionError(f"there is no {what}")
    # Nested lists are no array: a hostile file's could be endless.
    if not isinstance(value, np.ndarray | np.number | int | float):
        raise MotionError(f"{what} holds no numbers")
    try:
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused as that
            array = np.asarray(value, np.float32)
    except OverflowError:
        raise MotionError(f"{what} holds a number that is too large") from None
    if array.size != int(np.prod(shape)) or not np.isfinite(array).all():
        raise MotionError(f"{what} must hold {'x'.join(map(str, shape)) or 'one'} finite numbers")
    return array.reshape(shape)


def _ratios(template: dict[str, Any], keys: tuple[str, ...], frames: int, width: int) -> Floats | None:
    """The first of `keys` that is there: (T, width)."""
    key = next((key for key in keys if template.get(key) is not None), None)
    if key is None:
        return None
    values = template[key]
    if not isinstance(values, list) or len(values) != frames:
        raise MotionError(f"{key!r} must be a list of {frames} frames")
    return np.stack([_numbers(value, (width,), f"{key!r} of frame {i}") for i, value in enumerate(values)])


def _rate(value: Any) -> Fraction:
    """Frames per second; 29.97 and its like become their exact fractions."""
    if not isinstance(value, str | np.number | int | float | Fraction):
        raise MotionError("its frame rate is no number")
    try:
        rate = parse_fps(str(value))
    except InputError:
        raise MotionError(f"{str(value)[:20]!r} is no frame rate") from None
    if not 1 <= rate <= 1000:
        raise MotionError(f"a frame rate of {value} is beyond reason")
    return rate


def _own_rest(rest: Any) -> Rest:
    if not isinstance(rest, dict):
        raise MotionError("its rest is damaged")
    replaced = rest.get("replaced_keypoints", ())
    if not isinstance(replaced, list | tuple) or not all(type(k) is int and 0 <= k < N_KEYPOINTS for k in replaced):
        raise MotionError("its rest names keypoints that there are not")
    return Rest(
        expression=_numbers(rest.get("expression"), (N_KEYPOINTS, 3), "the rest's expression"),
        rotation=_numbers(rest.get("rotation"), (3,), "the rest's rotation"),
        translation=_numbers(rest.get("translation"), (3,), "the rest's translation"),
        scale=float(_numbers(rest.get("scale"), (), "the rest's scale")),
        replaced_keypoints=tuple(replaced),
    )


def save_template(motion: Motion, path: str | Path) -> Path:
    """Write `motion` as a template that LivePortrait itself reads; the file appears whole or not at all.

    Where nobody measured eye and lip ratios, LivePortrait is told estimates from the blendshapes.

    Raises:
        OutputError: the file cannot be written.
    """
    path = Path(path)
    matrices = rotation_matrices(motion.rotation).astype(np.float32)
    expression = motion.expression.astype(np.float32)
    template = {
        "n_frames": len(motion),
        "output_fps": int(motion.fps) if motion.fps.denominator == 1 else float(motion.fps),
        "motion": [
            {
                "scale": motion.scale[i].astype(np.float32).reshape(1, 1),
                "R": matrices[i][None],
                "exp": expression[i][None],
                "t": motion.translation[i].astype(np.float32)[None],
            }
            for i in range(len(motion))
        ],
        "c_eyes_lst": [row[None] for row in _eye_ratio(motion)],
        "c_lip_lst": [row.reshape(1, 1) for row in _lip_ratio(motion)],
        _OWN_KEY: _own(motion),
    }
    beside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        beside.write_bytes(pickle.dumps(template, protocol=4))
        beside.replace(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
    return path


def _own(motion: Motion) -> dict[str, Any]:
    """What a Motion knows and a template has no place for, in plain types."""
    rest = motion.rest
    return {
        "version": _OWN_VERSION,
        "fps": str(motion.fps),
        "measured": motion.measured,
        "rest": {
            "expression": np.asarray(rest.expression, np.float32),
            "rotation": np.asarray(rest.rotation, np.float32),
            "translation": np.asarray(rest.translation, np.float32),
            "scale": float(rest.scale),
            "replaced_keypoints": [int(k) for k in rest.replaced_keypoints],
        },
    }


def _eye_ratio(motion: Motion) -> Floats:
    """(T, 2), the eye on the picture's left, which is the person's right, first."""
    if motion.eye_ratio is not None:
        return motion.eye_ratio.astype(np.float32)
    closed = motion.blendshapes[:, [BLENDSHAPE_INDEX["eyeBlinkRight"], BLENDSHAPE_INDEX["eyeBlinkLeft"]]]
    return (_OPEN_EYE_RATIO * (1 - closed)).astype(np.float32)


def _lip_ratio(motion: Motion) -> Floats:
    """(T,)"""
    if motion.lip_ratio is not None:
        return motion.lip_ratio.astype(np.float32)
    opening, closing = (motion.blendshapes[:, BLENDSHAPE_INDEX[name]] for name in ("jawOpen", "mouthClose"))
    return (_OPEN_LIP_RATIO * opening * (1 - closing)).astype(np.float32)
