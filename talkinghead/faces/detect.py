"""Faces in a picture: looked for at several scales and in four rotations, then measured on an upright close-up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType

import numpy as np

from talkinghead.errors import FaceError
from talkinghead.faces import mesh
from talkinghead.faces.crop import Matrix, axes_between, compose, inverse, matrix_from_square, resample
from talkinghead.faces.landmarker import Landmarker, Scorer
from talkinghead.types import Face, Image, Pixels

Box = tuple[float, float, float, float]

MAX_FACES = 32
# The detector looks at 128 pixels; more than this only costs time.
_LOOK_PX = 640
_CLOSE_UP_PX = 512
# Side of the close-up, in face heights: enough margin for the detector to see a face.
_CLOSE_UP_FACES = 2.2
# A face this large, as a share of the picture's longer side, leaves no room for a larger one elsewhere.
_LARGE = 0.2
# Smaller windows than this show no face that could be animated.
_MIN_WINDOW_PX = 64
# Two faces whose middles are nearer than this share of the larger one's size are one face.
_SAME = 0.4


@dataclass(frozen=True)
class _Window:
    """A square or the whole of the picture, turned by quarter turns: picture pixels to window pixels by `matrix`."""

    matrix: Matrix
    size_px: tuple[int, int]


def find_faces(image: Image, max_faces: int = MAX_FACES) -> list[Face]:
    """Every face in `image`, largest first, at most `max_faces`.

    Faces of about a twentieth of the picture's width are found, and faces lying on their side or upside down where no
    upright one is there. An empty list means that there is none.
    """
    return search(image)[:max_faces]


def find_face(image: Image, index: int | None = None, box: Box | None = None) -> Face:
    """One face of `image`: the largest, or number `index` counted from 1, the largest.

    `box` (x, y, width, height in pixels) says where it is: it is looked for there first and, where nothing is found
    (an animal, a drawing), an average face is laid into the box, forehead at its top and chin at its bottom.

    Raises:
        FaceError: there is no face, or none with that number; or the box lies outside the picture.
    """
    if box is not None:
        return _face_in_box(image, box)
    faces = search(image, thorough=index is not None)
    if not faces:
        raise FaceError(
            f"no face was found in {image.name}: choose a picture in which it is larger and seen from the front, "
            "or say where it is (--box x,y,width,height)"
        )
    wanted = 1 if index is None else index
    if not 1 <= wanted <= len(faces):
        many = "1 face" if len(faces) == 1 else f"{len(faces)} faces"
        choice = "--face 1" if len(faces) == 1 else f"--face 1 (the largest) to --face {len(faces)}"
        raise FaceError(f"there is no face number {wanted} in {image.name}, which shows {many}: choose {choice}")
    return faces[wanted - 1]


def fitted_face(box: Box) -> Face:
    """The average face laid into `box`: forehead at its top, chin at its bottom."""
    average = mesh.canonical_mesh().astype(np.float64)
    low, high = average.min(0), average.max(0)
    x, y, width, height = box
    scale = np.array([width / (high[0] - low[0]), height / (high[1] - low[1])])
    xy = (average[:, :2] - low[:2]) * scale + (x, y)
    return Face(np.column_stack([xy, average[:, 2] * scale.mean()]).astype(np.float32))


def search(image: Image, *, thorough: bool = True, turns: int = 4, finest: int = 4) -> list[Face]:
    """Faces, largest first: at ever finer scales, then turned, until something is found.

    Not `thorough`: one large face is enough. `turns` (1 to 4) quarter turns are tried, in windows as small as
    1/`finest` (1, 2, 4) of the picture.
    """
    longer = max(image.size_px)
    faces: list[Face] = []
    with Landmarker(max_faces=8) as looking, _CloseUps() as close:
        for turn in range(turns):
            for parts in (1, 2, 4):
                if parts > finest or (parts > 1 and longer < parts * _MIN_WINDOW_PX):
                    break
                for window in _windows(image.size_px, parts, turn):
                    _look(image, window, looking, close, faces)
                if faces and (parts > 1 or (not thorough and _size(faces[0]) > _LARGE * longer)):
                    break
            if faces:
                break
    return faces


def _look(image: Image, window: _Window, looking: Landmarker, close: _CloseUps, faces: list[Face]) -> None:
    """Add what `window` shows to `faces`, which stay apart and sorted."""
    pixels = resample(image.pixels, window.matrix, window.size_px)
    back = inverse(window.matrix)
    for landmarks in looking.meshes(pixels):
        rough = Face(landmarks).moved(back)
        if _known(rough, faces):
            continue
        face = close.refined(image.pixels, rough)
        if face is not None and not _known(face, faces):
            faces.append(face)
    faces[:] = _sorted(faces)


def _windows(size_px: tuple[int, int], parts: int, turn: int) -> Iterator[_Window]:
    """The picture, or overlapping squares of 1/`parts` of its longer side, turned by `turn` quarters."""
    width, height = size_px
    if parts == 1:
        yield _window(0, 0, width, height, turn)
        return
    side = max(width, height) / parts
    for y in _starts(height, side):
        for x in _starts(width, side):
            yield _window(x, y, min(side, width), min(side, height), turn)


def _starts(length: float, side: float) -> Sequence[float]:
    """Where windows of `side` begin along `length`, overlapping by half."""
    if length <= side:
        return [0.0]
    return list(np.linspace(0, length - side, int(np.ceil((length - side) / (side / 2))) + 1))


def _window(x: float, y: float, width: float, height: float, turn: int) -> _Window:
    scale = min(_LOOK_PX / max(width, height), 4.0)
    size = max(8, round(width * scale)), max(8, round(height * scale))
    sx, sy = size[0] / width, size[1] / height
    matrix = np.array([[sx, 0, (0.5 - x) * sx - 0.5], [0, sy, (0.5 - y) * sy - 0.5]])
    for _ in range(turn):
        matrix = compose(np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, size[0] - 1.0]]), matrix)
        size = size[1], size[0]
    return _Window(matrix, size)


class _CloseUps:
    """What looks twice: a face on an upright close-up. A context manager."""

    def __init__(self) -> None:
        self._landmarker, self._scorer = Landmarker(), Scorer()

    def __enter__(self) -> _CloseUps:
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


def same_face(one: Face, other: Face) -> bool:
    """Whether both are the same face of one picture."""
    apart = one.landmarks[:, :2].mean(0) - other.landmarks[:, :2].mean(0)
    return float(np.hypot(*apart)) < _SAME * max(_size(one), _size(other))


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
    return heights == sorted(heights) and _size(face) < 6 * height


def _size(face: Face) -> float:
    return max(face.box[2], face.box[3])


def _sorted(faces: list[Face]) -> list[Face]:
    return sorted(faces, key=lambda face: (-face.box[2] * face.box[3], face.box[0]))


def _known(face: Face, faces: list[Face]) -> bool:
    """Whether this is one of `faces` again."""
    return any(same_face(face, other) for other in faces)


def _face_in_box(image: Image, box: Box) -> Face:
    x, y, width, height = box
    across, down = image.size_px
    if width <= 0 or height <= 0:
        raise FaceError(f"a box of {width:g} x {height:g} pixels holds no face: give x,y,width,height")
    middle = x + width / 2, y + height / 2
    if not (0 <= middle[0] <= across and 0 <= middle[1] <= down):
        raise FaceError(f"the box {x:g},{y:g},{width:g},{height:g} lies outside {image.name}, "
                        f"which has {across} x {down} pixels: give x,y,width,height")  # fmt: skip
    with Landmarker(max_faces=4) as looking, _CloseUps() as close:
        for enlarged in (1.6, 1.0, 2.4):
            side = enlarged * max(width, height)
            x0, y0 = max(0.0, middle[0] - side / 2), max(0.0, middle[1] - side / 2)
            x1, y1 = min(float(across), middle[0] + side / 2), min(float(down), middle[1] + side / 2)
            for turn in range(4):
                faces: list[Face] = []
                _look(image, _window(x0, y0, x1 - x0, y1 - y0, turn), looking, close, faces)
                inside = [face for face in faces if _fits(face, box)]
                if inside:
                    return inside[0]
    return fitted_face(box)


def _fits(face: Face, box: Box) -> bool:
    """Whether the face's middle lies in the box, and its size is not out of all proportion to it."""
    middle = face.landmarks[:, :2].mean(0)
    x, y, width, height = box
    inside = x <= middle[0] <= x + width and y <= middle[1] <= y + height
    return bool(inside and 0.3 < _size(face) / max(width, height) < 2.0)
