"""espeak-ng in a process of its own.

Its library keeps state from one text to the next: one process never speaks the same text quite alike twice, and a
crash in it would be a crash of everything. A new process for every text always speaks it alike.

Run as a program (`python -m talkinghead.tts.espeak_process`), this module is that process: the request comes as JSON on
standard input; for each of its texts a line of JSON and the samples, float32, go to standard output.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence

import numpy as np

from audio2motion import Audio2MotionError
from talkinghead.tts.child import spoken_by
from talkinghead.tts.engines import SpokenText

COMMAND = (sys.executable, "-m", "talkinghead.tts.espeak_process")
NAME = "espeak-ng"


def say(texts: Sequence[str], voice: str, words_per_minute: int, pitch: int) -> Iterator[SpokenText]:
    """Each of the texts, spoken one after the other by one process, as soon as it is made.

    Raises:
        DependencyError: espeak-ng is missing, has no such voice, or fails.
    """
    request = {"texts": list(texts), "voice": voice, "words_per_minute": words_per_minute, "pitch": pitch}
    return spoken_by(COMMAND, request, NAME)


def main() -> None:
    from audio2motion import Espeak

    try:
        speaker = Espeak()  # before the request is there: who keeps one ready does not wait for it
        request = json.loads(sys.stdin.buffer.read() or b'{"texts": []}')
        texts = request.pop("texts")
        for text in texts:
            spoken = speaker.say(text, **request)
            samples = np.asarray(spoken.samples, np.float32)
            head = {"rate_hz": spoken.rate_hz, "phones": spoken.phones, "samples": len(samples)}
            sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + samples.tobytes())
            sys.stdout.buffer.flush()
    except Audio2MotionError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
