"""Putting a speaking clip together: a canvas, a recording, a motion model and a renderer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from talkinghead.clip import Canvas, Clip, open_still
from talkinghead.core.errors import CheckpointError, TalkingHeadError
from talkinghead.core.settings import DEFAULT_FPS, Settings
from talkinghead.core.types import Floats, Image
from talkinghead.motion.protocols import MotionSource, Renderer
from talkinghead.renderers.select import select

if TYPE_CHECKING:
    from audio2motion import Predictor

_VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".wmv", ".flv"})


class Recording:
    """A sound file as blocks of mono float32 at `rate_hz`: iterate as often as needed, it is decoded anew."""

    def __init__(self, path: Path, rate_hz: int) -> None:
        self._path, self._rate_hz = path, rate_hz

    def __iter__(self) -> Iterator[Floats]:
        from talkinghead.media.audio import read_audio_blocks

        return read_audio_blocks(self._path, self._rate_hz)


@lru_cache(maxsize=2)
def load_predictor(motion_model: str, device: str = "cpu") -> Predictor:
    """The speech model: "embedded" or the folder of an audio2motion checkpoint.

    Raises:
        CheckpointError: it is missing, damaged, or of another kind.
    """
    from talkinghead.checkpoints import embedded_checkpoint

    path = embedded_checkpoint() if motion_model == "embedded" else Path(motion_model)
    if not (path / "config.json").is_file():
        raise CheckpointError(
            f"there is no motion model {path}: name auto, embedded, joyvasa, or an audio2motion folder"
        )
    from audio2motion import Predictor
    from audio2motion.errors import Audio2MotionError

    try:
        return Predictor.load(path, device=device)
    except Audio2MotionError as error:
        raise CheckpointError(str(error)) from error


def motion_model_for(name: str, renderer: Renderer, settings: Settings) -> str:
    """What "auto" means: JoyVASA for LivePortrait where its weights are there, else the embedded model."""
    if name != "auto":
        return name
    if renderer.name != "liveportrait":
        return "embedded"
    from talkinghead.checkpoints import resolve

    try:
        resolve("joyvasa", settings.checkpoints)
    except CheckpointError:
        return "embedded"
    return "joyvasa"


def open_driver(
    motion_model: str, audio: Path, fps: Fraction, duration_s: float | None, settings: Settings
) -> MotionSource:
    """What turns the recording into motion: the embedded model, JoyVASA, or a checkpoint's folder."""
    if motion_model == "joyvasa":
        return _open_joyvasa(audio, fps, duration_s, settings)
    from talkinghead.drivers.speech import AudioMotionSource

    predictor = load_predictor(motion_model)
    recording = Recording(audio, predictor.config.sample_rate_hz)
    return AudioMotionSource(recording, predictor, fps, seed=settings.seed, duration_s=duration_s)


def _open_joyvasa(audio: Path, fps: Fraction, duration_s: float | None, settings: Settings) -> MotionSource:
    from talkinghead.checkpoints import resolve
    from talkinghead.core.device import resolve_device
    from talkinghead.drivers.joyvasa import JoyVasaSource
    from talkinghead.models.joyvasa.config import SAMPLE_RATE_HZ
    from talkinghead.models.joyvasa.weights import load_models

    models = load_models(resolve("joyvasa", settings.checkpoints).paths, device=resolve_device(settings.device))
    recording = Recording(audio, SAMPLE_RATE_HZ)
    return JoyVasaSource(recording, models, fps, settings.seed, duration_s=duration_s)


def is_video(source: Path) -> bool:
    """Whether SOURCE is to be read as a video: by its suffix, so that a picture's own errors are heard."""
    return source.suffix.lower() in _VIDEO_SUFFIXES


def open_canvas(source: Path | Image, renderer: Renderer, settings: Settings, *, loop: bool = True) -> Canvas:
    """The picture or video that is drawn upon, with its face found; a video repeats where it may `loop`."""
    if isinstance(source, Image):
        return open_still(source, renderer, settings)
    if is_video(source):
        from talkinghead.canvas.source_video import SourceVideo

        crop = partial(renderer.crop, whole=settings.framing == "whole")
        return SourceVideo(source, crop, fps=settings.fps, face=settings.face, loop=loop)
    from talkinghead.media.images import read_image

    return open_still(read_image(source), renderer, settings)


def frame_rate(source: Path, settings: Settings) -> Fraction:
    """The frame rate that was asked for, else the source video's own, else 25."""
    if settings.fps is not None or not is_video(source):
        return settings.fps or DEFAULT_FPS
    from talkinghead.media.video import VideoReader

    with VideoReader(source) as reader:
        return reader.fps


def speak(source: str | Path, audio: str | Path, settings: Settings, *, motion_model: str = "auto") -> Clip:
    """A clip of `source` speaking `audio`; see `talkinghead.speak`."""
    from talkinghead.media.audio import probe_audio
    from talkinghead.media.images import read_image

    source, audio = Path(source), Path(audio)
    info = probe_audio(audio)
    settings = replace(settings, fps=frame_rate(source, settings))
    # A bad picture is told at once, before libraries are loaded that take seconds.
    surface = source if is_video(source) else read_image(source)
    renderer, note = select(settings)
    motion_model = motion_model_for(motion_model, renderer, settings)
    canvas, driver = _together(
        lambda: open_canvas(surface, renderer, settings),
        lambda: open_driver(motion_model, audio, settings.fps or DEFAULT_FPS, info.duration_s, settings),
    )
    return Clip(
        canvas,
        driver,
        renderer,
        settings,
        audio=audio,
        duration_s=info.duration_s,
        note=f"{note}; motion: {motion_model}",
    )


def _together(first: Callable[[], Canvas], second: Callable[[], MotionSource]) -> tuple[Canvas, MotionSource]:
    """Both results; the second is made in a thread, for its libraries take seconds to load."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        waiting = pool.submit(second)
        try:
            made = first()
        except TalkingHeadError:
            waiting.cancel()
            raise
        return made, waiting.result()
