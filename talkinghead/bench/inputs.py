"""What is measured on: an example portrait and recording, which come with every installation."""

from __future__ import annotations

from pathlib import Path

from talkinghead.core.errors import InputError

PORTRAIT, SPEECH = "grace_hopper.jpg", "speech.wav"


def example(name: str) -> Path:
    """An example file: in an installed package its data, in a source checkout beside it.

    Raises:
        InputError: the installation is not complete.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "_examples", package.parent / "examples"):
        if (folder / name).is_file():
            return folder / name
    raise InputError(f"this installation lacks the example {name}: name a PICTURE, or install talkinghead again")


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
