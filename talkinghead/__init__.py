"""Make a portrait speak.

    import talkinghead as th

    th.speak("portrait.png", "speech.wav").save("portrait.mp4")

    avatar = th.Avatar("portrait.png")                   # loads once; a path, an array, a Pillow picture
    avatar.speak("speech.wav").save("out.mp4")
    with avatar.session(rate_hz=48000, low_latency=True) as session:
        for chunk in microphone:                         # float32 or int16, mono, of any length
            for frame in session.push_audio(chunk):
                show(frame.pixels, frame.time_s)

A clip is drawn when its frames are asked for: iterate over it for arrays (H, W, 3) RGB uint8, or `save` it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from talkinghead.avatar import Avatar
    from talkinghead.calls import animate, edit, speak
    from talkinghead.clip import Clip
    from talkinghead.core.errors import TalkingHeadError
    from talkinghead.core.settings import Settings
    from talkinghead.motion.motion import Motion
    from talkinghead.session import Session

__version__ = "0.2.0"
__all__ = ["Avatar", "Clip", "Motion", "Session", "Settings", "TalkingHeadError", "animate", "edit", "speak"]

# Where each name comes from: imported when it is first asked for, since some of them take libraries along.
_HOMES = {
    "Avatar": "avatar", "Clip": "clip", "Motion": "motion.motion", "Session": "session", "Settings": "core.settings",
    "TalkingHeadError": "core.errors", "animate": "calls", "edit": "calls", "speak": "calls",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"talkinghead.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
