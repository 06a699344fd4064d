"""Pitch, yaw and roll, and the rotations they stand for.

Column vectors, x right, y down, z inward; rotation = Rz(roll) Ry(yaw) Rx(pitch), LivePortrait's order.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from talkinghead.core.types import AnyFloats, Doubles


def to_degrees(rotation: AnyFloats) -> Doubles:
    """Rotation matrices (T, 3, 3) to pitch, yaw, roll (T, 3) in degrees."""
    r = np.asarray(rotation, np.float64)
    pitch = np.arctan2(r[:, 2, 1], r[:, 2, 2])
    yaw = np.arcsin(np.clip(-r[:, 2, 0], -1.0, 1.0))
    roll = np.arctan2(r[:, 1, 0], r[:, 0, 0])
    angles_deg: Doubles = np.degrees(np.stack([pitch, yaw, roll], 1))
    return angles_deg


def from_degrees(angles_deg: AnyFloats) -> Doubles:
    """Pitch, yaw, roll (T, 3) in degrees to rotation matrices (T, 3, 3)."""
    angles = np.radians(angles_deg)
    c, s = np.cos(angles).T, np.sin(angles).T
    turned = []
    for axis, (first, second) in enumerate(((1, 2), (2, 0), (0, 1))):  # each axis turns the two others
        about = np.zeros((len(angles), 3, 3), c.dtype)
        about[:, axis, axis] = 1
        about[:, first, first] = about[:, second, second] = c[axis]
        about[:, first, second], about[:, second, first] = -s[axis], s[axis]
        turned.append(about)
    rx, ry, rz = turned
    return np.asarray(rz @ ry @ rx)


def relative_pose(
    angles_deg: AnyFloats,
    translation: AnyFloats,
    rest_deg: AnyFloats,
    rest_translation: AnyFloats,
) -> tuple[Doubles, Doubles]:
    """The turn (T, 3) in degrees and the shift (T, 3) that take the rest's pose to each of T poses.

    Both are told in the frame of a head that rests upright: of a driver whose rest leans, the lean is taken out, and
    a portrait that leans brings its own. Differences of angles would not do where the rest is a turned head.
    """
    rest, lean = _rest_frame(*(float(angle) for angle in rest_deg), np.asarray(rest_deg).dtype)
    turns = to_degrees(lean.T @ (from_degrees(np.asarray(angles_deg)) @ rest.T) @ lean)
    return turns, np.asarray((np.asarray(translation) - rest_translation) @ lean)


@lru_cache(maxsize=8)
def _rest_frame(pitch_deg: float, yaw_deg: float, roll_deg: float, dtype: np.dtype[Any]) -> tuple[AnyFloats, AnyFloats]:
    """The rotation (3, 3) of a driver at rest, and of the lean alone in it: the same for all of its frames."""
    rest = from_degrees(np.array([[pitch_deg, yaw_deg, roll_deg]], dtype))[0]
    lean = from_degrees(np.array([[0.0, 0.0, np.degrees(np.arctan2(-rest[0, 1], rest[1, 1]))]]))[0]
    return rest, lean
