"""espeak-ng in a process of its own.

Its library keeps state from one text to the next: one process never speaks the same text quite alike twice, and a
crash in it would be a crash of everything. A new process for every text always speaks it alike.

Run as a program (`python -m talkinghead.tts.espeak_process`), this module is that process: the request comes as JSON on
standard input; a line of JSON and the samples, float32, go to standard output.
"""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np

from audio2motion import Audio2MotionError, Phone
from talkinghead.core.errors import DependencyError
from talkinghead.core.types import Floats


def say(text: str, voice: str, words_per_minute: int, pitch: int) -> tuple[Floats, int, list[Phone]]:
    """(samples (n,) mono float32, samples per second, phones with times in seconds) of a text.

    Raises:
        DependencyError: espeak-ng is missing, has no such voice, or fails.
    """
    request = {"text": text, "voice": voice, "words_per_minute": words_per_minute, "pitch": pitch}
    command = [sys.executable, "-m", __name__]
    done = subprocess.run(command, input=json.dumps(request).encode(), capture_output=True, check=False)
    head, _, body = done.stdout.partition(b"\n")
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise DependencyError(said[-1] if said else f"espeak-ng failed (exit code {done.returncode})")
    answer = json.loads(head)
    phones = [(str(ipa), float(start), float(end)) for ipa, start, end in answer["phones"]]
    return np.frombuffer(body, np.float32), int(answer["rate_hz"]), phones


def main() -> None:
    from audio2motion import Espeak

    request = json.loads(sys.stdin.buffer.read())
    try:
        spoken = Espeak().say(**request)
    except Audio2MotionError as error:
        sys.exit(str(error))
    answer = {"rate_hz": spoken.rate_hz, "phones": spoken.phones}
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + spoken.samples.tobytes())


if __name__ == "__main__":
    main()
