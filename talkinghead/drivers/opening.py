"""Putting an animated clip together: a canvas, whatever drives it, and a renderer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from talkinghead.avatar import is_video, open_canvas
from talkinghead.clip import Canvas, Clip, Still
from talkinghead.core.device import precision_for
from talkinghead.core.errors import InputError
from talkinghead.core.settings import DEFAULT_FPS, Settings
from talkinghead.core.types import Face
from talkinghead.motion.motion import Motion
from talkinghead.motion.protocols import MotionSource
from talkinghead.renderers.select import select

if TYPE_CHECKING:
    from talkinghead.core.types import TrackReport
    from talkinghead.models.liveportrait.engine import Engine

MOTION_SUFFIXES = frozenset({".npz", ".pkl", ".csv"})
_SOUND_SUFFIXES = frozenset({".wav", ".mp3", ".flac", ".ogg", ".opus", ".m4a", ".aac", ".wma", ".aiff"})


@dataclass(frozen=True)
class Driver:
    """What drives, and the sound that belongs to it."""

    source: MotionSource
    audio: Path | None = None


class Animation(Clip):
    """A clip that a driver moves."""

    @property
    def track(self) -> TrackReport | None:
        """How tracking went so far, where faces were tracked."""
        return getattr(self._driver, "report", None)


def open_driver(
    driving: Path,
    *,
    fps: Fraction | None = None,
    portrait: Face | None = None,
    face: int | None = None,
    box: tuple[float, float, float, float] | None = None,
    still: bool = False,
    engine: Engine | None = None,
) -> Driver:
    """What `driving` is goes by its name: a motion file, a folder of frames, a video, or else a picture.

    `fps` None keeps the driver's own rate; `portrait` is the face to be driven; `face` the driver's own; `still` asks a
    picture for one frame rather than a short clip. With LivePortrait's networks (`engine`), videos and pictures are
    read by its own motion extractor.

    Raises:
        InputError: it cannot be read as what its name says.
    """
    if not driving.exists():
        raise InputError(f"there is nothing called {driving}: DRIVING is a video, a picture, a motion file or a folder")
    if driving.suffix.lower() in MOTION_SUFFIXES:
        from talkinghead.motion.files import MotionFileSource

        return Driver(MotionFileSource(driving, fps))
    if driving.is_dir():
        from talkinghead.drivers.frames import FolderMotionSource

        folder = FolderMotionSource(driving, fps=fps or DEFAULT_FPS, portrait=portrait, face=face)
        return Driver(folder, folder.audio)
    if engine is not None:
        return _extracted(driving, engine, fps=fps, face=face, box=box, still=still)
    if driving.suffix.lower() in _SOUND_SUFFIXES:
        raise InputError(
            f"{driving} is a recording: `talkinghead speak SOURCE {driving.name}` makes a portrait speak it"
        )
    if is_video(driving):
        from talkinghead.drivers.video import VideoMotionSource

        video = VideoMotionSource(driving, fps=fps, portrait=portrait, face=face)
        return Driver(video, driving if video.has_audio else None)
    from talkinghead.drivers.picture import PictureMotionSource
    from talkinghead.media.images import read_image

    image = read_image(driving)
    return Driver(PictureMotionSource(image, fps=fps or DEFAULT_FPS, clip=not still, face=face, box=box))


def _extracted(
    driving: Path,
    engine: Engine,
    *,
    fps: Fraction | None,
    face: int | None,
    box: tuple[float, float, float, float] | None,
    still: bool,
) -> Driver:
    """A video or a picture as LivePortrait's motion extractor reads it."""
    from talkinghead.drivers.liveportrait import ExtractedMotionSource, ExtractedPictureSource

    if is_video(driving):
        from talkinghead.media.video import VideoReader

        reader = VideoReader(driving, fps)
        video = ExtractedMotionSource(
            reader, reader.fps, engine, name=driving.name, frames=reader.frames, face=face
        )  # fmt: skip
        return Driver(video, driving if reader.has_audio else None)
    from talkinghead.media.images import read_image

    image = read_image(driving)
    return Driver(
        ExtractedPictureSource(image, engine, fps=fps or DEFAULT_FPS, clip=not still, face=face, box=box)
    )  # fmt: skip


def animate(
    source: str | Path,
    driving: str | Path,
    settings: Settings,
    *,
    audio: str | Path | None = None,
    silent: bool = False,
    driving_face: int | None = None,
    driving_box: tuple[float, float, float, float] | None = None,
    single: bool = False,
) -> Animation:
    """A clip of `source`, a picture or a video, moved by `driving`; see `talkinghead.animate`.

    `audio` replaces the driver's sound, `silent` leaves it out; `driving_face` and `driving_box` say which face drives;
    `single` asks a driving picture for one frame.
    """
    source, driving = Path(source), Path(driving)
    motion = _motion_of(driving)
    known_frames = len(motion) if motion else 1 if single else None
    settings = replace(settings, precision=precision_for(settings.precision, known_frames))
    renderer, note = select(settings)
    if is_video(source) and settings.fps is None:
        settings = replace(settings, fps=motion.fps if motion else _rate(driving, source))
    canvas = open_canvas(source, renderer, settings)
    driver = open_driver(
        driving,
        fps=settings.fps,
        portrait=_portrait(canvas),
        face=driving_face,
        box=driving_box,
        still=single,
        engine=getattr(renderer, "engine", None),
    )
    sound = None if silent else Path(audio) if audio else driver.audio
    frames = driver.source.frames
    duration_s = None if frames is None or sound is None else float(frames / driver.source.fps)
    return Animation(canvas, driver.source, renderer, settings, audio=sound, duration_s=duration_s, note=note)


def _motion_of(driving: Path) -> Motion | None:
    """A motion file's motion, whose length and rate are wanted before it drives; None for other drivers."""
    if driving.suffix.lower() not in MOTION_SUFFIXES or not driving.is_file():
        return None
    from talkinghead.motion.files import load_motion

    return load_motion(driving)


def _portrait(canvas: Canvas) -> Face | None:
    """The face of a still canvas."""
    return canvas.portrait.face if isinstance(canvas, Still) else None


def _rate(driving: Path, source: Path) -> Fraction:
    """The frame rate of a clip whose source is a video: that of a video that drives, else the source's own."""
    from talkinghead.media.video import VideoReader

    with VideoReader(driving if is_video(driving) else source) as reader:
        return reader.fps
