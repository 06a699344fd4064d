"""One face followed through a video."""

from __future__ import annotations

from dataclasses import replace
from types import TracebackType

import cv2
import numpy as np

from talkinghead.core.types import Face, Image, Pixels
from talkinghead.faces.crop import Matrix
from talkinghead.faces.detect import same_face, search
from talkinghead.faces.landmarker import region_of, score_around
from talkinghead.models.face_mesh import FaceMesh, Region

# The mesh is laid over a region of 192 pixels; larger ones are first brought to this, which steadies it.
_REGION_PX = 384
# Side of what is cut out around a region, in sides of it: enough for the detector to see a face there.
_CUT_SIDES = 1.7
# Below this score there is no face any more: a followed one is at 0.77 to 0.95, the mesh goes on over anything.
_GONE = 0.25
# Below this one there is none if it lasts: hands, blur and profiles come and go.
_FAINT, _FAINT_FRAMES = 0.5, 5
# Below this presence the mesh network says itself that it sees no face.
_PRESENCE = 0.5
# Looking for a lost face costs much more than following one: how many frames apart.
_SEARCH_EVERY = 5


class FaceTracker:
    """Follows one face: the largest of the first frame that shows one, or number `index`, counted from 1, the largest.

    The mesh is laid where it was in the last frame, so that it keeps to its face where others are near; the detector
    watches that a face is still there, and the whole picture is searched again after losing it. A context manager; not
    for several threads at once.
    """

    def __init__(self, index: int | None = None) -> None:
        self._index = index
        self._mesh = FaceMesh()
        self.reset()

    def reset(self) -> None:
        """Forget the face: the next frame is the first of another video."""
        self._last: Face | None = None
        self._shape: tuple[int, ...] = ()
        self._missed = self._faint = 0

    def track(self, pixels: Pixels) -> Face | None:
        """The face in the next frame (H, W, 3) RGB uint8, in its pixels; None where it is not to be seen."""
        face = None
        if self._last is not None and not self._missed and pixels.shape == self._shape:
            face = self._followed(pixels, self._last)
        if face is None:
            self._faint = 0
            face = self._searched(pixels)
        if face is None:
            self._missed += 1
            return None
        self._missed, self._last, self._shape = 0, face, pixels.shape
        return face

    def close(self) -> None:
        """Forget the face; there is nothing else to free."""
        self.reset()

    def __enter__(self) -> FaceTracker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _followed(self, pixels: Pixels, last: Face) -> Face | None:
        """The face near where it was; None where there is none any more."""
        region = region_of(last)
        around, to_picture = _cut_out(pixels, region)
        there = _moved(region, to_picture)
        (mesh,) = self._mesh.measure(around, [there])
        if mesh.presence < _PRESENCE:
            return None
        score = score_around(around, there._replace(side=_CUT_SIDES * there.side))
        self._faint = self._faint + 1 if score < _FAINT else 0
        if score < _GONE or self._faint > _FAINT_FRAMES:
            return None
        return Face(mesh.points - np.array([0.5, 0.5, 0], np.float32), score).moved(to_picture)

    def _searched(self, pixels: Pixels) -> Face | None:
        """The face found anew: near where it was, else by number."""
        if self._missed % _SEARCH_EVERY:
            return None
        # Small and turned faces cost the most to look for: at first, and seldom after that.
        thorough = self._last is None and self._missed % (10 * _SEARCH_EVERY) == 0
        faces = search(Image(pixels), turns=4 if thorough else 1, finest=4 if thorough else 2)
        number = (self._index or 1) - 1
        if self._last is not None and faces:
            found = min(faces, key=self._distance)
        elif number < len(faces):
            found = faces[number]
        else:
            return None
        return self._settled(pixels, found)

    def _settled(self, pixels: Pixels, found: Face) -> Face:
        """The face as following it will show it, so that the second frame does not differ from the first."""
        seen: Face | None = found
        for _ in range(2):
            seen = self._followed(pixels, seen) if seen is not None else None
        return replace(seen, confidence=found.confidence) if seen is not None and same_face(seen, found) else found

    def _distance(self, face: Face) -> float:
        assert self._last is not None
        return float(np.hypot(*(face.landmarks[:, :2].mean(0) - self._last.landmarks[:, :2].mean(0))))


def _cut_out(pixels: Pixels, region: Region) -> tuple[Pixels, Matrix]:
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


def _moved(region: Region, to_picture: Matrix) -> Region:
    """A region of the picture in what was cut out of it; the map has pixel centres at integers, a region does not."""
    (sx, _, x0), (_, sy, y0) = to_picture
    x, y = (region.x - 0.5 - x0) / sx + 0.5, (region.y - 0.5 - y0) / sy + 0.5
    return Region(x, y, region.side / float(np.sqrt(sx * sy)), region.angle)
