"""Putting a speaking clip together: a canvas, a recording, a motion model and a renderer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from talkinghead.errors import CheckpointError, TalkingHeadError
from talkinghead.pipeline import Canvas, Clip, open_still
from talkinghead.renderers import select
from talkinghead.settings import DEFAULT_FPS, Settings
from talkinghead.types import Floats, MotionSource, Renderer

if TYPE_CHECKING:
    from audio2motion import Predictor


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
    from audio2motion import Predictor
    from audio2motion.errors import Audio2MotionError

    try:
        return Predictor.load(path, device=device)
    except Audio2MotionError as error:
        raise CheckpointError(str(error)) from error


def open_driver(motion_model: str, audio: Path, fps: Fraction, duration_s: float | None, seed: int) -> MotionSource:
    """What turns the recording into motion."""
    from talkinghead.sources.audio import AudioMotionSource

    predictor = load_predictor(motion_model)
    recording = Recording(audio, predictor.config.sample_rate_hz)
    return AudioMotionSource(recording, predictor, fps, seed=seed, duration_s=duration_s)


def open_canvas(source: Path, renderer: Renderer, settings: Settings) -> Canvas:
    """The picture that speaks, with its face found."""
    from talkinghead.media.images import read_image

    return open_still(read_image(source), renderer, settings)


def speak(source: str | Path, audio: str | Path, settings: Settings, *, motion_model: str = "embedded") -> Clip:
    """A clip of `source` speaking `audio`; see `talkinghead.speak`."""
    from talkinghead.media.audio import probe_audio

    info = probe_audio(Path(audio))
    fps = settings.fps or DEFAULT_FPS
    renderer, note = select(settings)
    canvas, driver = _together(
        lambda: open_canvas(Path(source), renderer, settings),
        lambda: open_driver(motion_model, Path(audio), fps, info.duration_s, settings.seed),
    )
    return Clip(canvas, driver, renderer, settings, audio=Path(audio), duration_s=info.duration_s, note=note)


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
