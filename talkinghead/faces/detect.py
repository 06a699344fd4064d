"""Faces in a picture: looked for at several scales and in four rotations, then measured on an upright close-up."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from talkinghead.core.errors import FaceError
from talkinghead.core.types import Face, Image, Pixels
from talkinghead.faces import mesh
from talkinghead.faces.close_up import refined, roll_deg, size_px
from talkinghead.faces.landmarker import Landmarker, mean_distance
from talkinghead.faces.windows import shrunk, windows
from talkinghead.models.face_mesh import Region

Box = tuple[float, float, float, float]

MAX_FACES = 32
# How sure the detector has to be of a face on its close-ups: people's are at 0.82 (in a mask) to 0.94, those of a
# monkey and of a dog that are seen from the front, eyes, nose and mouth where the mesh has them, and of animals drawn
# so, at 0.75 to 0.8; ears, eyeballs, cars and leopards stay under 0.7.
TAKEN = 0.73
# Nobody lies on his side or hangs head down as often as noise looks as if he did: sockets and cells reach 0.77.
_TAKEN_TURNED = 0.81
_TURNED_DEG = 60
# Where somebody said that there is a face.
_TAKEN_IN_BOX = 0.6
# A face that is taken with less than this may be none, or not a person's.
DOUBTFUL = 0.81
# The detector looks at 128 pixels; windows are brought to this first, so that fine detail does not alias.
_LOOK_PX = 256
_AT_ONCE = 8
# A face this large, as a share of the picture's longer side, leaves no room for a larger one elsewhere.
_LARGE = 0.2
# Smaller windows than this show no face that could be animated.
_MIN_WINDOW_PX = 64
# Two faces whose middles are nearer than this share of the larger one's size are one face.
_SAME = 0.4
# First look and close-up agree when their points are this near, in pupil distances.
_AGREED = 0.1


def find_faces(image: Image, max_faces: int = MAX_FACES) -> list[Face]:
    """Every face in `image`, largest first, at most `max_faces`.

    Faces of about a twentieth of the picture's width are found, and faces lying on their side or upside down where no
    upright one is there. An empty list means that there is none. Points are those that MediaPipe itself measures where
    it finds the face at its first look; `find_face` measures them once more.
    """
    return [found.first_look or found.face for found in _search(image)[:max_faces]]


def find_face(image: Image, index: int | None = None, box: Box | None = None) -> Face:
    """One face of `image`: the largest, or number `index` counted from 1, the largest.

    It is measured on an upright close-up, as a face in a video is: from the same view, meshes are the same.
    `box` (x, y, width, height in the picture's own pixels) says where it is: it is looked for there first and, where
    nothing is found (an animal, a drawing), an average face is laid into the box, forehead at its top and chin at its
    bottom.

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


def doubtful(face: Face) -> bool:
    """Whether the detector is so little sure of a face that it is worth a word to whoever chose the picture."""
    return face.confidence < DOUBTFUL


def search(image: Image, *, thorough: bool = True, turns: int = 4, finest: int = 4) -> list[Face]:
    """Faces, largest first: at ever finer scales, then turned, until something is found.

    Not `thorough`: one large face is enough. `turns` (1 to 4) quarter turns are tried, in windows as small as
    1/`finest` (1, 2, 4) of the picture.
    """
    return [found.face for found in _search(image, thorough=thorough, turns=turns, finest=finest)]


class _Found(NamedTuple):
    """A face on its close-up, and as MediaPipe's first look at the whole picture has it, where the two agree."""

    face: Face
    first_look: Face | None = None


def _search(image: Image, *, thorough: bool = True, turns: int = 4, finest: int = 4) -> list[_Found]:
    longer = max(image.size_px)
    search = _Search(image)
    search.first_look()
    for turn in range(turns):
        for parts in (1, 2, 4):
            found = search.found
            if found and (parts == 4 or (not thorough and size_px(found[0].face) > _LARGE * longer)):
                return found
            if parts > finest or (parts > 1 and longer < parts * _MIN_WINDOW_PX):
                break
            if not (found and parts == 1):  # the first look was at the same
                search.look(windows(image.size_px, parts, turn))
        if search.found:
            break
    return search.found


class _Search:
    """The faces of one picture, as they are found: apart from each other, largest first."""

    def __init__(self, image: Image, least: float = TAKEN) -> None:
        """`least` is the confidence asked of upright faces."""
        self.found: list[_Found] = []
        self._image, self._least = image, least
        self._refused: list[Face] = []

    def first_look(self) -> None:
        """Look at the whole picture as MediaPipe does."""
        for rough in Landmarker(max_faces=_AT_ONCE).faces(self._image.pixels):
            face = self._earned(rough)
            if face is not None:
                agreed = _upright(face) and mean_distance(face.landmarks, rough.landmarks) < _AGREED
                self._keep(_Found(face, replace(rough, confidence=face.confidence) if agreed else None))

    def look(self, squares: Iterator[Region]) -> None:
        """Look at squares of the picture, all of one size."""
        small: Pixels | None = None
        scale, looking = 1.0, Landmarker(max_faces=_AT_ONCE)
        for window in squares:
            if small is None:
                scale = min(1.0, _LOOK_PX / window.side)
                small = shrunk(self._image.pixels, scale)
            there = Region(window.x * scale, window.y * scale, window.side * scale, window.angle)
            back = np.array([[1 / scale, 0, 0.5 / scale - 0.5], [0, 1 / scale, 0.5 / scale - 0.5]])
            for rough in looking.faces(small, there):
                face = self._earned(rough.moved(back))
                if face is not None:
                    self._keep(_Found(face))

    def _earned(self, rough: Face) -> Face | None:
        """What a close-up shows of a face that is not known yet; None where it does not earn its confidence."""
        if self._known(rough) or any(_alike(rough, other) for other in self._refused):
            return None
        face = refined(self._image.pixels, rough)
        if face is None or face.confidence < (self._least if _upright(face) else _TAKEN_TURNED):
            self._refused.append(rough)
            return None
        return None if self._known(face) else face

    def _known(self, rough: Face) -> bool:
        return any(same_face(rough, other.face) for other in self.found)

    def _keep(self, found: _Found) -> None:
        self.found.append(found)
        self.found.sort(key=lambda found: (-found.face.box[2] * found.face.box[3], found.face.box[0]))


def _upright(face: Face) -> bool:
    return abs(roll_deg(face)) < _TURNED_DEG


def _alike(one: Face, other: Face) -> bool:
    """Whether two first looks at the same thing would lead to the same close-up."""
    turned = abs((roll_deg(one) - roll_deg(other) + 180) % 360 - 180)
    return same_face(one, other) and turned < 45 and 0.7 < size_px(one) / size_px(other) < 1.4


def same_face(one: Face, other: Face) -> bool:
    """Whether both are the same face of one picture."""
    apart = one.landmarks[:, :2].mean(0) - other.landmarks[:, :2].mean(0)
    return float(np.hypot(*apart)) < _SAME * max(size_px(one), size_px(other))


def _face_in_box(image: Image, box: Box) -> Face:
    x, y, width, height = box
    across, down = image.full_size_px or image.size_px
    if width <= 0 or height <= 0:
        raise FaceError(f"a box of {width:g} x {height:g} pixels holds no face: give x,y,width,height")
    if not (0 <= x + width / 2 <= across and 0 <= y + height / 2 <= down):
        raise FaceError(f"the box {x:g},{y:g},{width:g},{height:g} lies outside {image.name}, "
                        f"which has {across} x {down} pixels: give x,y,width,height")  # fmt: skip
    if image.full_size_px is not None:  # it was shrunk
        (sx, _, x0), (_, sy, y0) = image.to_original.tolist()
        box = x, y, width, height = (x - x0) / sx, (y - y0) / sy, width / sx, height / sy
    middle = x + width / 2, y + height / 2
    for turn in range(4):
        for enlarged in (1.6, 1.0, 2.4):
            search = _Search(image, _TAKEN_IN_BOX)
            search.look(iter([Region(*middle, enlarged * max(width, height), turn * math.pi / 2)]))
            inside = [found.face for found in search.found if _fits(found.face, box)]
            if inside:
                return inside[0]
    return fitted_face(box)


def _fits(face: Face, box: Box) -> bool:
    """Whether the face's middle lies in the box, and its size is not out of all proportion to it."""
    middle = face.landmarks[:, :2].mean(0)
    x, y, width, height = box
    inside = x <= middle[0] <= x + width and y <= middle[1] <= y + height
    return bool(inside and 0.3 < size_px(face) / max(width, height) < 2.0)
