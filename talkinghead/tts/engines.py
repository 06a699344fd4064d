"""Text as a driver: an engine speaks it, and where the engine tells its phones, the lips follow exactly those.

An engine is anything with `speak(text) -> Speech`. Two exist: espeak-ng, which comes with the package espeakng-loader
and knows when each phone sounds, and any program that writes a sound file (`CommandEngine`).
"""

from __future__ import annotations

import atexit
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np

from audio2motion.behaviour import BEHAVIOUR_INDICES, Behaviour, BehaviourFrames
from audio2motion.phones import articulations
from audio2motion.targets import Phone, phones_to_blendshapes
from talkinghead.core.errors import DependencyError, InputError
from talkinghead.core.types import Floats
from talkinghead.motion.blendshapes import N_BLENDSHAPES
from talkinghead.motion.motion import Motion

_HEARD_RATE_HZ = 16_000
_DEFAULT_VOICE = "en-us"


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """Spoken text: `samples` (n,) mono float32 at `rate_hz`.

    `phones`: (IPA label, start, end) in seconds, silences left out; None where the engine does not tell. `file`: the
    engine's own sound file, where it wrote one.
    """

    samples: Floats
    rate_hz: int
    phones: list[Phone] | None = None
    file: Path | None = None

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.rate_hz


class SpeechEngine(Protocol):
    """Whatever speaks."""

    def speak(self, text: str) -> Speech:
        """Speak `text`.

        Raises:
            InputError: there is nothing in it to speak, or the voice does not exist.
            DependencyError: the engine is missing or fails.
        """
        ...


@dataclass(frozen=True)
class EspeakEngine:
    """espeak-ng: about a hundred languages. `voice`: a language ("de", "en-us"), with a variant if wanted ("en-us+f3").

    `words_per_minute` 80..450; `pitch` 0..100.
    """

    voice: str = _DEFAULT_VOICE
    words_per_minute: int = 165
    pitch: int = 50

    def speak(self, text: str) -> Speech:
        from talkinghead.tts import espeak_process as espeak

        voice = espeak_voice(self.voice)
        # The library reads a C string: a NUL would end it.
        text = text.replace("\0", " ").strip()
        if not text:
            raise InputError("there is no text to speak")
        samples, rate_hz, phones = espeak.say(text, voice, self.words_per_minute, self.pitch)
        if not phones:
            raise InputError(f"there is nothing in the text {text[:40]!r} that the voice {voice} can speak")
        return Speech(samples, rate_hz, phones)


@lru_cache(maxsize=1)
def espeak_voices() -> dict[str, str]:
    """Every name of a language ("de", "german", "en-gb") -> espeak-ng's voice; empty where its data is the system's."""
    try:
        import espeakng_loader
    except ImportError:
        return {}
    voices: dict[str, str] = {}
    others: dict[str, str] = {}
    for path in sorted((Path(espeakng_loader.get_data_path()) / "lang").rglob("*")):
        if path.is_file():
            voices[path.name.lower()] = path.name.lower()
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                kind, _, rest = line.strip().partition(" ")
                if rest.split() and kind in ("name", "language"):
                    # "name English (Great Britain)", "language en-gb  2"
                    name = rest.partition("(")[0].strip() if kind == "name" else rest.split()[0]
                    others.setdefault(name.lower(), path.name.lower())
    return others | voices


def espeak_voice(name: str) -> str:
    """espeak-ng's own name of a voice that people may call by its language, its region or its English name.

    Raises:
        InputError: there is none.
    """
    known = espeak_voices()
    language, plus, variant = name.strip().partition("+")
    asked = language.lower().replace("_", "-")
    # "fr-fr" is "fr": a region that has no voice of its own takes its language's.
    voice = known.get(asked) or known.get(asked.partition("-")[0])
    if voice is None and known:
        near = get_close_matches(asked, known, n=6, cutoff=0.5) or ["en-us", "de", "es", "fr", "it"]
        raise InputError(f"espeak-ng has no voice {name!r}: try {', '.join(near)}, or another language's code")
    return (voice or language) + plus + variant


@dataclass(frozen=True)
class CommandEngine:
    """Any program that speaks: `piper --model en.onnx --output_file {out}`.

    `{out}` stands for the sound file that it is to write; without it, the sound is read from its standard output.
    `{text}` stands for the text; without it, the text goes to its standard input. No shell is involved.
    """

    command: str

    def speak(self, text: str) -> Speech:
        if not text.strip():
            raise InputError("there is no text to speak")
        out = _temporary_wav()
        words = self._words()
        command = [word.replace("{out}", str(out)).replace("{text}", text) for word in words]
        try:
            done = subprocess.run(
                command,
                input=None if any("{text}" in word for word in words) else f"{text.rstrip()}\n".encode(),
                stdin=subprocess.DEVNULL if any("{text}" in word for word in words) else None,
                capture_output=True,
                check=False,
            )
        except OSError as error:
            raise DependencyError(
                f"the speech command {command[0]!r} does not run ({error.strerror}): install it, or name its full path"
            ) from error
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            reason = said[-1][:200] if said else f"exit code {done.returncode}"
            raise DependencyError(f"the speech command {command[0]!r} failed: {reason}")
        if not any("{out}" in word for word in words):
            out.write_bytes(done.stdout)
        return self._read(out, command[0])

    def _words(self) -> list[str]:
        try:
            words = shlex.split(self.command)
        except ValueError as error:
            raise InputError(f"the speech command {self.command!r} cannot be read ({error})") from None
        if not words:
            raise InputError("the speech command is empty: piper --output_file {out}, for instance")
        return words

    def _read(self, out: Path, name: str) -> Speech:
        from talkinghead.media.audio import probe_audio, read_audio_blocks
        from talkinghead.media.stdin import mend_wav_lengths

        if out.stat().st_size == 0:
            raise DependencyError(f"the speech command {name!r} wrote no sound: let it write to {{out}}")
        with out.open("r+b") as file:
            mend_wav_lengths(file)
        rate_hz = probe_audio(out).rate_hz
        return Speech(np.concatenate(list(read_audio_blocks(out, rate_hz))), rate_hz, file=out)


def open_engine(voice: str | None = None, command: str | None = None) -> SpeechEngine:
    """The engine that a `command` describes, else espeak-ng with a `voice`."""
    if command is not None:
        if voice is not None:
            raise InputError("a voice is espeak-ng's: name the other engine's voice within the speech command")
        return CommandEngine(command)
    return EspeakEngine(voice or _DEFAULT_VOICE)


def _temporary_wav() -> Path:
    """An empty file that is gone when the process ends."""
    with tempfile.NamedTemporaryFile(prefix="talkinghead-", suffix=".wav", delete=False) as file:
        path = Path(file.name)
    atexit.register(path.unlink, missing_ok=True)
    return path


def speech_file(speech: Speech) -> Path:
    """The speech as a sound file that lasts as long as the process: the engine's own, or 16-bit WAV."""
    if speech.file is not None:
        return speech.file
    import soundfile

    path = _temporary_wav()
    soundfile.write(path, speech.samples, speech.rate_hz, subtype="PCM_16")
    return path


@dataclass
class TextMotionSource:
    """A MotionSource over speech whose phones are known: lips from the phones, the rest of the face from the sound.

    Lips follow articulatory targets with coarticulation (`audio2motion.targets`), louder vowels opening wider; blinks,
    gaze, brows and head motion are those of the speech model, drawn from `seed`.

    Raises:
        InputError: the engine did not tell the phones: drive with an `AudioMotionSource` instead.
    """

    speech: Speech
    fps: Fraction
    seed: int = 0
    _lips: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.speech.phones is None:
            raise InputError("this speech has no phones with times: drive the lips by its sound")
        self.fps = Fraction(self.fps)
        levels_db = phone_levels_db(self.speech)
        self._lips = phones_to_blendshapes(self.speech.phones, float(self.fps), self.speech.duration_s, levels_db)

    @property
    def frames(self) -> int:
        return max(1, round(len(self.speech.samples) * self.fps / self.speech.rate_hz))

    def __iter__(self) -> Iterator[Motion]:
        given = 0
        for life in self._behaviour():
            # Frames that lie between two known rows; after the last row its face stays.
            until = min(self.frames, int(life.times_s[-1] * self.fps) + 1)
            if until > given:
                yield self._motion(given, until, life)
                given = until
        if given < self.frames:
            yield self._motion(given, self.frames, life)

    def _behaviour(self) -> Iterator[BehaviourFrames]:
        """Blinks, gaze, brows and head at 50 Hz, about a second at a time, each part with the row before it."""
        import soxr

        heard = soxr.resample(self.speech.samples, self.speech.rate_hz, _HEARD_RATE_HZ)
        behaviour = Behaviour(self.seed)
        last: BehaviourFrames | None = None
        blocks = [heard[at : at + _HEARD_RATE_HZ] for at in range(0, len(heard), _HEARD_RATE_HZ)]
        for part in (*(behaviour.push(block) for block in blocks), behaviour.finish()):
            if part is None:
                continue
            joined = part if last is None else BehaviourFrames.joined([last, part])
            yield joined
            last = BehaviourFrames(
                joined.times_s[-1:], joined.blendshapes[-1:], joined.rotation[-1:], joined.translation[-1:]
            )

    def _motion(self, start: int, end: int, life: BehaviourFrames) -> Motion:
        times_s = np.arange(start, end) / float(self.fps)

        def at(values: Floats) -> Floats:
            return np.column_stack([np.interp(times_s, life.times_s, column) for column in values.T])

        weights = np.zeros((end - start, N_BLENDSHAPES), np.float32)
        weights[:, list(BEHAVIOUR_INDICES)] = at(life.blendshapes)
        weights += self._lips[np.minimum(np.arange(start, end), len(self._lips) - 1)]
        return Motion.from_blendshapes(weights, self.fps, rotation=at(life.rotation), translation=at(life.translation))


def phone_levels_db(speech: Speech) -> list[float]:
    """Each phone's loudness in dB against the median vowel, within -20..12."""
    if not speech.phones:
        return []
    energy = np.concatenate([[0.0], np.cumsum(np.square(speech.samples, dtype=np.float64))])
    bounds = [(round(start * speech.rate_hz), round(end * speech.rate_hz)) for _, start, end in speech.phones]
    limit = len(speech.samples)
    rms = np.array([
        np.sqrt((energy[min(high, limit)] - energy[min(low, limit)]) / max(1, high - low)) for low, high in bounds
    ])  # fmt: skip
    vowels = np.array([any(sound.vowel for sound in articulations(ipa)) for ipa, _, _ in speech.phones])
    usual = float(np.median(rms[vowels])) if vowels.any() else float(np.median(rms))
    return [float(level) for level in np.clip(20 * np.log10((rms + 1e-6) / (usual + 1e-6)), -20.0, 12.0)]
