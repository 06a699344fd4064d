"""The words of a stream: what a client may say, read from JSON.

{"type": "start", "rate": 16000, "format": "s16le", "video": "jpeg", "fps": 25, "size": 512}    the first message
binary: sound, as the first message says
{"type": "text", "text": "...", "voice": "de"}     {"type": "interrupt"}     {"type": "emotion", "emotion": "happy"}
{"type": "end"}
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction

from talkinghead.core.emotions import Emotion, parse_emotion
from talkinghead.core.errors import InputError
from talkinghead.core.settings import parse_fps

FORMATS = {"s16le": "<i2", "f32le": "<f4"}
VIDEOS = ("jpeg", "fmp4")
MESSAGES = ("text", "interrupt", "emotion", "end")
_RATES_HZ = (8_000, 96_000)
_SIZES_PX = (64, 2048)
_FASTEST = 60


@dataclass(frozen=True)
class Start:
    """How a stream is to be: mono sound of `rate_hz` in `format`, `video`, frames per second, and their longer side."""

    rate_hz: int = 24_000
    format: str = "s16le"
    video: str = "jpeg"
    fps: Fraction = Fraction(25)
    size_px: int = 512


def read_message(text: str) -> dict[str, object]:
    """A message's fields, its "type" among them.

    Raises:
        InputError: it is no JSON object with a type.
    """
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError("a text message must be JSON") from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise InputError('a message is an object with a type: {"type": "start", ...}')
    return message


def read_start(text: str) -> Start:
    """The first message.

    Raises:
        InputError: it is another, or something in it cannot be.
    """
    message = read_message(text)
    if message.pop("type") != "start":
        raise InputError('the first message says how the stream is to be: {"type": "start", "video": "jpeg"}')
    known = {"rate": 24_000, "format": "s16le", "video": "jpeg", "fps": 25, "size": 512}
    if unknown := sorted(message.keys() - known):
        raise InputError(f"a stream has no {unknown[0]!r}: choose among {', '.join(known)}")
    given = {**known, **message}
    if given["format"] not in tuple(FORMATS):
        raise InputError(f"sound is {' or '.join(FORMATS)}, not {given['format']!r}")
    if given["video"] not in VIDEOS:
        raise InputError(f"video is {' or '.join(VIDEOS)}, not {given['video']!r}")
    fps = parse_fps(str(given["fps"]))
    if fps > _FASTEST:
        raise InputError(f"a stream has at most {_FASTEST} frames per second, not {given['fps']}")
    return Start(_whole(given["rate"], "rate", _RATES_HZ), str(given["format"]), str(given["video"]), fps,
                 _whole(given["size"], "size", _SIZES_PX))  # fmt: skip


def text_of(message: dict[str, object], name: str, longest: int) -> str | None:
    """A text in a message, None where it has none.

    Raises:
        InputError: it is no text, or too long.
    """
    value = message.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise InputError(f"{name} must be a text")
    if len(value) > longest:
        raise InputError(f"{name} has {len(value)} characters, and {longest} are allowed")
    if any("\ud800" <= letter <= "\udfff" or letter == "\0" for letter in value):  # JSON's escapes can say so
        raise InputError(f"{name} holds half a character, or none: send it as UTF-8")
    return value


def emotion_of(message: dict[str, object]) -> Emotion | None:
    """The emotion that a message turns to ("happy", "sad=0.5", or with a `strength`), None for none.

    Raises:
        InputError: there is no such emotion, or its strength is no number from 0 to 1.
    """
    name, strength = text_of(message, "emotion", 64), message.get("strength", 1.0)
    if not isinstance(strength, int | float) or isinstance(strength, bool):
        raise InputError('strength must be a number: {"type": "emotion", "emotion": "happy", "strength": 0.5}')
    if unknown := sorted(message.keys() - {"type", "emotion", "strength"}):
        raise InputError(f"an emotion has no {unknown[0]!r}: it has a name (emotion) and a strength")
    if not 0 <= strength <= 1:
        raise InputError(f"strength must lie between 0 and 1, not {str(strength)[:20]}")
    return None if name is None else parse_emotion(name, float(strength))


def _whole(value: object, name: str, bounds: tuple[int, int]) -> int:
    low, high = bounds
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InputError(f"{name} must be a whole number from {low} to {high}, not {value!r}")
    return value
