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

    from talkinghead.pipeline import Clip

__version__ = "0.1.0"
__all__ = ["__version__", "speak"]


def speak(source: str | Path, audio: str | Path, *, motion_model: str = "embedded", **settings: Any) -> Clip:
    """A picture or video speaking a recording.

    Args:
        source: picture or video with a face.
        audio: any audio or video file, or "-" for a WAV stream on standard input.
        motion_model: "embedded", "joyvasa", or the folder of an audio2motion checkpoint.
        settings: fields of `talkinghead.settings.Settings` (renderer, fps, framing, face, seed, ...).

    Returns:
        A `Clip`: iterate for frames, or `save`.

    Raises:
        talkinghead.errors.TalkingHeadError: an input cannot be used; the message says why and what to do.
    """
    from talkinghead.settings import Settings
    from talkinghead.speaking import speak as open_clip

    return open_clip(source, audio, Settings(**settings), motion_model=motion_model)
