"""Which frames show a driver's neutral face, and the person's own neutral mesh made from them.

The neutral frame need not be the first: among the frames seen so far it is the one whose lips are together, whose
mouth, lids and brows are near where they mostly are, whose head is turned least and which moves least.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talkinghead.core.types import AnyFloats, Doubles
from talkinghead.drivers.tracking.alignment import Poses, align
from talkinghead.faces.geometry import pupil_distance
from talkinghead.motion.angles import to_degrees

_UPPER = (81, 82, 13, 312, 311)
_LOWER = (178, 87, 14, 317, 402)
_LIDS = (((160, 144), (159, 145), (158, 153), (33, 133)), ((385, 380), (386, 374), (387, 373), (362, 263)))
_BROWS = (105, 66, 334, 296)
_CORNERS = (61, 291)
_IRISES = (468, 473)

# Frames averaged into the neutral mesh: enough to average the tracker's noise, few enough to stay neutral.
_AVERAGED = 7
# What counts as one unit of departure, in pupil distances (angles: degrees).
_GAP_UNIT, _MOUTH_UNIT, _BROW_UNIT, _LID_UNIT, _TURN_UNIT_DEG, _SPEED_UNIT = 0.03, 0.06, 0.05, 0.06, 12.0, 0.02


@dataclass(frozen=True)
class Features:
    """Per frame (T,), in pupil distances of the aligned mesh: what tells a neutral face from others."""

    gap: Doubles
    width: Doubles
    lift: Doubles
    lids: Doubles
    brows: Doubles


def _distance(meshes: Doubles, a: int, b: int) -> Doubles:
    return np.asarray(np.linalg.norm(meshes[:, a] - meshes[:, b], axis=1))


def measure(meshes: Doubles) -> Features:
    """Features of aligned meshes (T, 478, 3)."""
    gap = np.mean([_distance(meshes, u, low) for u, low in zip(_UPPER, _LOWER)], axis=0)
    centre = (meshes[:, 13, 1] + meshes[:, 14, 1]) / 2
    lids = [np.mean([_distance(meshes, u, low) for u, low in eye[:3]], axis=0) / _distance(meshes, *eye[3])
            for eye in _LIDS]  # fmt: skip
    return Features(
        gap=gap,
        width=_distance(meshes, *_CORNERS),
        lift=centre - meshes[:, _CORNERS, 1].mean(1),
        lids=np.mean(lids, axis=0),
        brows=-meshes[:, _BROWS, 1].mean(1),
    )


@dataclass(frozen=True)
class Neutral:
    """A person's neutral face.

    `mesh` (478, 3) in pupil distances, facing the camera, origin between the pupils; `frame` the number of the frame
    that is most neutral; `pose` (3,) pitch, yaw, roll in degrees of the head there.
    """

    mesh: Doubles
    frame: int
    pose: Doubles


def _departure(meshes: Doubles, features: Features, angles: Doubles) -> Doubles:
    """How far each frame is from neutral, in units of the constants above."""
    calm = features.gap <= np.quantile(features.gap, 0.4) + 1e-9
    open_eyes = np.quantile(features.lids, 0.7)
    mouth = meshes[:, (*_CORNERS, 13, 14)]
    speed = np.linalg.norm(np.gradient(mouth, axis=0), axis=2).mean(1) if len(meshes) > 1 else np.zeros(len(meshes))
    middle = np.median(angles, axis=0)

    def from_usual(values: Doubles, unit: float) -> Doubles:
        away: Doubles = np.abs(values - np.median(values[calm])) / unit
        return away

    return np.asarray(
        2.0 * features.gap / _GAP_UNIT
        + from_usual(features.width, _MOUTH_UNIT)
        + from_usual(features.lift, _MOUTH_UNIT / 2)
        + from_usual(features.brows, _BROW_UNIT)
        + np.abs(features.lids - open_eyes) / _LID_UNIT
        + np.abs(angles - middle).sum(1) / _TURN_UNIT_DEG
        + np.abs(angles[:, :2]).sum(1) / (2 * _TURN_UNIT_DEG)
        + speed / _SPEED_UNIT
    )


def find_neutral(meshes: AnyFloats, canonical: AnyFloats) -> Neutral:
    """The neutral face among `meshes` (T, 478, 3) of one person, T >= 1.

    `canonical` (478, 3): any face that looks straight ahead; it defines what zero rotation means.
    """
    meshes = np.asarray(meshes, np.float64)
    poses = align(meshes, canonical)
    reference = np.median(poses.undo(meshes), axis=0)
    poses = align(meshes, reference)
    upright = poses.undo(meshes)
    upright = upright / pupil_distance(np.median(upright, axis=0))
    angles = to_degrees(poses.rotation)
    departure = _departure(upright, measure(upright), angles)
    best = np.argsort(departure, kind="stable")[: max(1, min(_AVERAGED, len(meshes) // 15))]
    # Frames that are much less neutral than the best would blur it.
    best = best[departure[best] <= departure[best[0]] + 1.0]
    mesh = upright[best].mean(axis=0)
    mesh = mesh - mesh[list(_IRISES)].mean(axis=0)
    return Neutral(mesh / pupil_distance(mesh), int(best[0]), angles[best].mean(axis=0))


def to_neutral(meshes: AnyFloats, neutral: Neutral) -> tuple[Poses, Doubles]:
    """Head poses of `meshes` (T, 478, 3), and the meshes in the neutral's own frame (T, 478, 3)."""
    poses = align(meshes, neutral.mesh)
    return poses, poses.undo(np.asarray(meshes, np.float64))
