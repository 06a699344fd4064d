"""What faces a picture shows, numbered as `--face` counts them: as data and as a picture with labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

import cv2
import numpy as np

from talkinghead.core.errors import FaceError
from talkinghead.core.types import Face, Image, Pixels
from talkinghead.faces import mesh
from talkinghead.faces.detect import doubtful, find_faces
from talkinghead.faces.following import settled
from talkinghead.faces.geometry import head_pose
from talkinghead.faces.mouth import mouth_covered

# Of the labelled picture: RGB, widths and sizes as shares of its longer side.
_BOX, _DOUBT, _TEXT = (40, 220, 90), (255, 170, 30), (0, 0, 0)
_LINE, _LETTER = 1 / 400, 1 / 1400
_MESH_SHARE = 0.35
# Here a pixel's middle has whole coordinates; for others the picture begins at 0.
_FROM_THE_CORNER = np.array([[1, 0, 0.5], [0, 1, 0.5]])


class Pose(TypedDict):
    """Where a head points, in degrees, with the signs of `Motion.rotation`."""

    pitch: float
    yaw: float
    roll: float


class FaceRecord(TypedDict):
    """A face as JSON holds it: see `ListedFace`.

    Pixels are rounded to hundredths and count from the picture's upper left corner, as MediaPipe's do: the middle of
    the first pixel is at 0.5, 0.5.
    """

    index: int
    box: list[float]
    confidence: float
    doubtful: bool
    mouth_covered: bool
    pose: Pose
    landmarks: list[list[float]]


class FacesRecord(TypedDict):
    """A picture's faces as JSON holds them; `size` is [width, height] in pixels."""

    size: list[int]
    faces: list[FaceRecord]


@dataclass(frozen=True, slots=True, eq=False)
class ListedFace:
    """One of a picture's faces.

    `index`: its number, counted from 1, the largest, as `--face` counts; `face`: in the picture's own pixels, even
    where the picture is shrunk to be worked with; `pose`: where the head points; `doubtful`: whether the detector is so
    little sure that it may be none, or no person's; `mouth_covered`: whether something covers the mouth.
    """

    index: int
    face: Face
    pose: Pose
    doubtful: bool
    mouth_covered: bool

    def record(self) -> FaceRecord:
        """The face as JSON holds it."""
        face = self.face.moved(_FROM_THE_CORNER)
        return {
            "index": self.index,
            "box": _rounded(face.box),
            "confidence": round(self.face.confidence, 3),
            "doubtful": self.doubtful,
            "mouth_covered": self.mouth_covered,
            "pose": self.pose,
            "landmarks": [_rounded(point) for point in face.landmarks.tolist()],
        }


def list_faces(image: Image) -> list[ListedFace]:
    """Every face of a picture.

    Raises:
        FaceError: there is none.
    """
    found = find_faces(image)
    if not found:
        raise FaceError(f"no face was found in {image.name}: choose a picture in which one is larger, or seen from the "
                        "front")  # fmt: skip
    return [_listed(image, index, face) for index, face in enumerate(found, 1)]


def faces_record(image: Image, faces: list[ListedFace]) -> FacesRecord:
    """A picture's faces as JSON holds them."""
    return {"size": list(image.full_size_px or image.size_px), "faces": [face.record() for face in faces]}


def labelled(image: Image, faces: list[ListedFace]) -> Pixels:
    """The picture (H, W, 3) with each face's box, number and mesh, in another colour where something is in doubt."""
    pixels = np.array(image.pixels)
    to_pixels = cv2.invertAffineTransform(image.to_original)
    for listed in faces:
        _draw(pixels, listed, listed.face.moved(to_pixels))
    return pixels


def _listed(image: Image, index: int, face: Face) -> ListedFace:
    pitch, yaw, roll = (round(float(angle), 1) + 0.0 for angle in head_pose(face.landmarks))
    pose: Pose = {"pitch": pitch, "yaw": yaw, "roll": roll}
    # What is animated is the mesh at rest.
    covered = mouth_covered(image.pixels, settled(image.pixels, face))
    return ListedFace(index, face.moved(image.to_original), pose, doubtful(face), covered)


def _rounded(values: tuple[float, ...] | list[float]) -> list[float]:
    return [round(float(value), 2) for value in values]


def _draw(pixels: Pixels, listed: ListedFace, face: Face) -> None:
    """One face onto the picture."""
    longer = max(pixels.shape)
    line = max(1, round(longer * _LINE))
    colour = _DOUBT if listed.doubtful or listed.mouth_covered else _BOX
    net = pixels.copy()
    corners = np.round(face.landmarks[mesh.triangles(), :2]).astype(np.int32)
    cv2.polylines(net, list(corners), True, colour, 1, cv2.LINE_AA)
    cv2.addWeighted(net, _MESH_SHARE, pixels, 1 - _MESH_SHARE, 0, dst=pixels)
    x, y, width, height = (round(value) for value in face.box)
    cv2.rectangle(pixels, (x, y), (x + width, y + height), colour, line, cv2.LINE_AA)
    label, scale = str(listed.index), max(0.4, longer * _LETTER)
    (wide, high), below = cv2.getTextSize(label, cv2.FONT_HERSHEY_SIMPLEX, scale, line)
    # Above the box where there is room, else inside it.
    base = y - below - line if y > high + 2 * below else y + high + below
    cv2.rectangle(pixels, (x, base - high - below), (x + wide + 2 * below, base + below), colour, cv2.FILLED)
    cv2.putText(pixels, label, (x + below, base), cv2.FONT_HERSHEY_SIMPLEX, scale, _TEXT, line, cv2.LINE_AA)
