"""Sounds with a known answer: speech whose phonemes are known, and sounds at which a mouth should stay shut.

The noise and music here are not those of the training corpus (`audio2motion.corpus.sounds`): strings plucked after
Karplus and Strong, organ pipes, rain, engines, a clock.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from audio2motion.phones import Phone

if TYPE_CHECKING:
    from audio2motion.corpus.espeak import Speech

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
RATE_HZ = 16000

# One sentence each, none of them in the corpus; rich in p, b and m.
SENTENCES: dict[str, tuple[str, ...]] = {
    "en-us": (
        "My brother bought a pump and a map for the camp by the bay.",
        "Maybe the members of the public will be permitted to climb the tower, but most people prefer the boat.",
    ),
    "en": ("Pamela's umbrella made an abominable mess upon the polished table.",),
    "de": ("Am Bahnhof beim Park bekam Barbara prompt einen bunten Ballon, aber Peter vermisste seine Mappe.",),
    "fr": ("Le pompier du bourg apporte une bombe de mousse et un tambour au musée.",),
    "es": ("La paloma blanca bebe agua de la bomba mientras Pablo compra bombones.",),
    "it": ("Il bambino compra una bambola e un ombrello, ma poi combatte con il campanello.",),
    "ar": ("باب المكتب مفتوح والمدير يشرب القهوة مع بعض الموظفين في المبنى",),
    "pl": ("Babcia kupiła w sklepie duży bukiet, a potem pomaga mamie piec ciasto.",),
}
_SENTENCE_VARIANTS = ("m3", "f2")


@dataclass(frozen=True, slots=True)
class KnownSpeech:
    """Speech with its phones (IPA label, start and end in seconds): `samples` mono at 16 kHz."""

    name: str
    lang: str
    samples: Floats
    phones: list[Phone]


def _padded(name: str, lang: str, speech: Speech) -> KnownSpeech:
    """An engine's sentence at 16 kHz, with 0.5 s of silence before and 1 s after."""
    import soxr

    samples = soxr.resample(speech.samples, speech.rate_hz, RATE_HZ).astype(np.float32)
    padded = np.concatenate([np.zeros(RATE_HZ // 2, np.float32), samples, np.zeros(RATE_HZ, np.float32)])
    return KnownSpeech(name, lang, padded, [(ipa, start + 0.5, end + 0.5) for ipa, start, end in speech.phones])


def known_speech() -> Iterator[KnownSpeech]:
    """Sentences in several languages from espeak-ng and, where it is installed, flite; 0.5 s of silence before and 1 s
    after."""
    from audio2motion.corpus.espeak import shared_espeak
    from audio2motion.corpus.voices import FliteVoice

    for lang, texts in SENTENCES.items():
        for i, text in enumerate(texts):
            for variant in _SENTENCE_VARIANTS:
                speech = shared_espeak().say(text, f"{lang}+{variant}", words_per_minute=160)
                yield _padded(f"espeak-ng {lang}+{variant} {i}", lang, speech)
            if lang == "en-us" and shutil.which("flite"):
                for voice in ("slt", "rms"):
                    yield _padded(f"flite {voice} {i}", lang, FliteVoice(voice).speak(text, 1.0, 1.0))


def _scaled(samples: Doubles, level_db: float) -> Floats:
    rms = float(np.sqrt(np.mean(samples**2)))
    return (samples / max(rms, 1e-9) * 10 ** (level_db / 20)).clip(-1, 1).astype(np.float32)


def _filtered(forward: list[float], feedback: list[float], samples: Doubles) -> Doubles:
    return np.asarray(lfilter(forward, feedback, samples), np.float64)


def _plucked(count: int, rng: np.random.Generator) -> Doubles:
    """Strings after Karplus and Strong (1983)."""
    out = np.zeros(count)
    at = 0
    while at < count:
        period = int(RATE_HZ / (110 * 2 ** (rng.choice([0, 3, 5, 7, 10, 12, 15, 17, 19, 24]) / 12)))
        burst = np.zeros(min(int(1.5 * RATE_HZ), count - at))
        burst[:period] = rng.uniform(-1, 1, min(period, len(burst)))
        feedback = np.zeros(period + 2)
        feedback[0], feedback[period], feedback[period + 1] = 1.0, -0.498, -0.498
        out[at : at + len(burst)] += lfilter([1.0], feedback, burst) * rng.uniform(0.4, 1)
        at += int(RATE_HZ * rng.choice([0.15, 0.3, 0.3, 0.6]))
    return out


def _organ(count: int, rng: np.random.Generator) -> Doubles:
    """Held chords that change every second or two."""
    t, out, at = np.arange(count) / RATE_HZ, np.zeros(count), 0
    while at < count:
        stop = min(count, at + int(RATE_HZ * rng.uniform(0.8, 2.0)))
        local = t[at:stop] - t[at]
        swell = np.minimum(1, local / 0.05) * np.minimum(1, (local[-1] - local + 1e-3) / 0.05)
        for note in rng.choice([0, 4, 7, 11, 12, 16, 19], 3, replace=False):
            f = 130.8 * 2 ** (note / 12)
            out[at:stop] += swell * sum(np.sin(2 * np.pi * f * k * local) / k for k in (1, 2, 3, 4, 6, 8))
        at = stop
    return out


def _rain(count: int, rng: np.random.Generator) -> Doubles:
    drops = rng.standard_normal(count) * (rng.random(count) < 0.004) * 12
    return _filtered([1, -0.6], [1], rng.standard_normal(count)) * 0.3 + _filtered([1], [1, -0.9], drops)


def _engine(count: int, rng: np.random.Generator) -> Doubles:
    turns = np.cumsum(35 + np.cumsum(rng.standard_normal(count)) * 0.002) / RATE_HZ
    knock = np.maximum(0, np.sin(2 * np.pi * turns)) ** 8
    rumble = _filtered([1], [1, -0.97], rng.standard_normal(count))
    return np.asarray(rumble * 0.4 + 4 * knock * rng.uniform(0.8, 1.2), np.float64)


def _clock(count: int, rng: np.random.Generator) -> Doubles:
    out = 0.02 * rng.standard_normal(count)
    for at in range(int(rng.integers(0, RATE_HZ // 2)), count, RATE_HZ // 2):
        tick = rng.standard_normal(200) * np.exp(-np.arange(200) / 30)
        out[at : at + 200] += tick[: count - at]
    return out


def _hum(count: int, rng: np.random.Generator) -> Doubles:
    t = np.arange(count) / RATE_HZ
    tone = np.sum([np.sin(2 * np.pi * 50 * k * t) / k for k in (1, 2, 3, 5)], axis=0)
    return np.asarray(tone + 0.1 * rng.standard_normal(count), np.float64)


_MAKERS: dict[str, tuple[str, Callable[[int, np.random.Generator], Doubles], float]] = {
    "digital silence": ("silence", lambda count, rng: np.zeros(count), 0.0),
    "quiet room": ("silence", lambda count, rng: _filtered([1], [1, -0.8], rng.standard_normal(count)), -62.0),
    "room": ("silence", lambda count, rng: _filtered([1], [1, -0.9], rng.standard_normal(count)), -48.0),
    "white noise": ("noise", lambda count, rng: rng.standard_normal(count), -26.0),
    "brown noise": ("noise", lambda count, rng: _filtered([1], [1, -0.99], rng.standard_normal(count)), -26.0),
    "rain": ("noise", _rain, -26.0),
    "engine": ("noise", _engine, -24.0),
    "clock": ("noise", _clock, -36.0),
    "hum": ("noise", _hum, -30.0),
    "plucked strings": ("music", _plucked, -22.0),
    "organ": ("music", _organ, -22.0),
    "strings and organ": ("music", lambda n, rng: _plucked(n, rng) + 0.1 * _organ(n, rng), -20.0),
}


def not_speech(seconds: float = 8.0, seed: int = 0) -> Iterator[tuple[str, str, Floats]]:
    """(kind, name, samples): "silence", "noise" or "music", `seconds` long, the same for the same seed."""
    for i, (name, (kind, make, level_db)) in enumerate(_MAKERS.items()):
        rng = np.random.default_rng([seed, i])
        yield kind, name, _scaled(make(int(seconds * RATE_HZ), rng), level_db)
