"""One face followed through a video."""

from __future__ import annotations

from types import TracebackType

import cv2
import numpy as np

from talkinghead.core.types import Face, Image, Pixels
from talkinghead.faces.close_up import upright_turns
from talkinghead.faces.detect import same_face, search
from talkinghead.faces.landmarker import Landmarker

# The window that is looked at: side in face sizes, and how far the face may stray before the window follows.
_WINDOW_FACES = 2.4
_STRAY = 0.45
_WINDOW_PX = 384
# Looking for a lost face costs much more than following one: how many frames apart.
_SEARCH_EVERY = 5


class FaceTracker:
    """Follows one face: the largest of the first frame that shows one, or number `index`, counted from 1, the largest.

    Looks at a window around the face, which keeps to it where others are near, and searches the whole picture again
    after losing it. A context manager; not for several threads at once.
    """

    def __init__(self, index: int | None = None) -> None:
        self._index = index
        self._landmarker: Landmarker | None = None
        self.reset()

    def reset(self) -> None:
        """Forget the face: the next frame is the first of another video."""
        self._window: tuple[int, int, int, int, int] | None = None
        self._last: Face | None = None
        self._shape: tuple[int, ...] = ()
        self._missed = 0
        if self._landmarker is not None:
            self._landmarker.forget()

    def track(self, pixels: Pixels) -> Face | None:
        """The face in the next frame (H, W, 3) RGB uint8, in its pixels; None where it is not to be seen."""
        face = self._followed(pixels) if self._window else None
        if face is None:
            face = self._searched(pixels)
        if face is None:
            self._missed += 1
            self._window = None
            return None
        self._missed, self._last = 0, face
        return face

    def close(self) -> None:
        """Free what tracking holds."""
        if self._landmarker is not None:
            self._landmarker.close()
            self._landmarker = None

    def __enter__(self) -> FaceTracker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _followed(self, pixels: Pixels) -> Face | None:
        """The face in the window, which moves when the face has strayed."""
        assert self._window is not None
        if self._shape != pixels.shape:
            return None
        # The second look is no repetition: having lost the face, the graph detects it anew.
        face = self._seen(pixels) or self._seen(pixels)
        if face is None or not self._strayed(face):
            return face
        self._window = _window_around(face, pixels)
        # The graph expects the face where the old window had it: let it settle on the same frame.
        return self._seen(pixels) or self._seen(pixels)

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
        self._shape = pixels.shape
        for margin in (_WINDOW_FACES, 1.5):
            self._window = _window_around(found, pixels, margin)
            if self._landmarker is not None:
                self._landmarker.forget()
            self._seen(pixels)
            seen = self._seen(pixels)
            if seen is not None and same_face(seen, found):
                return seen
        return found

    def _distance(self, face: Face) -> float:
        assert self._last is not None
        return float(np.hypot(*(face.landmarks[:, :2].mean(0) - self._last.landmarks[:, :2].mean(0))))

    def _seen(self, pixels: Pixels) -> Face | None:
        """The face as the window shows it."""
        assert self._window is not None
        x0, y0, x1, y1, turn = self._window
        view = np.rot90(pixels[y0:y1, x0:x1], turn)
        height, width = view.shape[:2]
        scale = min(1.0, _WINDOW_PX / max(height, width))
        size = max(8, round(width * scale)), max(8, round(height * scale))
        if size != (width, height):
            view = cv2.resize(np.ascontiguousarray(view), size, interpolation=cv2.INTER_AREA)
        if self._landmarker is None:
            self._landmarker = Landmarker(video=True)
        found = self._landmarker.meshes(np.asarray(view, np.uint8))
        if not found:
            return None
        points = found[0].astype(np.float64)
        sx, sy = width / size[0], height / size[1]
        x, y = (points[:, 0] + 0.5) * sx - 0.5, (points[:, 1] + 0.5) * sy - 0.5
        for _ in range(turn):
            x, y, width, height = height - 1 - y, x, height, width
        return Face(np.column_stack([x + x0, y + y0, points[:, 2] * (sx + sy) / 2]).astype(np.float32))

    def _strayed(self, face: Face) -> bool:
        assert self._window is not None
        x0, y0, x1, y1, _ = self._window
        x, y, width, height = face.box
        size = max(width, height)
        wanted = _WINDOW_FACES * size
        offset = max(abs(x + width / 2 - (x0 + x1) / 2), abs(y + height / 2 - (y0 + y1) / 2))
        return offset > _STRAY * size or not 0.7 < max(x1 - x0, y1 - y0) / wanted < 1.4


def _window_around(face: Face, pixels: Pixels, margin: float = _WINDOW_FACES) -> tuple[int, int, int, int, int]:
    """(x0, y0, x1, y1, quarter turns that make the face upright), inside the picture."""
    height, width = pixels.shape[:2]
    x, y, w, h = face.box
    side = margin * max(w, h, 8.0)
    x0, y0 = int(max(0, x + w / 2 - side / 2)), int(max(0, y + h / 2 - side / 2))
    x1, y1 = int(min(width, x + w / 2 + side / 2 + 1)), int(min(height, y + h / 2 + side / 2 + 1))
    return min(x0, width - 8), min(y0, height - 8), max(x1, 8), max(y1, 8), upright_turns(face)
