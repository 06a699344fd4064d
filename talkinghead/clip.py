"""A clip: a session collected. Nothing is computed before somebody asks for a frame, and few frames exist at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talkinghead.canvas import Canvas
from talkinghead.canvas.alpha import transparent
from talkinghead.canvas.label import Label
from talkinghead.canvas.several import merge_changes
from talkinghead.core.ahead import ahead
from talkinghead.core.errors import InputError
from talkinghead.core.marking import Marking
from talkinghead.core.temporary import temporary_folder
from talkinghead.core.types import Frame, Pixels
from talkinghead.drivers.driving import Driving
from talkinghead.media.growing import GrowingSound
from talkinghead.media.sound import FileSound, Sound, files_of
from talkinghead.motion.motion import Motion
from talkinghead.motion.protocols import Renderer
from talkinghead.provenance.making import MadeFrom, Making
from talkinghead.session import Look, Session

if TYPE_CHECKING:
    from talkinghead.quality.report import Observer, Report

# A notebook keeps what it shows: of a longer clip it gets this much.
_SHOWN_S = 60


@dataclass(frozen=True)
class Part:
    """One face of a clip: what is drawn upon, what moves it, how it looks.

    `two_canvases`: a transparent picture upon white and upon black, where frames are to keep that.
    """

    canvas: Canvas
    driving: Driving[Any]
    look: Look
    two_canvases: tuple[Canvas, Canvas] | None = None


class Clip:
    """A moving picture, drawn when its frames are asked for.

    Iterate for frames (H, W, 3) RGB uint8 (RGBA where it `is_transparent`), or `save` it; in a notebook it shows
    itself. Made by `Avatar.speak` and `Avatar.animate`.

    - `fps`; `frames`: how many there will be, None where only the end of the driver will tell;
    - `sound`: what belongs to it, if anything does; `duration_s`: where the sound ends;
    - `renderer`: the name of what draws; `note`: one line for people.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        renderer: Renderer,
        *,
        sound: Sound | None = None,
        duration_s: float | None = None,
        note: str = "",
    ) -> None:
        """`parts`: one for each face that moves, all of one picture or video, the first one's motion leading."""
        if not parts:
            raise InputError("a clip needs at least one face")
        self.sound, self.duration_s, self.note = sound, duration_s, note
        self._parts, self._renderer = tuple(parts), renderer
        first = parts[0].driving
        self.fps: Fraction = first.fps
        self.frames: int | None = first.frames

    @property
    def renderer(self) -> str:
        """The renderer's name."""
        return self._renderer.name

    @property
    def faces(self) -> int:
        """How many faces move."""
        return len(self._parts)

    @property
    def is_transparent(self) -> bool:
        """Whether frames are (H, W, 4) RGBA, as `background="transparent"` makes them."""
        return self._parts[0].canvas.is_transparent

    @property
    def _marking(self) -> Marking:
        return self._parts[0].look.marking

    @property
    def making(self) -> Making:
        """What it is made of, and how its file is to be marked."""
        first = self._parts[0]
        source, driving = first.canvas.file, first.driving.file
        made_from = [MadeFrom(source, "source")] if source else []
        made_from += [MadeFrom(file, "sound") for file in files_of(self.sound)]
        made_from += [MadeFrom(driving, "driving")] if driving else []
        return Making(self._marking, tuple(made_from), edits=first.canvas.portrait is None or first.driving.single)

    @property
    def tracking(self) -> dict[str, dict[str, float]]:
        """How following faces has gone so far, of the "driver" and of the "source"; without what was not followed."""
        first = self._parts[0]
        found = {"driver": first.driving.report, "source": first.canvas.report}
        return {name: asdict(report) for name, report in found.items() if report is not None}

    def pictures(self, watch: Callable[[int, Motion], None] | None = None) -> Iterator[Frame]:
        """Every frame as it is drawn; `watch` sees each face's number, from 0, and its motion before it is drawn."""
        streams = [self._stream(number, part, watch) for number, part in enumerate(self._parts)]
        if len(streams) == 1:
            yield from streams[0]
            return
        label = Label(self._marking.visible) if self._marking.visible else None
        for frames in zip(*streams, strict=False):
            first = frames[0]
            at_rest = self._parts[0].canvas.at_rest(first.drawn)
            pixels = merge_changes(at_rest, [frame.pixels for frame in frames])
            yield Frame(label.drawn(pixels) if label else pixels, first.number, first.time_s, first.drawn)

    def _stream(self, number: int, part: Part, watch: Callable[[int, Motion], None] | None) -> Iterator[Frame]:
        """One face's frames: a session that is pushed its driver's motion, which is computed ahead in a thread."""
        # What moves the face is computed while the drawing is opened.
        with ahead(part.driving) as motions, self._session(number, part, part.canvas, watch) as session:
            for motion in motions:
                yield from session.draw(motion)
                if session.has_ended:
                    break
            yield from session.draw_rest()

    def _see_through(self, part: Part, watch: Callable[[int, Motion], None] | None) -> Iterator[Frame]:
        """The frames (H, W, 4) RGBA of a transparent picture, drawn upon white and upon black."""
        assert part.two_canvases is not None
        on_white, on_black = part.two_canvases
        with (
            ahead(part.driving) as motions,
            self._session(0, part, on_white, watch) as white,
            self._session(0, part, on_black, None) as black,
        ):
            for motion in motions:
                yield from map(_rgba, white.draw(motion), black.draw(motion))
            yield from map(_rgba, white.draw_rest(), black.draw_rest())

    def _session(self, number: int, part: Part, canvas: Canvas, watch: Callable[[int, Motion], None] | None) -> Session:
        def watched(motion: Motion) -> None:
            if watch is not None:
                watch(number, motion)

        # Of several faces' changes to one picture, a mark is none: it is drawn into what comes of them.
        look = part.look if self.faces == 1 else replace(part.look, marking=Marking())
        return Session(canvas, self._renderer, part.driving.fps, look=look, single=part.driving.single, watch=watched)

    def __iter__(self) -> Iterator[Pixels]:
        for frame in self.pictures():
            yield frame.pixels

    def first_picture(self) -> Pixels:
        """The first frame (H, W, 3) RGB, or (H, W, 4) RGBA uint8 of a transparent picture."""
        frames = self._see_through(self._parts[0], None) if self._keeps_alpha else self.pictures()
        return next(frames).pixels

    @property
    def _keeps_alpha(self) -> bool:
        return len(self._parts) == 1 and self._parts[0].two_canvases is not None

    def save(
        self,
        path: str | Path,
        *,
        force: bool = False,
        progress: Callable[[int], None] | None = None,
        motion_to: Path | None = None,
        report_to: Path | None = None,
        opened_s: float = 0.0,
        nvenc: bool = False,
    ) -> Path:
        """Draw everything into the file `path`, with the sound; the file appears whole or not at all.

        Args:
            force: replace what is there already.
            progress: called with the number of frames done.
            motion_to: also write the driving motion; with several faces one file for each: motion.npz becomes
                motion-face1.npz, motion-face2.npz, ...
            report_to: also measure the drawn frames and write a report (see `talkinghead.quality.report`); `opened_s`
                is how long it took to open the clip, for that report.
            nvenc: let an NVIDIA GPU encode H.264.

        Raises:
            OutputError: a file exists and `force` is not set, or it cannot be written.
        """
        from talkinghead.core.output import check_writable
        from talkinghead.media.video import check_target, is_folder, write_video

        making = self.making
        check_target(path, force, self.is_transparent, making.marking)
        motion_files = [] if motion_to is None else self.motion_files(motion_to)
        for extra in (*motion_files, *([report_to] if report_to else [])):
            check_writable(extra, force)
        chunks: list[list[Motion]] = [[] for _ in motion_files]
        with self._observed(report_to) as observer, self._heard() as sound:
            frames = self._watched(observer, chunks, progress, is_folder(path) and self._keeps_alpha)
            known = self.sound.info if isinstance(self.sound, FileSound) else None
            write_video(path, frames, self.fps, sound, duration_s=self.duration_s, force=force, making=making,
                        known=known, nvenc=nvenc, transparent=self.is_transparent)  # fmt: skip
            if observer is not None and report_to is not None:
                observer.stages.add("open", opened_s)
                self._report(observer).save(report_to, force=force)
        for target, motion in zip(motion_files, chunks):
            from talkinghead.motion.files import save_motion

            save_motion(Motion.concatenate(motion), target, force=force)
        return Path(path)

    def _heard(self) -> AbstractContextManager[Path | GrowingSound | None]:
        """The sound for the encoder: a file, or what is still growing, so that nobody waits for its end."""
        if self.sound is None or isinstance(self.sound, GrowingSound):
            return nullcontext(self.sound)
        return self.sound.file()

    def _watched(
        self,
        observer: Observer | None,
        chunks: list[list[Motion]],
        progress: Callable[[int], None] | None,
        see_through: bool,
    ) -> Iterator[Pixels]:
        """The finished pictures, with everybody told who wants to know; motion goes to `chunks`, a list per face."""

        def watch(number: int, motion: Motion) -> None:
            if observer and number == 0:
                observer.see_motion(motion)
            if chunks:
                chunks[number].append(motion)

        pictures = self._see_through(self._parts[0], watch) if see_through else self.pictures(watch)
        timed = observer.stages.each("draw and paste back", pictures) if observer else pictures
        for done, frame in enumerate(timed, start=1):
            if observer:
                observer.see_frame(frame.drawn, frame.pixels[..., :3])
            yield frame.pixels
            if progress:
                progress(done)

    def _observed(self, report_to: Path | None) -> AbstractContextManager[Observer | None]:
        """Measuring takes time and a face tracker: only where a report is asked for."""
        if report_to is None:
            return nullcontext()
        from talkinghead.quality.report import Observer

        return Observer(self.fps)

    def _report(self, observer: Observer) -> Report:
        from talkinghead.media.audio import SPEECH_RATE_HZ
        from talkinghead.quality.report import silent_frames

        if self.sound is None:
            return replace(observer.report(self.renderer), tracking=self.tracking)
        silent = silent_frames(self.sound.blocks(SPEECH_RATE_HZ), SPEECH_RATE_HZ, self.fps)
        audio_s = self.sound.duration_s if self.duration_s is None else self.duration_s
        report = observer.report(self.renderer, audio_s=audio_s, silent=silent)
        return replace(report, tracking=self.tracking)

    def motion_files(self, path: Path) -> list[Path]:
        """Where `save` writes the motion of each face when it is told `motion_to=path`."""
        if len(self._parts) == 1:
            return [path]
        return [path.with_name(f"{path.stem}-face{number}{path.suffix}") for number in range(1, len(self._parts) + 1)]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What a notebook shows: the video itself, of a long clip the command that writes it."""
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    def _repr_html_(self) -> str:
        import base64
        import html

        if self.frames is None or self.frames / self.fps > _SHOWN_S:
            return f"<p>{html.escape(repr(self))}: too long to show here, use <code>clip.save('out.mp4')</code></p>"
        kind = "webm" if self.is_transparent else "mp4"
        with temporary_folder() as folder:
            path = self.save(folder / f"clip.{kind}")
            data = base64.b64encode(path.read_bytes()).decode("ascii")
        return f'<video controls loop src="data:video/{kind};base64,{data}"></video>'

    def __repr__(self) -> str:
        length = "of unknown length" if self.frames is None else f"of {float(self.frames / self.fps):.1f} s"
        heard = f", with {self.sound.name}" if self.sound else ""
        return f"<talkinghead.Clip {length} at {self.fps} frames/s, drawn by {self.renderer}{heard}>"


def _rgba(on_white: Frame, on_black: Frame) -> Frame:
    return replace(on_white, pixels=transparent(on_white.pixels, on_black.pixels))
