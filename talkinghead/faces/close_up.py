"""The second look at a face: measured on an upright close-up."""

from __future__ import annotations

from types import TracebackType

import numpy as np

from talkinghead.core.types import Face, Pixels
from talkinghead.faces import mesh
from talkinghead.faces.crop import Matrix, axes_between, compose, inverse, matrix_from_square, resample
from talkinghead.faces.landmarker import Landmarker, Scorer

_CLOSE_UP_PX = 512
# Side of the close-up, in face heights: enough margin for the detector to see a face.
_CLOSE_UP_FACES = 2.2


class CloseUps:
    """What looks twice: a face on an upright close-up. A context manager."""

    def __init__(self) -> None:
        self._landmarker, self._scorer = Landmarker(), Scorer()

    def __enter__(self) -> CloseUps:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._landmarker.close()
        self._scorer.close()

    def refined(self, pixels: Pixels, rough: Face) -> Face | None:
        """The face measured on a close-up that shows it upright; None where nothing is there after all.

        A landmark network sees most of a face that fills its field, and is surest about an upright one.
        """
        face, settled = rough, False
        for margin in (1.0, 1.0, 1.3, 1.0):
            matrix = _close_up(face, _CLOSE_UP_FACES * margin)
            view = resample(pixels, matrix, (_CLOSE_UP_PX, _CLOSE_UP_PX))
            if not settled and self._upside_down(view):
                matrix = compose(np.array([[-1.0, 0, _CLOSE_UP_PX - 1], [0, -1.0, _CLOSE_UP_PX - 1]]), matrix)
                view = np.ascontiguousarray(view[::-1, ::-1])
            found = self._landmarker.meshes(view)
            if not found:
                continue
            seen = Face(found[0])
            face = seen.moved(inverse(matrix))
            if settled and abs(_roll_deg(seen)) < 20:
                return face if _like_a_face(face) else None
            settled = True
        return None

    def _upside_down(self, view: Pixels) -> bool:
        """Meshes are laid over upside-down faces as if they were upright; the detector knows better."""
        return self._scorer.score(view[::-1, ::-1]) > self._scorer.score(view) + 0.03


def _close_up(face: Face, faces: float) -> Matrix:
    """Picture pixels to an upright square of `faces` face heights around the face."""
    points = face.landmarks
    ux, uy = axes_between(points[[33, 133, 362, 263], :2].mean(0), points[[61, 291], :2].mean(0))
    along = points[:, :2] @ np.stack([ux, uy], 1)
    low, high = along.min(0), along.max(0)
    centre = ((low + high) / 2) @ np.stack([ux, uy])
    side = faces * max(float((high - low).max()), 4.0)
    return matrix_from_square(centre, ux, uy, side, _CLOSE_UP_PX)


def upright_turns(face: Face) -> int:
    """Quarter turns, counterclockwise, after which the face is as upright as quarter turns make it."""
    return round(_roll_deg(face) / 90) % 4


def _roll_deg(face: Face) -> float:
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
