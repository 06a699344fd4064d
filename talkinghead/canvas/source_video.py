"""A video as the canvas: every frame a portrait, for as long as the sound lasts.

Landmarks are tracked, gaps in them filled, and filtered without lag (see `talkinghead.motion.filters`), so that what is
drawn onto the face does not tremble; nothing is filled or filtered across a cut, and frames that show no face stay as
they are. When the driver outlasts the video, it runs backwards and forwards: there is no
jump at the turn. Frames are decoded as they are needed and landmarks kept in a temporary file, so that memory does not
grow with length.
"""

from __future__ import annotations

import itertools
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from talkinghead.core.errors import FaceError
from talkinghead.core.types import N_LANDMARKS, Doubles, DrawnCrop, Face, Floats, Image, Pixels, Portrait, TrackReport
from talkinghead.faces import StreamTracker, detect
from talkinghead.faces.geometry import pupil_distance
from talkinghead.faces.paste import paste_back
from talkinghead.media.video import VideoReader
from talkinghead.motion.filters import FilterSettings, ZeroPhaseOneEuro

Cropper = Callable[[Image, Face], Portrait]

# In pupil distances and seconds: steady in rest, without rounding off what lids and lips do.
_FILTER = FilterSettings(min_cutoff_hz=3.0, beta=15.0)
_MARGIN_S = 0.3
# A face that is away for longer than this is gone, and its frames stay as they are.
_HOLD_S = 0.25
# How often a video that begins without a face is looked at, to find where one is.
_LOOKS_HZ = 2
_SEGMENT_BYTES = 200_000_000
_COLUMNS = N_LANDMARKS * 3 + 1


class SourceVideo:
    """A canvas over a video file (see `talkinghead.canvas.Canvas`).

    `crop` makes a renderer's portrait of a picture and its face. `fps`: the driver's frame rate, to which the video is
    brought; None keeps its own. `frames` is the number of frames before the first turn, where it is known, and None
    when the video is to be repeated (`loop`), because then there is no end.

    Raises:
        VideoError: the file is no video that can be decoded.
        FaceError: it shows no face.
    """

    def __init__(
        self,
        path: str | Path,
        crop: Cropper,
        *,
        fps: Fraction | None = None,
        face: int | None = None,
        loop: bool = True,
    ) -> None:
        self.file, self._crop, self._face, self._loop = Path(path), crop, face, loop
        self._reader = VideoReader(self.file, fps)
        self.fps, self.size_px = self._reader.fps, self._reader.size_px
        self.has_audio = self._reader.has_audio
        self.report: TrackReport | None = TrackReport()

    is_transparent = False
    portrait: Portrait | None = None  # every frame brings one of its own

    @property
    def frames(self) -> int | None:
        """Number of frames; None where the video is repeated without end, or does not tell."""
        return None if self._loop else self._reader.frames

    def portraits(self) -> Iterator[Portrait]:
        """One portrait per frame; without end where the video is repeated."""
        with tempfile.TemporaryFile(prefix="talkinghead-") as store:
            seen = 0
            for image, row in self._forward():
                store.write(row.tobytes())
                seen += 1
                yield self._portrait(image, row)
            store.flush()
            rows = np.memmap(store, np.float32, "r", shape=(seen, _COLUMNS))
            while self._loop:
                for number, image in self._backward(seen - 1):
                    yield self._portrait(image, rows[number])
                for number, pixels in enumerate(self._reader):
                    if 0 < number < seen:
                        yield self._portrait(self._image(pixels), rows[number])

    def placed(self, drawn: DrawnCrop) -> Pixels:
        """A drawn crop in its place; where the video shows no face, the video's own frame."""
        portrait = drawn.portrait
        return portrait.image.pixels if isinstance(portrait, _Faceless) else paste_back(portrait.image.pixels, drawn)

    def cropped(self, drawn: DrawnCrop) -> Pixels:
        """The drawn crop itself."""
        return drawn.pixels

    def at_rest(self, drawn: DrawnCrop) -> Pixels:
        """The video's own frame."""
        return drawn.portrait.image.pixels

    def _image(self, pixels: Pixels) -> Image:
        return Image(pixels, name=self.file.name)

    def _portrait(self, image: Image, row: Floats) -> Portrait:
        portrait = self._crop(image, Face(np.array(row[:-1]).reshape(N_LANDMARKS, 3)))
        if row[-1] > 0:
            return portrait
        return _Faceless(portrait.image, portrait.face, portrait.crop, portrait.pixels)

    def _forward(self) -> Iterator[tuple[Image, Floats]]:
        """Every frame with its row: 478 filtered landmarks, then whether the frame shows the face."""
        waiting: deque[Image] = deque()
        smoother = LandmarkSmoother(float(self.fps))
        with StreamTracker(index=self._face) as tracker:
            for pixels, found, cut in tracker.follow(self._reader):
                waiting.append(self._image(pixels))
                ready = smoother.push(None if found is None else found.landmarks, cut)
                self.report = smoother.report
                if not smoother.started and len(waiting) > self.fps:  # a title card, say
                    ready = smoother.begin_with(self._first_face().landmarks)
                for row in ready:
                    yield waiting.popleft(), row
        if not smoother.started:
            raise self._faceless()
        for row in smoother.finish():
            yield waiting.popleft(), row

    def _first_face(self) -> Face:
        """The face where it is first to be seen, looked for now and then."""
        for pixels in now_and_then(self._reader, self.fps):
            faces = detect.search(self._image(pixels), turns=1, finest=2)
            if len(faces) >= (self._face or 1):
                return faces[(self._face or 1) - 1]
        raise self._faceless()

    def _faceless(self) -> FaceError:
        which = f"no face number {self._face}" if (self._face or 1) > 1 else "no face"
        return FaceError(f"{self.file.name} shows {which}: choose another video")

    def _backward(self, stop: int) -> Iterator[tuple[int, Image]]:
        """Frames `stop` - 1 down to 0 with their numbers, decoded in segments."""
        width, height = self.size_px
        length = max(8, _SEGMENT_BYTES // (width * height * 3))
        for end in range(stop, 0, -length):
            begin = max(0, end - length)
            segment = list(itertools.islice(self._reader.starting_at(begin), end - begin))
            for number in range(begin + len(segment) - 1, begin - 1, -1):
                yield number, self._image(segment.pop())


def now_and_then(frames: Iterable[Pixels], fps: Fraction) -> Iterator[Pixels]:
    """Of a video's frames those in which it is enough to look for a first face."""
    return itertools.islice(frames, 0, None, max(1, round(fps / _LOOKS_HZ)))


class LandmarkSmoother:
    """Landmarks (478, 3) in pixels, or None, to filtered rows (1435,): landmarks, then 1 where the face is there.

    Short gaps hold the last face; before a shot's first face, another one stands in.
    """

    def __init__(self, rate_hz: float) -> None:
        self.report = TrackReport()
        self._rate_hz = rate_hz
        self._filter = ZeroPhaseOneEuro(rate_hz, _FILTER, _MARGIN_S)
        self._unit_px = 1.0
        self._last: Doubles | None = None
        self._stand_in: Floats | None = None
        self._missing = 0
        self._there: deque[bool] = deque()

    @property
    def started(self) -> bool:
        """Whether a face has been seen, or one stands in."""
        return self._last is not None or self._stand_in is not None

    def push(self, landmarks: Floats | None, cut: bool = False) -> list[Floats]:
        """The next frame's landmarks in, and whether it begins another shot; rows that are ready out."""
        before = self._cut() if cut else []
        self._missing = self._missing + 1 if landmarks is None else 0
        self.report.frames += 1
        self.report.lost += landmarks is None
        self.report.gaps += self._missing == 1
        self.report.longest_s = max(self.report.longest_s, self._missing / self._rate_hz)
        if landmarks is None and self._last is None and self._stand_in is not None:
            return [*before, self._stand_in]
        seen = self._last is not None
        self._there.append(self._missing <= _HOLD_S * self._rate_hz if seen else landmarks is not None)
        if landmarks is None and self._last is None:
            return before
        rows = 1
        if landmarks is not None:
            if self._last is None:
                rows = len(self._there)
                self._unit_px = pupil_distance(landmarks)
            self._last = np.asarray(landmarks, np.float64).reshape(-1) / self._unit_px
        assert self._last is not None
        return before + self._rows(self._filter.push(np.repeat(self._last[None], rows, axis=0)))

    def begin_with(self, landmarks: Floats) -> list[Floats]:
        """What stands in until the first face comes; rows of the frames that waited for it."""
        self._stand_in = np.append(landmarks.reshape(-1), 0).astype(np.float32)
        waiting, self._there = len(self._there), deque()
        return [self._stand_in] * waiting

    def _cut(self) -> list[Floats]:
        """End a shot: its rows, which the next one's do not touch."""
        if self._last is None:
            return []
        rows = self.finish()
        self._stand_in = np.append(self._last * self._unit_px, 0).astype(np.float32)
        self._last, self._filter = None, ZeroPhaseOneEuro(self._rate_hz, _FILTER, _MARGIN_S)
        return rows

    def finish(self) -> list[Floats]:
        """What is still waiting."""
        return self._rows(self._filter.finish())

    def _rows(self, filtered: Doubles) -> list[Floats]:
        return [np.append(row * self._unit_px, self._there.popleft()).astype(np.float32) for row in filtered]


class _Faceless(Portrait):
    """A frame without a face: its landmarks stand in, and it is shown as it is."""

    __slots__ = ()
