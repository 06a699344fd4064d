"""A face measured again where it was last seen: from frame to frame, or on one picture until it has settled."""

from __future__ import annotations

import cv2
import numpy as np

from talkinghead.core.types import Face, Pixels
from talkinghead.faces.crop import Matrix
from talkinghead.faces.landmarker import region_of, score_around
from talkinghead.models.face_mesh import FaceMesh, Region

# The mesh is laid over a region of 192 pixels; larger ones are first brought to this, which steadies it.
_REGION_PX = 384
# Side of what is cut out around a region, in sides of it: enough for the detector to see a face there.
_CUT_SIDES = 1.7
# Below this presence the mesh network says itself that it sees no face.
_PRESENCE = 0.5
# Looks after which a mesh hardly moves any more on one picture.
_SETTLING = 2


def followed(pixels: Pixels, last: Face) -> Face | None:
    """The face near where it was `last`, in `pixels` (H, W, 3) RGB uint8; None where the mesh network sees none.

    The network sees one nearly everywhere: `watched` knows better.
    """
    region = region_of(last)
    around, to_picture = cut_out(pixels, region)
    (mesh,) = FaceMesh().measure(around, [moved_region(region, to_picture)])
    if mesh.presence < _PRESENCE:
        return None
    return Face(mesh.points - np.array([0.5, 0.5, 0], np.float32), last.confidence).moved(to_picture)


def watched(pixels: Pixels, face: Face) -> float:
    """How sure the detector is of a face where this one is, 0 to 1."""
    region = region_of(face)
    around, to_picture = cut_out(pixels, region)
    there = moved_region(region, to_picture)
    return score_around(around, there._replace(side=_CUT_SIDES * there.side))


def settled(pixels: Pixels, face: Face) -> Face:
    """The face as following it on the same picture shows it, so that a video's second frame is as its first."""
    for _ in range(_SETTLING):
        face = followed(pixels, face) or face
    return face


def cut_out(pixels: Pixels, region: Region) -> tuple[Pixels, Matrix]:
    """What lies around a region, shrunk where it is large, and the map (2, 3) from there to the picture."""
    height, width = pixels.shape[:2]
    half = _CUT_SIDES * region.side / 2
    x0, y0 = int(np.clip(region.x - half, 0, width - 1)), int(np.clip(region.y - half, 0, height - 1))
    x1, y1 = int(np.clip(region.x + half + 1, x0 + 1, width)), int(np.clip(region.y + half + 1, y0 + 1, height))
    part = pixels[y0:y1, x0:x1]
    scale = min(1.0, _REGION_PX / region.side)
    size = max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale))
    if scale < 1:
        part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
    sx, sy = (x1 - x0) / part.shape[1], (y1 - y0) / part.shape[0]
    return part, np.array([[sx, 0, x0 + (sx - 1) / 2], [0, sy, y0 + (sy - 1) / 2]])


def moved_region(region: Region, to_picture: Matrix) -> Region:
    """A region of the picture in what was cut out of it; the map has pixel centres at integers, a region does not."""
    (sx, _, x0), (_, sy, y0) = to_picture
    x, y = (region.x - 0.5 - x0) / sx + 0.5, (region.y - 0.5 - y0) / sy + 0.5
    return Region(x, y, region.side / float(np.sqrt(sx * sy)), region.angle)
