"""Text-to-speech engines that tell when each phone sounds: espeak-ng, flite and festival.

espeak-ng knows a hundred languages but is synthetic throughout; flite's and festival's English voices are made from
human recordings. Together they teach what neither does alone. flite and festival are optional Debian packages.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from itertools import product, starmap
from pathlib import Path
from typing import Protocol

import numpy as np

from audio2motion.errors import Audio2MotionError
from audio2motion.espeak import Speech, shared_espeak
from audio2motion.targets import Phone

# CMU's phone set, as flite and festival's English voices print it.
_CMU = {
    "aa": "ɑ", "ae": "æ", "ah": "ʌ", "ao": "ɔ", "aw": "aʊ", "ax": "ə", "ay": "aɪ", "b": "b", "ch": "tʃ",
    "d": "d", "dh": "ð", "eh": "ɛ", "er": "ɝ", "ey": "eɪ", "f": "f", "g": "ɡ", "hh": "h", "hv": "h", "ih": "ɪ",
    "iy": "i", "jh": "dʒ", "k": "k", "l": "l", "m": "m", "n": "n", "ng": "ŋ", "ow": "oʊ", "oy": "ɔɪ",
    "p": "p", "r": "ɹ", "s": "s", "sh": "ʃ", "t": "t", "th": "θ", "uh": "ʊ", "uw": "u", "v": "v", "w": "w",
    "y": "j", "z": "z", "zh": "ʒ", "axr": "ɚ", "el": "əl", "em": "m", "en": "n", "nx": "n", "dx": "ɾ",
}  # fmt: skip

_FLITE_VOICES = ("awb", "rms", "slt", "kal16")
_FESTIVAL_VOICES = {
    "english/kal_diphone": "voice_kal_diphone",
    "english/ked_diphone": "voice_ked_diphone",
    "us/cmu_us_slt_arctic_hts": "voice_cmu_us_slt_arctic_hts",
}
_FESTIVAL_ROOT = Path("/usr/share/festival/voices")
_TIMEOUT_S = 120

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
            printed = _run(["flite", "-voice", self.voice, "-psdur", "--setf", f"duration_stretch={1 / tempo:.3f}",
                            "--setf", f"int_f0_target_mean={usual_hz * pitch:.1f}", "-t", text,
                            "-o", str(wave)])  # fmt: skip
            pairs = [item.rsplit(":", 1) for item in printed.split() if ":" in item]
            return _read(wave, [(name, float(end)) for name, end in pairs])


@dataclass(frozen=True, slots=True)
class FestivalVoice:
    """A voice of the festival program; the pitch is the voice's own."""

    function: str
    language: str = "en-us"

    @property
    def name(self) -> str:
        return f"festival:{self.function.removeprefix('voice_')}"

    def speak(self, text: str, tempo: float, pitch: float) -> Speech:
        quoted = text.replace("\\", " ").replace('"', " ")
        with tempfile.TemporaryDirectory() as folder:
            wave, segments = Path(folder) / "speech.wav", Path(folder) / "speech.seg"
            _run(["festival", "-b", f"(begin ({self.function}) (Parameter.set 'Duration_Stretch {1 / tempo:.3f}) "
                  f'(set! u (Utterance Text "{quoted}")) (utt.synth u) (utt.save.segs u "{segments}") '
                  f"(utt.save.wave u \"{wave}\" 'riff))"])  # fmt: skip
            rows = [line.split() for line in segments.read_text().splitlines()]
            return _read(wave, [(row[2], float(row[0])) for row in rows if len(row) == 3])


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise Audio2MotionError(f"{command[0]} took more than {_TIMEOUT_S} s for one text") from None
    if done.returncode != 0:
        raise Audio2MotionError(f"{command[0]} failed: {done.stderr.strip()[:200] or done.returncode}")
    return done.stdout


def _read(wave: Path, ends: list[tuple[str, float]]) -> Speech:
    """The wave file with phones from their names and end times."""
    import soundfile

    samples, rate_hz = soundfile.read(wave, dtype="float32")
    phones: list[Phone] = []
    start_s = 0.0
    for name, end_s in ends:
        ipa = _CMU.get(name.lower().rstrip("012"))
        if ipa is not None:
            phones.append((ipa, start_s, max(end_s, start_s)))
        start_s = end_s
    return Speech(samples, int(rate_hz), phones)


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
    if "festival" in engines and shutil.which("festival"):
        installed = [name for path, name in _FESTIVAL_VOICES.items() if (_FESTIVAL_ROOT / path).is_dir()]
        if installed:
            found["festival"] = list(map(FestivalVoice, installed))
    if not found:
        raise Audio2MotionError(f"none of the engines {', '.join(engines)} is installed here")
    return found
