"""One face followed through a video."""

from __future__ import annotations

from dataclasses import replace
from types import TracebackType

import numpy as np

from talkinghead.core.types import Face, Image, Pixels
from talkinghead.faces.cuts import CutDetector
from talkinghead.faces.detect import search
from talkinghead.faces.following import followed, watched

# Below this score there is no face any more: a followed one is at 0.77 to 0.95, the mesh goes on over anything.
_GONE = 0.25
# Below this one there is none if it lasts: hands, blur and profiles come and go.
_FAINT, _FAINT_FRAMES = 0.5, 5
# Looking for a lost face costs much more than following one: how many frames apart.
_SEARCH_EVERY = 5


class FaceTracker:
    """Follows one face: the largest of the first frame that shows one, or number `index`, counted from 1, the largest.

    The mesh is laid where it was in the last frame, so that it keeps to its face where others are near; the detector
    watches that a face is still there, and the whole picture is searched again after losing it, and after a cut. A
    context manager; not for several threads at once.

    `cut`: whether the last frame tracked was the first of another shot.
    """

    def __init__(self, index: int | None = None) -> None:
        self._index = index
        self.reset()

    def reset(self) -> None:
        """Forget the face: the next frame is the first of another video."""
        self._last: Face | None = None
        self._shape: tuple[int, ...] = ()
        self._missed = self._faint = 0
        self._cuts, self.cut = CutDetector(), False

    def track(self, pixels: Pixels) -> Face | None:
        """The face in the next frame (H, W, 3) RGB uint8, in its pixels; None where it is not to be seen."""
        self.cut = self._cuts.is_cut(pixels)
        if self.cut:
            self._last, self._missed = None, 0
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
        face = followed(pixels, last)
        if face is None:
            return None
        score = watched(pixels, face)
        self._faint = self._faint + 1 if score < _FAINT else 0
        return None if score < _GONE or self._faint > _FAINT_FRAMES else replace(face, confidence=score)

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
        return found

    def _distance(self, face: Face) -> float:
        assert self._last is not None
        return float(np.hypot(*(face.landmarks[:, :2].mean(0) - self._last.landmarks[:, :2].mean(0))))
