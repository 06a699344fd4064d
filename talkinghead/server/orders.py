"""What a client tells its talker while the stream runs, over whichever wire the words come."""

from __future__ import annotations

from talkinghead.core.errors import InputError
from talkinghead.server.limits import Limits
from talkinghead.server.protocol import MESSAGES, emotion_of, read_message, text_of
from talkinghead.server.talker import Talker
from talkinghead.tts.opening import Voice


def obey(talker: Talker, text: str, limits: Limits) -> None:
    """Do what one JSON message says.

    Raises:
        InputError: it is none, or cannot be done.
    """
    message = read_message(text)
    kind = message["type"]
    if kind == "text":
        said = text_of(message, "text", limits.text_chars)
        talker.mouth.say(said or "", _voice(message))
    elif kind == "interrupt":
        talker.interrupt()
    elif kind == "end":
        talker.end()
    elif kind == "emotion":
        talker.feel(emotion_of(message))
    else:
        raise InputError(f"there is no message {str(kind)[:40]!r}: choose among {', '.join(MESSAGES)}")


def _voice(message: dict[str, object]) -> Voice:
    """A voice by its name; not a file or a server, which are for whoever runs this one."""
    name, language = text_of(message, "voice", 64), text_of(message, "language", 16)
    if name is not None and ("/" in name or name.endswith(".onnx")):
        raise InputError("a voice is a name here, such as de or en-gb+f3")
    return Voice(name, language=language)
