"""The process that makes one job's video: `python -m talkinghead.server.worker`.

The request comes as a line of JSON on standard input, which stays open: when it ends, so has the server, and this
process ends, too. Lines of JSON go to standard output: {"frames": 25, "total": 75}, and {"error": "..."} where it
fails.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

from talkinghead.core.errors import TalkingHeadError
from talkinghead.core.settings import OPTIONS, settings_of
from talkinghead.core.signals import end_at_once, hear_ending_signals

RESULT = "out.mp4"
_EVERY_S = 0.2


def main() -> None:
    hear_ending_signals()
    # What is said goes to the server, and nothing else does.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    # Unbuffered: a thread that waits for a buffer would keep this process from ending.
    asked = os.fdopen(os.dup(0), "rb", buffering=0)
    request = json.loads(asked.readline())
    threading.Thread(target=_watch, args=(asked,), name="talkinghead-server", daemon=True).start()
    try:
        _make(request, answers)
    except TalkingHeadError as error:
        message = str(error).replace(f"{request['folder']}/", "")
        print(json.dumps({"error": message}), file=answers)
        sys.exit(1)


def _watch(asked: IO[bytes]) -> None:
    while asked.read(1):
        pass
    end_at_once(1)


def _make(request: dict[str, Any], answers: Any) -> None:
    from talkinghead.calls import animate, speak
    from talkinghead.tts.opening import Voice

    folder = Path(request["folder"])
    values = {name: OPTIONS[name].value_of(text) for name, text in request["options"].items()}
    settings = settings_of(values)
    source = folder / request["picture"]
    if driving := request.get("driving"):
        clip = animate(source, folder / driving, settings=settings)
    elif (text := request.get("text")) is not None:
        voice = Voice(request.get("voice"), language=request.get("language"))
        clip = speak(source, text=text, voice=voice, settings=settings)
    else:
        clip = speak(source, folder / request["audio"], settings=settings)
    said_s = 0.0

    def say(frames: int) -> None:
        nonlocal said_s
        if time.monotonic() - said_s > _EVERY_S:
            said_s = time.monotonic()
            print(json.dumps({"frames": frames, "total": clip.frames}), file=answers)

    clip.save(folder / RESULT, force=True, progress=say)


if __name__ == "__main__":
    main()
