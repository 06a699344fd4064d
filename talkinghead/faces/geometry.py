"""What is measured on a face mesh: openings, widths, head pose.

All take landmarks (478, 3) in pixels and are independent of the face's size and place.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from talkinghead.core.types import Floats
from talkinghead.faces import mesh

Array = npt.NDArray[np.float64]


def eye_distance(landmarks: Floats) -> float:
    """3-D distance between the eyes' outer corners, the unit of the measures below."""
    return max(_distance(landmarks, mesh.LEFT_EYE_OUTER, mesh.RIGHT_EYE_OUTER), 1e-6)


def pupil_distance(landmarks: npt.NDArray[np.floating[Any]]) -> float:
    """Distance between the irises' centres in the mesh's own unit; depth counts, so that a turned head keeps it."""
    left, right = mesh.LEFT_IRIS[0], mesh.RIGHT_IRIS[0]
    return float(np.linalg.norm(np.asarray(landmarks, np.float64)[left] - landmarks[right]))


def mouth_opening(landmarks: Floats) -> float:
    """Gap between the inner lips over the eyes' distance: 0 closed, about 0.3 wide open. In 3-D, so that turning the
    head does not open the mouth.
    """
    return _distance(landmarks, mesh.INNER_LIP_TOP, mesh.INNER_LIP_BOTTOM) / eye_distance(landmarks)


def mouth_width(landmarks: Floats) -> float:
    """Distance between the inner lips' corners over the eyes' distance: about 0.5 at rest."""
    return _distance(landmarks, mesh.INNER_LIP_LEFT, mesh.INNER_LIP_RIGHT) / eye_distance(landmarks)


def lip_ratio(landmarks: Floats) -> float:
    """Gap between the inner lips over the mouth's width."""
    width = max(_distance(landmarks, mesh.LIP_LEFT, mesh.LIP_RIGHT), 1e-6)
    return _distance(landmarks, mesh.INNER_LIP_TOP, mesh.INNER_LIP_BOTTOM) / width


def eye_openness(landmarks: Floats) -> tuple[float, float]:
    """Gap between the lids over the eye's width, (left, right) in the picture: about 0.3 open, under 0.1 closed."""
    return (
        _openness(landmarks, mesh.LEFT_LID_UPPER, mesh.LEFT_LID_LOWER),
        _openness(landmarks, mesh.RIGHT_LID_UPPER, mesh.RIGHT_LID_LOWER),
    )


def head_pose(landmarks: Floats) -> Floats:
    """Pitch, yaw and roll (3,) in degrees, as `talkinghead.core.types` defines them.

    The similarity that takes the average face to this one, by points that expressions hardly move (Umeyama, PAMI
    1991), is taken apart as Rz(roll) Ry(yaw) Rx(pitch).
    """
    rotation, _, _ = similarity(mesh.canonical_mesh(), landmarks)
    pitch = np.arctan2(rotation[2, 1], rotation[2, 2])
    yaw = np.arcsin(np.clip(-rotation[2, 0], -1, 1))
    roll = np.arctan2(rotation[1, 0], rotation[0, 0])
    return np.degrees([pitch, yaw, roll]).astype(np.float32)


def similarity(source: Floats, target: Floats) -> tuple[Array, float, Array]:
    """(rotation (3, 3), scale, offset (3,)): target = scale * rotation @ source + offset, by the pose points."""
    points, w = list(mesh.POSE_POINTS), np.array(list(mesh.POSE_POINTS.values()))
    return weighted_similarity(source[points], target[points], w)


def weighted_similarity(
    source: npt.NDArray[np.floating[Any]], target: npt.NDArray[np.floating[Any]], weights: npt.NDArray[np.floating[Any]]
) -> tuple[Array, float, Array]:
    """The least-squares similarity between points (n, d), d 2 or 3: (rotation (d, d), scale, offset (d,))."""
    a, b = np.asarray(source, np.float64), np.asarray(target, np.float64)
    w = np.asarray(weights, np.float64) / np.sum(weights)
    a_mean, b_mean = w @ a, w @ b
    u, singular, vt = np.linalg.svd(((b - b_mean) * w[:, None]).T @ (a - a_mean))
    sign = np.ones(a.shape[1])
    sign[-1] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * sign) @ vt
    spread = float(w @ ((a - a_mean) ** 2).sum(1))
    scale = float((singular * sign).sum()) / max(spread, 1e-12)
    return rotation, scale, b_mean - scale * rotation @ a_mean


def _openness(landmarks: Floats, upper: tuple[int, ...], lower: tuple[int, ...]) -> float:
    gaps = [_distance(landmarks, u, low) for u, low in zip(upper[2:-2], lower[2:-2], strict=True)]
    return float(np.mean(gaps)) / max(_distance(landmarks, upper[0], upper[-1]), 1e-6)


def _distance(landmarks: Floats, a: int, b: int) -> float:
    return float(np.linalg.norm(landmarks[a] - landmarks[b]))
