"""A portrait that speaks a text: the text becomes speech first, and its phones, where they are known, the lips."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from talkinghead.avatar import frame_rate, motion_model_for, open_canvas, open_driver
from talkinghead.clip import Clip
from talkinghead.core.settings import DEFAULT_FPS, Settings
from talkinghead.renderers.select import select

if TYPE_CHECKING:
    from talkinghead.motion.protocols import MotionSource
    from talkinghead.tts.engines import SpeechEngine


def tell(
    source: str | Path, text: str, engine: SpeechEngine, settings: Settings, *, motion_model: str = "auto"
) -> Clip:
    """A clip of `source` speaking `text` with the voice of `engine`.

    Lips follow the engine's phones where it tells them and no other `motion_model` is named, else the motion model
    hears the speech like any recording.

    Raises:
        InputError: there is nothing to speak, or the engine has no such voice.
        DependencyError: the engine is missing or fails.
    """
    from talkinghead.tts.engines import TextMotionSource, speech_file

    source = Path(source)
    settings = replace(settings, fps=frame_rate(source, settings))
    fps = settings.fps or DEFAULT_FPS
    speech = engine.speak(text)
    audio = speech_file(speech)
    renderer, note = select(settings)
    canvas = open_canvas(source, renderer, settings)
    driver: MotionSource
    if speech.phones is not None and motion_model in ("auto", "embedded"):
        driver = TextMotionSource(speech, fps, settings.seed)
    else:
        motion_model = motion_model_for(motion_model, renderer, settings)
        driver = open_driver(motion_model, audio, fps, speech.duration_s, settings)
    return Clip(canvas, driver, renderer, settings, audio=audio, duration_s=speech.duration_s, note=note)
