"""One face followed through a video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from types import TracebackType
from typing import NamedTuple

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
        self.look(pixels)
        near = self.near(pixels)
        return self.take(pixels, near, None if near is None else watched(pixels, near))

    def look(self, pixels: Pixels) -> None:
        """The next frame: whether it is another shot's first, in which nothing is where it was."""
        self.cut = self._cuts.is_cut(pixels)
        if self.cut:
            self._last, self._missed = None, 0

    def near(self, pixels: Pixels) -> Face | None:
        """The mesh near where the face last was, which need not be one any more; None where it is to be searched."""
        if self._last is None or self._missed or pixels.shape != self._shape:
            return None
        return followed(pixels, self._last)

    def take(self, pixels: Pixels, near: Face | None, score: float | None) -> Face | None:
        """The face in the frame that was looked at, given what is `near` and how sure the detector is of that."""
        face = None if near is None or score is None else self._held(near, score)
        if face is None:
            self._faint = 0
            face = self._searched(pixels)
        if face is None:
            self._missed += 1
            return None
        self._missed, self._last, self._shape = 0, face, pixels.shape
        return face

    def holds(self, near: Face) -> bool:
        """Whether the face that was last taken is the one that was `near`, not one found anew."""
        return self._last is not None and not self._missed and self._last.landmarks is near.landmarks

    def close(self) -> None:
        """Forget the face; there is nothing else to free."""
        self.reset()

    def __enter__(self) -> FaceTracker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _held(self, face: Face, score: float) -> Face | None:
        """The face that is followed; None where the detector sees none there any more."""
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


class Sight(NamedTuple):
    """What following found in one frame (H, W, 3): the face, None where it is not to be seen; a cut before it."""

    pixels: Pixels
    face: Face | None
    cut: bool


class _Waiting(NamedTuple):
    """A frame whose mesh is laid, while the detector looks whether a face is there."""

    pixels: Pixels
    near: Face
    score: Future[float]
    cut: bool


class StreamTracker:
    """Follows a face as `FaceTracker` does, with the same answers, which come one frame later.

    The detector's look at one frame runs in a thread beside the next frame's mesh, which is laid where the face is if
    the detector agrees, and again where it does not.
    """

    def __init__(self, index: int | None = None) -> None:
        self._tracker = FaceTracker(index)
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="talkinghead-watching")
        self._waiting: _Waiting | None = None

    def push(self, pixels: Pixels) -> list[Sight]:
        """One more frame (H, W, 3) RGB uint8, which is kept until it is answered; the sights that are known now."""
        last, self._waiting = self._waiting, None
        # Where the face is if the detector agrees: nothing else of the tracker's state matters for the mesh.
        guess = None if last is None or last.pixels.shape != pixels.shape else followed(pixels, last.near)
        out = [] if last is None else [self._answered(last)]
        held = last is not None and self._tracker.holds(last.near)
        self._tracker.look(pixels)
        near = guess if held and not self._tracker.cut else self._tracker.near(pixels)
        if near is None:
            return [*out, Sight(pixels, self._tracker.take(pixels, None, None), self._tracker.cut)]
        self._waiting = _Waiting(pixels, near, self._pool.submit(watched, pixels, near), self._tracker.cut)
        return out

    def finish(self) -> list[Sight]:
        """The sight that waited."""
        last, self._waiting = self._waiting, None
        return [] if last is None else [self._answered(last)]

    def follow(self, pictures: Iterable[Pixels]) -> Iterator[Sight]:
        """The sights of all `pictures` (H, W, 3), in their order."""
        for pixels in pictures:
            yield from self.push(pixels)
        yield from self.finish()

    def _answered(self, waiting: _Waiting) -> Sight:
        face = self._tracker.take(waiting.pixels, waiting.near, waiting.score.result())
        return Sight(waiting.pixels, face, waiting.cut)

    def close(self) -> None:
        """Forget the face and end the thread."""
        self._waiting = None
        self._tracker.close()
        self._pool.shutdown()

    def __enter__(self) -> StreamTracker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
