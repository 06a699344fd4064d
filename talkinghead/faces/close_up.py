"""The second look at a face: measured on an upright close-up, where it has to earn its confidence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from talkinghead.core.side_by_side import side_by_side
from talkinghead.core.types import Face, Pixels
from talkinghead.faces import mesh
from talkinghead.faces.crop import Matrix, axes_between, compose, inverse, matrix_from_square, resample
from talkinghead.faces.following import settled
from talkinghead.faces.landmarker import Landmarker, mean_distance, measured, region_of, score_around

_CLOSE_UP_PX = 512
# Side of the close-up, in face heights: enough margin for the detector to see a face.
_CLOSE_UP_FACES = 2.2
# Sides of the pictures on which a face earns its confidence, and their size.
_SCORED_FACES, _SCORED_PX = (1.9, 2.2, 2.6, 3.2, 3.9), 256
# A mean of the scores so far below this makes the others superfluous.
_HOPELESS = 0.55
# A mesh measured again where it says that the face is has to come to rest: the mean way of its points, in pupil
# distances. Faces move by at most 0.04 (a mask's wearer), what is none by 0.05 to 0.3.
_RESTLESS = 0.055
# Faces are not leant further than this on their close-up.
_LEVEL_DEG = 20


def refined(pixels: Pixels, rough: Face) -> Face | None:
    """The face measured on a close-up that shows it upright; None where nothing is there after all.

    A landmark network sees most of a face that fills its field, and is surest about an upright one. In the end the face
    is measured as it would be in a video.
    """
    looking = Landmarker()
    face, seen_once = rough, False
    for margin in (1.0, 1.0, 1.3, 1.0):
        matrix = _close_up(face, _CLOSE_UP_FACES * margin, _CLOSE_UP_PX)
        view = resample(pixels, matrix, (_CLOSE_UP_PX, _CLOSE_UP_PX))
        if not seen_once and _upside_down(view):
            matrix = compose(np.array([[-1.0, 0, _CLOSE_UP_PX - 1], [0, -1.0, _CLOSE_UP_PX - 1]]), matrix)
            view = np.ascontiguousarray(view[::-1, ::-1])
        found = looking.faces(view)
        if not found:
            continue
        seen = found[0]
        face = seen.moved(inverse(matrix))
        if seen_once and abs(roll_deg(seen)) < _LEVEL_DEG:
            rested = _at_rest(view, seen)
            return _confident(pixels, settled(pixels, rested.moved(inverse(matrix)))) if rested else None
        seen_once = True
    return None


def _at_rest(view: Pixels, seen: Face) -> Face | None:
    """The mesh laid once more, where it says that the face is; None where it finds no rest there.

    The network lays a mesh over anything, but only a face holds it.
    """
    (first,) = measured(view, [region_of(seen)])
    (second,) = measured(view, [region_of(first)])
    return first if mean_distance(second.landmarks, first.landmarks) < _RESTLESS and _like_a_face(first) else None


def _confident(pixels: Pixels, face: Face) -> Face:
    """The face with how sure the detector is of it, from near and from far.

    The mean of its scores for several distances and their mirror images: a single score is off by 0.05 either way.
    """
    scores: list[float] = []
    for faces in _SCORED_FACES:
        view = resample(pixels, _close_up(face, faces, _SCORED_PX), (_SCORED_PX, _SCORED_PX))
        scores += side_by_side(score_around, [view, np.ascontiguousarray(view[:, ::-1])])
        if np.mean(scores) < _HOPELESS:
            break
    return replace(face, confidence=float(np.mean(scores)))


def _upside_down(view: Pixels) -> bool:
    """Meshes are laid over upside-down faces as if they were upright; the detector knows better."""
    turned, upright = side_by_side(score_around, [np.ascontiguousarray(view[::-1, ::-1]), view])
    return turned > upright + 0.03


def _close_up(face: Face, faces: float, size_px: int) -> Matrix:
    """Picture pixels to an upright square of `faces` face heights around the face, `size_px` wide."""
    points = face.landmarks
    ux, uy = axes_between(points[[33, 133, 362, 263], :2].mean(0), points[[61, 291], :2].mean(0))
    along = points[:, :2] @ np.stack([ux, uy], 1)
    low, high = along.min(0), along.max(0)
    centre = ((low + high) / 2) @ np.stack([ux, uy])
    side = faces * max(float((high - low).max()), 4.0)
    return matrix_from_square(centre, ux, uy, side, size_px)


def roll_deg(face: Face) -> float:
    """How far the face is turned clockwise from upright, by its forehead and chin: -180 to 180."""
    down = face.landmarks[mesh.CHIN, :2] - face.landmarks[mesh.FOREHEAD, :2]
    return float(np.degrees(np.arctan2(-down[0], down[1])))


def _like_a_face(face: Face) -> bool:
    """Whether eyes, nose and mouth lie in their order, with some extent: a mesh on nothing collapses or twists."""
    points = face.landmarks[:, :2].astype(np.float64)
    down = points[mesh.CHIN] - points[mesh.FOREHEAD]
    height = float(np.hypot(*down))
    if height < 4:
        return False
    order = (points[[33, 263]].mean(0), points[mesh.NOSE_TIP], points[[61, 291]].mean(0), points[mesh.CHIN])
    heights = [float((p - points[mesh.FOREHEAD]) @ down) / height**2 for p in order]
    return heights == sorted(heights) and size_px(face) < 6 * height


def size_px(face: Face) -> float:
    """The longer side of the face's box."""
    return max(face.box[2], face.box[3])
