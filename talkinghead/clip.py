"""One streaming pipeline: a driver's motion, a renderer's frames, paste-back, a file.

    canvas (picture or video) ─┐
    driver (MotionSource) ── gains ── Renderer ── paste-back ── frames ── write_video

Nothing is computed before somebody asks for a frame, and no more than a few frames exist at a time.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from talkinghead.core.settings import Settings
from talkinghead.core.types import DrawnCrop, Image, Pixels, Portrait
from talkinghead.motion.gains import apply_gains
from talkinghead.motion.motion import Motion
from talkinghead.motion.protocols import MotionSource, Renderer

if TYPE_CHECKING:
    from talkinghead.quality.report import Observer

T = TypeVar("T")

# Frames of motion computed ahead of the drawing: enough to keep a second core busy, small enough to forget.
_CHUNKS_AHEAD = 4


class Canvas(Protocol):
    """What is drawn upon: a still picture or a video."""

    @property
    def frames(self) -> int | None:
        """How many frames it has; None for a still, which has as many as are asked for."""
        ...

    def portraits(self) -> Portrait | Iterable[Portrait]:
        """What a renderer's `render` takes: one portrait, or one per frame."""
        ...

    def finished(self, frame: DrawnCrop, pasted: Callable[[DrawnCrop], Pixels]) -> Pixels:
        """A drawn frame in its place: `pasted` does it, unless the canvas knows better (a frame without a face)."""
        ...


@dataclass(frozen=True)
class Still:
    """A picture as a canvas."""

    portrait: Portrait
    frames: int | None = None

    def portraits(self) -> Portrait:
        return self.portrait

    def finished(self, frame: DrawnCrop, pasted: Callable[[DrawnCrop], Pixels]) -> Pixels:
        return pasted(frame)


def open_still(image: Image, renderer: Renderer, settings: Settings) -> Still:
    """Find the face that `settings` ask for and crop it as `renderer` likes it.

    Raises:
        FaceError: there is no such face.
    """
    from talkinghead.faces import find_face

    whole = settings.framing == "whole"
    width, height = image.size_px
    # A picture that already is a crop always has its face: where none is found, in the middle of it.
    box = settings.box or ((0.0, 0.0, float(width), float(height)) if whole else None)
    face = find_face(image, index=settings.face, box=box)
    return Still(renderer.crop(image, face, whole=whole))


def ahead(items: Iterable[T], depth: int = _CHUNKS_AHEAD) -> Iterator[T]:
    """`items`, computed up to `depth` ahead in a thread; an exception there is raised here."""
    done = object()
    waiting: queue.Queue[object] = queue.Queue(maxsize=depth)
    stopped = threading.Event()

    def put(item: object) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for item in items:
                if not put(item):
                    return
        except BaseException as error:
            put(error)
        else:
            put(done)

    thread = threading.Thread(target=work, name="talkinghead-ahead", daemon=True)
    thread.start()
    try:
        while (item := waiting.get()) is not done:
            if isinstance(item, BaseException):
                raise item
            yield item  # type: ignore[misc]
    finally:
        stopped.set()
        thread.join(timeout=5.0)


def _pasted(frame: DrawnCrop) -> Pixels:
    from talkinghead.faces.paste import paste_back

    return paste_back(frame.portrait.image.pixels, frame)


class Clip:
    """A speaking picture, drawn when its frames are asked for.

    Iterate for frames (H, W, 3) RGB uint8, or `save` it. `frames` is None where only the end of the driver will tell.
    `audio` is the sound that belongs to it.
    """

    def __init__(
        self,
        canvas: Canvas,
        driver: MotionSource,
        renderer: Renderer,
        settings: Settings,
        *,
        audio: Path | None = None,
        duration_s: float | None = None,
        note: str = "",
    ) -> None:
        self.audio, self.duration_s, self.note = audio, duration_s, note
        self._canvas, self._driver, self._renderer, self._settings = canvas, driver, renderer, settings

    @property
    def fps(self) -> Fraction:
        return self._driver.fps

    @property
    def frames(self) -> int | None:
        return self._driver.frames

    @property
    def renderer(self) -> str:
        """The renderer's name."""
        return self._renderer.name

    @property
    def tracking(self) -> dict[str, dict[str, float]]:
        """How tracking went so far, of the "driver" and of the "source"; without what was not tracked."""
        found = {name: getattr(of, "report", None) for name, of in (("driver", self._driver), ("source", self._canvas))}
        return {name: asdict(report) for name, report in found.items() if report is not None}

    def motion(self) -> Iterator[Motion]:
        """The driving motion as it is drawn: after the gains, in chunks."""
        for chunk in self._driver:
            yield apply_gains(chunk, self._settings.gains, self._settings.still)

    def drawn(self, watch: Callable[[Motion], None] | None = None) -> Iterator[DrawnCrop]:
        """The renderer's frames before paste-back; `watch` sees each chunk of motion before it is drawn."""

        def watched() -> Iterator[Motion]:
            for chunk in ahead(self.motion()):
                if watch:
                    watch(chunk)
                yield chunk

        return self._renderer.render(self._canvas.portraits(), watched())

    def finished(self, frame: DrawnCrop) -> Pixels:
        """A drawn frame as it belongs into the video: pasted back, or the crop alone."""
        if self._settings.framing != "picture":
            return frame.pixels
        return self._canvas.finished(frame, _pasted)

    def pictures(self, watch: Callable[[Motion], None] | None = None) -> Iterator[tuple[DrawnCrop, Pixels]]:
        """Every drawn frame with the finished picture it became."""
        for frame in self.drawn(watch):
            yield frame, self.finished(frame)

    def __iter__(self) -> Iterator[Pixels]:
        for _, pixels in self.pictures():
            yield pixels

    def save(
        self,
        path: str | Path,
        *,
        force: bool = False,
        observer: Observer | None = None,
        progress: Callable[[int], None] | None = None,
        motion_to: Path | None = None,
    ) -> Path:
        """Draw everything into the file `path`, with the sound; the file appears whole or not at all.

        `progress` is called with the number of frames done; `observer` (see `quality.report`) sees every chunk of
        motion and every frame; `motion_to` also writes the driving motion to a file.

        Raises:
            OutputError: the file exists and `force` is not set, or it cannot be written.
        """
        from talkinghead.media.video import write_video

        chunks: list[Motion] = []

        def watch(chunk: Motion) -> None:
            if observer:
                observer.see_motion(chunk)
            if motion_to:
                chunks.append(chunk)

        def frames() -> Iterator[Pixels]:
            pictures = self.pictures(watch)
            timed = observer.stages.each("draw and paste back", pictures) if observer else pictures
            for done, (frame, pixels) in enumerate(timed, start=1):
                if observer:
                    observer.see_frame(frame, pixels)
                yield pixels
                if progress:
                    progress(done)

        write_video(path, frames(), self.fps, self.audio, duration_s=self.duration_s, force=force)
        if motion_to:
            from talkinghead.motion.files import save_motion

            save_motion(Motion.concatenate(chunks), motion_to, force=force)
        return Path(path)
