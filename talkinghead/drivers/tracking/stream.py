"""Face meshes in, motion out: calibration, fit, recovery and filter as one stream in constant memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from talkinghead.core.errors import FaceError
from talkinghead.core.types import AnyFloats, Doubles, Face, TrackReport
from talkinghead.drivers.tracking.alignment import Poses, align
from talkinghead.drivers.tracking.expression import ExpressionFit, close_mouth
from talkinghead.drivers.tracking.neutral import Neutral, find_neutral, to_neutral
from talkinghead.drivers.tracking.shots import Shots
from talkinghead.faces import mesh as points
from talkinghead.motion.angles import to_degrees
from talkinghead.motion.blendshapes import BLENDSHAPE_NAMES, N_BLENDSHAPES, to_expression
from talkinghead.motion.filters import FilterSettings
from talkinghead.motion.motion import Motion, Rest
from talkinghead.motion.proportions import HALF_SIDE, NECK_BACK, NECK_DOWN

Mesh = AnyFloats

# A row holds the weights, then pitch, yaw, roll in degrees, then x, y, z, then the logarithm of the scale.
_ROTATION = slice(N_BLENDSHAPES, N_BLENDSHAPES + 3)
_TRANSLATION = slice(N_BLENDSHAPES + 3, N_BLENDSHAPES + 6)
_LOG_SCALE = N_BLENDSHAPES + 6
_PLACE = range(N_BLENDSHAPES + 3, N_BLENDSHAPES + 7)  # translation and size

_CHIN, _FOREHEAD, _SIDES, _OVAL = (
    points.CHIN,
    points.FOREHEAD,
    [points.LEFT_SIDE, points.RIGHT_SIDE],
    list(points.FACE_OVAL),
)

# A shot of this length shows enough of a face to learn it by.
_SHOT_S = 0.4

# A portrait is a frame of the driving video where the meshes differ by less than this (rms, pupil distances).
_SAME_FACE = 0.025


def filter_settings(quickness: float = 1.0) -> FilterSettings:
    """One Euro settings of a row: lids quickest, then the mouth, then brows and gaze; pose in its own units."""
    cutoff, beta = np.full(_LOG_SCALE + 1, 6.0), np.full(_LOG_SCALE + 1, 8.0)
    for i, name in enumerate(BLENDSHAPE_NAMES):
        if name.startswith(("eyeBlink", "eyeWide", "eyeSquint")):
            cutoff[i], beta[i] = 3.0, 14.0
        elif name.startswith(("brow", "nose", "cheek", "eyeLook")):
            cutoff[i], beta[i] = 1.5, 3.0
    cutoff[_ROTATION], beta[_ROTATION] = 1.5, 0.25
    cutoff[_TRANSLATION], beta[_TRANSLATION] = 1.5, 20.0
    cutoff[_LOG_SCALE], beta[_LOG_SCALE] = 1.0, 10.0
    return FilterSettings(cutoff * quickness, beta)


@dataclass(frozen=True)
class Calibration:
    """What the stream learnt about its driver: the neutral face, the fit made for it, the unit of translation and
    the row that relative motion subtracts.

    `scale_px`: pixels per pupil distance where scale is 1; `unit_px`: pixels per unit of translation; `neck` (3,) what
    the head turns about, in the neutral mesh, and `origin_px` (3,) where that is when translation is 0;
    `matched_frame`: the frame that the portrait shows, if it shows one.
    """

    neutral: Neutral
    fit: ExpressionFit
    scale_px: float
    unit_px: float
    origin_px: Doubles
    neck: Doubles
    rest: Doubles
    matched_frame: int | None = None

    def rows(self, meshes: Sequence[Mesh]) -> Doubles:
        """Rows (T, 59) of meshes (T, 478, 3) in picture pixels."""
        poses, upright = to_neutral(np.asarray(np.stack(meshes), np.float64), self.neutral)
        return self._rows(poses, upright)

    def portrait_row(self, mesh: Mesh) -> Doubles:
        """The row (59,) of a mesh (478, 3) as a renderer takes it for its portrait: with its lips together."""
        poses, upright = to_neutral(np.asarray(mesh, np.float64)[None], self.neutral)
        return np.asarray(self._rows(poses, close_mouth(upright[0])[None])[0])

    def _rows(self, poses: Poses, upright: Doubles) -> Doubles:
        places = (self._neck(poses) - self.origin_px) / self.unit_px
        places[:, 2] = 0.0  # The mesh's depth has no origin: size tells how near the head is.
        return np.column_stack(
            [self.fit(upright), to_degrees(poses.rotation), places, np.log(poses.scale / self.scale_px)]
        )

    def _neck(self, poses: Poses) -> Doubles:
        """Where the neck (T, 3) is, in pixels, such that turning about it and growing about the face's centre gives the
        frame's pose."""
        centre = self.neutral.mesh[_OVAL].mean(0)
        necks: Doubles = poses.apply(centre[None])[:, 0] - self.scale_px * (poses.rotation @ (centre - self.neck))
        return necks

    def counting_from(self, first: Calibration) -> Calibration:
        """This calibration with translation and size counted as `first` counts them."""
        return replace(self, scale_px=first.scale_px, unit_px=first.unit_px, origin_px=first.origin_px)


def calibrate(meshes: Sequence[Mesh], canonical: Mesh, portrait: Face | None = None) -> Calibration:
    """Learn a driver from `meshes` (T, 478, 3), T >= 1.

    Where `portrait` shows one of these very frames, motion is relative to that frame: to its pose, and to its
    expression with the lips together. Else it is relative to the neutral face.
    """
    stacked = np.asarray(np.stack(meshes), np.float64)
    neutral = find_neutral(stacked, canonical)
    matched = None if portrait is None else find_frame(stacked, portrait)
    # Size and place count from the frame that is at rest.
    poses = align(stacked[neutral.frame if matched is None else matched][None], neutral.mesh)
    rest = np.zeros(_LOG_SCALE + 1)
    rest[_ROTATION] = neutral.pose
    fit = ExpressionFit.of(neutral.mesh)
    scale_px = float(poses.scale[0])
    unit_px = HALF_SIDE * scale_px * float(np.ptp((neutral.mesh @ poses.rotation[0].T)[:, :2], axis=0).max())
    neck = neck_of(neutral.mesh, poses.rotation[0])
    learnt = Calibration(neutral, fit, scale_px, unit_px, np.zeros(3), neck, rest, matched)
    learnt = replace(learnt, origin_px=learnt._neck(poses)[0])
    if matched is None:
        return learnt
    return replace(learnt, rest=learnt.portrait_row(stacked[matched]))


def neck_of(mesh: Doubles, rotation: Doubles) -> Doubles:
    """The point (3,) of a neutral mesh about which a head turns that rests with `rotation` (3, 3).

    It lies under the chin as the picture shows it, and behind the face's rim.
    """
    posed = mesh @ rotation.T
    down = posed[_CHIN, :2] - posed[_FOREHEAD, :2]
    place = posed[_CHIN, :2] + NECK_DOWN * down / np.linalg.norm(down)
    return np.array([*place, np.median(posed[_SIDES, 2]) + NECK_BACK]) @ rotation


def find_frame(meshes: Mesh, portrait: Face) -> int | None:
    """The number of the mesh (of T, 478, 3) that is the portrait's own, whatever its place and size, or None."""

    def framed(points: Mesh) -> Doubles:
        flat = np.asarray(points, np.float64)[..., :2]
        flat = flat - flat.mean(-2, keepdims=True)
        return np.asarray(flat / np.sqrt((flat**2).sum(-1).mean(-1))[..., None, None])

    mesh = framed(portrait.landmarks)
    unit = float(np.linalg.norm(mesh[points.LEFT_IRIS[0]] - mesh[points.RIGHT_IRIS[0]]))
    error = np.sqrt(((framed(meshes) - mesh) ** 2).sum(2).mean(1)) / unit
    best = int(np.argmin(error))
    return best if error[best] < _SAME_FACE else None


class MotionStream:
    """Meshes in picture pixels, None where no face was found, to Motion.

    With a `calibration` motion comes at once; else the first `calibration_s` are collected for one.
    """

    def __init__(
        self,
        fps: Fraction,
        canonical: Mesh,
        *,
        calibration_s: float,
        portrait: Face | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        self.fps, self._canonical, self._portrait = Fraction(fps), canonical, portrait
        self._wait = max(1, round(calibration_s * self.fps))
        self._waiting: list[tuple[Mesh | None, bool]] = []
        self.calibration = calibration
        self._shots: Shots | None = None

    @property
    def report(self) -> TrackReport:
        """How following the face has gone so far."""
        return self._shots.report if self._shots else TrackReport()

    def push(self, meshes: Sequence[Mesh | None], cuts: Sequence[bool] | None = None) -> Motion | None:
        """Meshes of the next frames in, and whether each begins another shot; motion of those that are ready out."""
        frames = list(zip(meshes, [False] * len(meshes) if cuts is None else cuts, strict=True))
        if self.calibration is None:
            self._waiting += frames
            if len(self._waiting) < self._wait or not self._calibrate():
                return None
            frames, self._waiting = self._waiting, []
        return self._motion(self._rows(frames))

    def finish(self) -> Motion | None:
        """What is still waiting.

        Raises:
            FaceError: no frame showed a face.
        """
        rows = []
        if self.calibration is None:
            if not self._calibrate():
                raise FaceError("no face was found: the driver must show one, large enough to see its lips")
            rows.append(self._rows(self._waiting))
        if self._shots is not None:
            rows.append(self._shots.finish())
        full = [part for part in rows if len(part)]
        return self._motion(np.concatenate(full)) if full else None

    def _calibrate(self) -> bool:
        seen = _first_shot(self._waiting, round(_SHOT_S * self.fps))
        if not seen:
            return False
        self.calibration = calibrate(seen, self._canonical, self._portrait)
        return True

    def _rows(self, frames: Sequence[tuple[Mesh | None, bool]]) -> Doubles:
        """Filtered rows that are ready, with what stands in for lost faces."""
        assert self.calibration is not None
        if self._shots is None:
            self._shots = Shots(float(self.fps), filter_settings(), self.calibration.rest, _PLACE)
        seen = [mesh for mesh, _ in frames if mesh is not None]
        found = iter(self.calibration.rows(seen) if seen else ())
        rows = [None if mesh is None else next(found) for mesh, _ in frames]
        return self._shots.push(rows, [cut for _, cut in frames])

    def _motion(self, rows: Doubles) -> Motion | None:
        assert self.calibration is not None
        return rows_to_motion(rows, self.fps, self.calibration) if len(rows) else None


def _first_shot(frames: Sequence[tuple[Mesh | None, bool]], enough: int) -> list[Mesh]:
    """The meshes of the first shot that has `enough` of them, so that places count from one shot; else of all."""
    shots: list[list[Mesh]] = [[]]
    for mesh, cut in frames:
        if cut:
            shots.append([])
        if mesh is not None:
            shots[-1].append(mesh)
    return next((shot for shot in shots if len(shot) >= max(1, enough)), [mesh for shot in shots for mesh in shot])


def rows_to_motion(rows: Doubles, fps: Fraction, calibration: Calibration) -> Motion:
    """Rows (T, 59) as Motion."""
    rest = calibration.rest
    weights = rest[:N_BLENDSHAPES].astype(np.float32)
    return Motion.from_blendshapes(
        rows[:, :N_BLENDSHAPES],
        fps,
        rotation=rows[:, _ROTATION],
        translation=rows[:, _TRANSLATION],
        scale=np.exp(rows[:, _LOG_SCALE]),
        rest=Rest(
            blendshapes=weights,
            expression=to_expression(weights[None])[0],
            rotation=rest[_ROTATION].astype(np.float32),
            translation=rest[_TRANSLATION].astype(np.float32),
            scale=float(np.exp(rest[_LOG_SCALE])),
        ),
    )
