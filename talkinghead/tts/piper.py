"""Piper: neural voices for about forty languages, each a file of its own (`en_US-amy-medium.onnx`) with its settings
beside it (`.onnx.json`)."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from talkinghead.core.errors import DependencyError, InputError
from talkinghead.tts import piper_process
from talkinghead.tts.child import spoken_by
from talkinghead.tts.engines import Engine, SpokenText, joined, spoken_sentences
from talkinghead.tts.scripts import check_script

INSTALL = "install piper-tts, and download a voice: python -m piper.download_voices en_US-lessac-medium"


def piper_python() -> str | None:
    """The Python that has the package `piper-tts`: this one, or the one whose program `piper` is on the path."""
    if find_spec("piper") is not None:
        return sys.executable
    program = shutil.which("piper")
    if program is None:
        return None
    with Path(program).open("rb") as file:
        first = file.readline(4096).decode("utf-8", "replace").strip()
    python = first.removeprefix("#!").strip()
    return python if first.startswith("#!") and "python" in Path(python).name and Path(python).exists() else None


@dataclass(frozen=True)
class PiperEngine(Engine):
    """Piper with the voice in the file `model`. It tells its phones where `piper-tts[alignment]` is installed."""

    model: Path

    def speak(self, text: str) -> SpokenText:
        return joined(self.stream(text))

    def stream(self, text: str) -> Iterator[SpokenText]:
        texts = spoken_sentences(text)
        language = piper_language(self.model)
        for sentence in texts:
            check_script(sentence, self.model.name, language)
        python = piper_python()
        if python is None:
            raise DependencyError(f"Piper is not here: {INSTALL}")
        request = {"model": str(self.model.absolute()), "texts": texts}
        return spoken_by([python, str(piper_process.__file__)], request, "Piper")


def piper_language(model: Path) -> str:
    """The language of a voice, as espeak-ng calls it.

    Raises:
        InputError: there is no such file, or no settings of a voice beside it.
    """
    beside = model.with_name(f"{model.name}.json")
    if not model.is_file():
        raise InputError(f"there is no voice {model}: {INSTALL}")
    try:
        about = json.loads(beside.read_text("utf-8"))
        return str(about["espeak"]["voice"])
    except OSError:
        raise InputError(f"the voice {model.name} needs its settings beside it: {beside.name} is missing") from None
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{beside} does not hold the settings of a Piper voice: download it again") from None
