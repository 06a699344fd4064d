"""Make a portrait speak.

    import talkinghead

    clip = talkinghead.speak("portrait.png", "speech.wav")
    clip.save("portrait.mp4")

A clip is drawn when its frames are asked for: iterate over it for arrays (H, W, 3) RGB uint8, or `save` it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from talkinghead.clip import Clip
    from talkinghead.core.types import Pixels

__version__ = "0.1.0"
__all__ = ["__version__", "animate", "edit", "speak"]


def speak(
    source: str | Path,
    audio: str | Path | None = None,
    *,
    text: str | None = None,
    voice: str | None = None,
    motion_model: str = "auto",
    **settings: Any,
) -> Clip:
    """A picture or video speaking a recording, or a text.

    Args:
        source: picture or video with a face.
        audio: any audio or video file, or "-" for a WAV stream on standard input.
        text: spoken by espeak-ng instead of `audio`, in the language or `voice` named ("de", "en-gb", "fr+f2").
        motion_model: "embedded", "joyvasa", the folder of an audio2motion checkpoint, or "auto": JoyVASA for the neural
            renderer where its weights are there, else the embedded model.
        settings: fields of `talkinghead.core.settings.Settings` (renderer, fps, framing, face, seed, ...).

    Returns:
        A `Clip`: iterate for frames, or `save`.

    Raises:
        talkinghead.core.errors.TalkingHeadError: an input cannot be used; the message says why and what to do.
    """
    from talkinghead.core.errors import InputError
    from talkinghead.core.settings import Settings

    if (audio is None) == (text is None):
        raise InputError("give either audio or text")
    if text is not None:
        from talkinghead.telling import tell
        from talkinghead.tts.engines import open_engine

        return tell(source, text, open_engine(voice, None), Settings(**settings), motion_model=motion_model)
    from talkinghead.avatar import speak as open_clip

    assert audio is not None
    return open_clip(source, audio, Settings(**settings), motion_model=motion_model)


def animate(source: str | Path, driving: str | Path, *, audio: str | Path | None = None, **settings: Any) -> Clip:
    """A picture or video moved by a video, a picture, a motion file (.npz, .pkl, .csv) or a folder of frames.

    Args:
        source: picture or video with a face.
        driving: what moves it.
        audio: sound instead of the driver's own.
        settings: fields of `talkinghead.core.settings.Settings`.

    Returns:
        A `Clip`: iterate for frames, or `save`.

    Raises:
        talkinghead.core.errors.TalkingHeadError: an input cannot be used; the message says why and what to do.
    """
    from talkinghead.core.settings import Settings
    from talkinghead.drivers.opening import animate as open_clip

    return open_clip(source, driving, Settings(**settings), audio=audio)


def edit(picture: str | Path, controls: dict[str, float], **settings: Any) -> Pixels:
    """A picture with its face changed.

    Args:
        picture: a picture with a face.
        controls: values by name: `talkinghead.motion.controls.CONTROLS` (smile, brows, yaw, ...) and ARKit blendshapes.
        settings: fields of `talkinghead.core.settings.Settings`.

    Returns:
        The picture, (height, width, 3) RGB uint8.

    Raises:
        talkinghead.core.errors.TalkingHeadError: an input cannot be used; the message says why and what to do.
    """
    from talkinghead.core.settings import Settings
    from talkinghead.motion.controls import Editor

    return Editor(picture, Settings(**settings)).draw(controls)
