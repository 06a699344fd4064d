"""What is measured on: the example recording, for as long as one likes."""

from __future__ import annotations

from pathlib import Path

from talkinghead.core.examples import SPEECH, example


def write_speech(path: Path, seconds: float) -> None:
    """The example recording, repeated or cut to `seconds`, as a WAV file; written in blocks.

    Raises:
        InputError: the installation is not complete.
    """
    import soundfile

    samples, rate_hz = soundfile.read(example(SPEECH), dtype="int16")
    left = max(1, round(seconds * rate_hz))
    with soundfile.SoundFile(path, "w", rate_hz, 1, "PCM_16") as file:
        while left > 0:
            file.write(samples[:left])
            left -= len(samples[:left])
