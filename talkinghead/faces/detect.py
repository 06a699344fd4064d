"""Faces in a picture: looked for at several scales and in four rotations, then measured on an upright close-up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from talkinghead.core.errors import FaceError
from talkinghead.core.types import Face, Image
from talkinghead.faces import mesh
from talkinghead.faces.close_up import CloseUps, size_px
from talkinghead.faces.crop import Matrix, compose, inverse, resample
from talkinghead.faces.landmarker import Landmarker

Box = tuple[float, float, float, float]

MAX_FACES = 32
# The detector looks at 128 pixels; more than this only costs time.
_LOOK_PX = 640
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
    with Landmarker(max_faces=8) as looking, CloseUps() as close:
        for turn in range(turns):
            for parts in (1, 2, 4):
                if parts > finest or (parts > 1 and longer < parts * _MIN_WINDOW_PX):
                    break
                for window in _windows(image.size_px, parts, turn):
                    _look(image, window, looking, close, faces)
                if faces and (parts > 1 or (not thorough and size_px(faces[0]) > _LARGE * longer)):
                    break
            if faces:
                break
    return faces


def _look(image: Image, window: _Window, looking: Landmarker, close: CloseUps, faces: list[Face]) -> None:
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


def same_face(one: Face, other: Face) -> bool:
    """Whether both are the same face of one picture."""
    apart = one.landmarks[:, :2].mean(0) - other.landmarks[:, :2].mean(0)
    return float(np.hypot(*apart)) < _SAME * max(size_px(one), size_px(other))


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
    with Landmarker(max_faces=4) as looking, CloseUps() as close:
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
    return bool(inside and 0.3 < size_px(face) / max(width, height) < 2.0)
