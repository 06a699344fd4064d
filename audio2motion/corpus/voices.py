"""Text-to-speech engines that tell when each phone sounds: espeak-ng, flite and festival.

espeak-ng knows a hundred languages but is synthetic throughout; flite's (English) and festival's voices are made from
human recordings. Together they teach what neither does alone. flite and festival are optional Debian packages.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from itertools import product, starmap
from pathlib import Path
from typing import Protocol

import numpy as np

from audio2motion.corpus.espeak import Speech, shared_espeak
from audio2motion.corpus.festival import CMU, installed_voices, read_speech, run_engine
from audio2motion.errors import Audio2MotionError

_FLITE_VOICES = ("awb", "rms", "slt", "kal16")

# espeak-ng's languages in the corpus; English has real voices beside it.
ESPEAK_LANGUAGES: tuple[str, ...] = (
    "en-us", "en", "en-gb-scotland", "en-029", "de", "fr", "es", "es-419", "it", "pt", "pt-br", "nl", "pl", "cs", "ru",
    "uk", "ar", "hi", "tr", "sv", "da", "fi", "el", "hu", "ro", "id", "sw", "ko", "ja", "fa", "ca",
)  # fmt: skip
_VARIANTS = ("m1", "m2", "m3", "m4", "m5", "m6", "m7", "f1", "f2", "f3", "f4", "f5")


class Voice(Protocol):
    """One speaker: `language` is an espeak-ng language code, `tempo` above 1 is faster, `pitch` 1 is the usual."""

    @property
    def name(self) -> str: ...

    @property
    def language(self) -> str: ...

    def speak(self, text: str, tempo: float, pitch: float) -> Speech: ...


@dataclass(frozen=True, slots=True)
class EspeakVoice:
    """A language of espeak-ng in one of its variants."""

    language: str
    variant: str

    @property
    def name(self) -> str:
        return f"espeak-ng:{self.language}+{self.variant}"

    def speak(self, text: str, tempo: float, pitch: float) -> Speech:
        voice = f"{self.language}+{self.variant}"
        return shared_espeak().say(
            text, voice, words_per_minute=round(165 * tempo), pitch=int(np.clip(50 * pitch, 5, 95)), pitch_range=60
        )


@dataclass(frozen=True, slots=True)
class FliteVoice:
    """A voice of the flite program."""

    voice: str
    language: str = "en-us"

    @property
    def name(self) -> str:
        return f"flite:{self.voice}"

    def speak(self, text: str, tempo: float, pitch: float) -> Speech:
        usual_hz = 170 if self.voice == "slt" else 105
        with tempfile.TemporaryDirectory() as folder:
            wave = Path(folder) / "speech.wav"
            command = ["flite", "-voice", self.voice, "-psdur", "-t", text, "-o", str(wave)]
            command += ["--setf", f"duration_stretch={1 / tempo:.3f}"]
            printed = run_engine([*command, "--setf", f"int_f0_target_mean={usual_hz * pitch:.1f}"])
            pairs = [item.rsplit(":", 1) for item in printed.split() if ":" in item]
            return read_speech(wave, [(name.rstrip("012"), float(end)) for name, end in pairs], CMU)


def find_voices(engines: tuple[str, ...]) -> dict[str, list[Voice]]:
    """The voices of each engine that is asked for and installed here; espeak-ng must be."""
    unknown = set(engines) - {"espeak-ng", "flite", "festival"}
    if unknown:
        raise Audio2MotionError(f"there is no engine {sorted(unknown)[0]!r}: choose espeak-ng, flite or festival")
    found: dict[str, list[Voice]] = {}
    if "espeak-ng" in engines:
        found["espeak-ng"] = list(starmap(EspeakVoice, product(ESPEAK_LANGUAGES, _VARIANTS)))
    if "flite" in engines and shutil.which("flite"):
        found["flite"] = list(map(FliteVoice, _FLITE_VOICES))
    if "festival" in engines:
        installed = installed_voices()
        if installed:
            found["festival"] = list(installed)
    if not found:
        raise Audio2MotionError(f"none of the engines {', '.join(engines)} is installed here")
    return found
