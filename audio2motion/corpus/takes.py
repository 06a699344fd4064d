"""One take of the corpus: voices, pauses and breaths on a timeline, then a room, noise, music, codecs, a gain."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from audio2motion.corpus import sounds
from audio2motion.corpus.sounds import RATE_HZ, Floats
from audio2motion.corpus.text import a_text
from audio2motion.corpus.voices import Voice
from audio2motion.errors import Audio2MotionError
from audio2motion.phones import BREATH, MURMUR, Phone

SPEECHLESS_SHARE = 0.2  # takes without speech: silence, noise, music
_ENGINE_SHARES = {"espeak-ng": 0.4, "flite": 0.2, "festival": 0.4}
_ENGLISH_SHARE = 0.25  # of an engine's speech where it knows more languages
_SILENT_DB = -38.0  # a pause this far below the speech is silent
_MURMUR_S = 0.45  # the part of a long pause beside speech in which lips are not at rest unless all is silent


class Take(NamedTuple):
    """`samples` mono float32 at 16 kHz within -1..1; `phones` with times; `levels_db` per phone, 0 the usual.

    `noise`: sounds without speech. What lips do then is for voice activity to say: a model whose lips are
    taught to rest in noise rests in noisy speech, too.
    """

    samples: Floats
    phones: list[Phone]
    levels_db: list[float]
    noise: bool = False


@dataclass
class _Timeline:
    """Speech as it is laid down, clean."""

    parts: list[Floats] = field(default_factory=list)
    phones: list[Phone] = field(default_factory=list)
    count: int = 0

    def add(self, samples: Floats, phones: list[Phone]) -> None:
        at = self.count / RATE_HZ
        self.phones += [(ipa, at + start, at + end) for ipa, start, end in phones]
        self.parts.append(samples)
        self.count += len(samples)


class TakeMaker:
    """Makes takes from voices; everything random comes from the generator that is handed in."""

    def __init__(
        self, voices: dict[str, list[Voice]], texts: Path | None = None, speechless: float = SPEECHLESS_SHARE
    ) -> None:
        self._voices, self._texts, self._speechless = voices, texts, speechless

    def make(self, rng: np.random.Generator, longest_s: float = 16.0, shortest_s: float = 5.0) -> Take:
        """One take of `shortest_s` to `longest_s` seconds."""
        seconds = float(rng.uniform(min(shortest_s, longest_s), longest_s))
        if rng.random() < self._speechless:
            return _without_speech(int(seconds * RATE_HZ), rng)
        return self.record(*self._speech(seconds, rng), rng)

    def record(self, clean: Floats, phones: list[Phone], rng: np.random.Generator) -> Take:
        """A take from clean speech (N,) at 16 kHz and its phones: in some room, through some microphone."""
        clean = _drift(clean, rng)
        samples = self._record(clean, rng)
        phones = with_murmurs(samples, phones)
        return Take(samples, phones, phone_levels(clean, phones))

    def _voice(self, rng: np.random.Generator) -> Voice:
        engines = list(self._voices)
        shares = np.array([_ENGINE_SHARES[engine] for engine in engines])
        voices = self._voices[engines[int(rng.choice(len(engines), p=shares / shares.sum()))]]
        if len({voice.language for voice in voices}) > 1:
            english = rng.random() < _ENGLISH_SHARE
            voices = [voice for voice in voices if voice.language.startswith("en") == english]
        return voices[int(rng.integers(len(voices)))]

    def _utterance(self, voice: Voice, rng: np.random.Generator) -> tuple[Floats, list[Phone]]:
        """A few sentences at 16 kHz; played a little faster or slower as a whole for more voices than there are."""
        import soxr

        for _ in range(5):
            text = a_text(voice.language, rng, self._texts)
            try:
                speech = voice.speak(text, float(rng.uniform(0.75, 1.25)), float(rng.uniform(0.7, 1.5)))
            except Audio2MotionError:
                continue  # a sentence that an engine cannot read
            if speech.phones and len(speech.samples) > 0.3 * speech.rate_hz:
                break
        else:
            raise Audio2MotionError(f"{voice.name} could not read five texts in a row: is the engine whole?")
        speed = float(np.clip(rng.normal(1.0, 0.09), 0.8, 1.22))
        samples = soxr.resample(speech.samples, speech.rate_hz * speed, RATE_HZ).astype(np.float32)
        loud = (
            float(np.sqrt(np.mean(np.square(samples[np.abs(samples) > 0.01])))) if np.abs(samples).max() > 0.01 else 1
        )
        phones = [(ipa, start / speed, end / speed) for ipa, start, end in speech.phones]
        return samples * np.float32(0.1 / max(loud, 1e-3)), phones

    def _speech(self, seconds: float, rng: np.random.Generator) -> tuple[Floats, list[Phone]]:
        line = _Timeline()
        voice = self._voice(rng)
        talkers = [voice, self._voice(rng)] if rng.random() < 0.12 else [voice]
        line.add(np.zeros(int(RATE_HZ * rng.choice([0.02, 0.2, rng.uniform(0.2, 2.5)])), np.float32), [])
        while line.count < seconds * RATE_HZ:
            if rng.random() < 0.15:
                inhaled = sounds.breath(rng) * np.float32(0.1 * 10 ** (rng.uniform(-32, -10) / 20))
                line.add(inhaled, [(BREATH, 0.0, len(inhaled) / RATE_HZ)])
            samples, phones = self._utterance(talkers[int(rng.integers(len(talkers)))], rng)
            line.add(*_with_pauses(samples, phones, rng))
            line.add(np.zeros(int(RATE_HZ * rng.choice([0.1, 0.4, rng.uniform(0.4, 2.5)])), np.float32), [])
        count = int(seconds * RATE_HZ)
        clean = np.concatenate(line.parts)[:count]
        return clean, [(ipa, s, min(e, seconds)) for ipa, s, e in line.phones if s < seconds]

    def _record(self, clean: Floats, rng: np.random.Generator) -> Floats:
        """What a microphone and a file make of it."""
        count, out = len(clean), clean.astype(np.float64)
        loud = max(
            float(np.sqrt(np.mean(np.square(out[np.abs(out) > 0.01])))) if (np.abs(out) > 0.01).any() else 0, 1e-3
        )
        if rng.random() < 0.85:
            out = sounds.equaliser(out.astype(np.float32), rng).astype(np.float64)
        if rng.random() < 0.55:
            out = sounds.room(out.astype(np.float32), rng).astype(np.float64)
        if rng.random() < 0.8:
            out += sounds.noise(count, rng) * loud * 10 ** (-rng.uniform(8, 55) / 20)
        if rng.random() < 0.15:
            out += sounds.music(count, rng) * loud * 10 ** (-rng.uniform(6, 30) / 20)
        if rng.random() < 0.12:
            out += self._babble(count, rng) * loud * 10 ** (-rng.uniform(10, 25) / 20)
        return _file(out.astype(np.float32), rng)

    def _babble(self, count: int, rng: np.random.Generator) -> Floats:
        """Somebody else talking behind."""
        samples, _ = self._utterance(self._voice(rng), rng)
        samples = sounds.room(samples, rng)
        return np.asarray(np.resize(samples, count) * np.float32(10), np.float32)


def _with_pauses(samples: Floats, phones: list[Phone], rng: np.random.Generator) -> tuple[Floats, list[Phone]]:
    """Hesitations of 0.1 to 0.9 s between some phones that do not join smoothly anyway (before a stop)."""
    if rng.random() < 0.6:
        return samples, phones
    line = _Timeline()
    cut_s = 0.0
    pending: list[Phone] = []
    for ipa, start, end in phones:
        if ipa[:1] in "pbtdkɡ" and start > cut_s + 0.8 and rng.random() < 0.15:
            line.add(samples[int(cut_s * RATE_HZ) : int(start * RATE_HZ)], pending)
            line.add(np.zeros(int(RATE_HZ * rng.uniform(0.1, 0.9)), np.float32), [])
            cut_s, pending = start, []
        pending.append((ipa, start - cut_s, end - cut_s))
    line.add(samples[int(cut_s * RATE_HZ) :], pending)
    return np.concatenate(line.parts), line.phones


def _drift(clean: Floats, rng: np.random.Generator) -> Floats:
    """Stress and mood: the level wanders by some decibels from syllable to syllable."""
    knots = rng.normal(0, rng.uniform(0, 4), max(2, int(len(clean) / RATE_HZ * 3)))
    gain = np.interp(np.linspace(0, len(knots) - 1, len(clean)), np.arange(len(knots)), knots)
    return (clean * 10 ** (gain / 20)).astype(np.float32)


def with_murmurs(samples: Floats, phones: list[Phone]) -> list[Phone]:
    """The phones, and a `MURMUR` in every gap between them that is not silent: whole, or its ends where it is long."""
    spoken = np.zeros(len(samples), bool)
    for _, start, end in phones:
        spoken[int(start * RATE_HZ) : int(end * RATE_HZ)] = True
    if not spoken.any():
        return phones
    silent = _power(samples[spoken]) * 10 ** (_SILENT_DB / 10)
    found = list(phones)
    ends = [(0.0, 0.0), *sorted((start, end) for _, start, end in phones), (len(samples) / RATE_HZ,) * 2]
    at = 0.0
    for start, end in ends:
        middle = samples[int((at + 0.4 * (start - at)) * RATE_HZ) : int((at + 0.8 * (start - at)) * RATE_HZ)]
        if start - at > 0.06 and _power(middle) > silent:
            found += _murmurs(at, start, len(samples) / RATE_HZ)
        at = max(at, end)
    return sorted(found, key=lambda phone: phone[1])


def _murmurs(start_s: float, end_s: float, total_s: float) -> list[Phone]:
    if end_s - start_s <= 2 * _MURMUR_S:
        return [(MURMUR, start_s, end_s)]
    after, before = (MURMUR, start_s, start_s + _MURMUR_S), (MURMUR, end_s - _MURMUR_S, end_s)
    return ([after] if start_s > 0 else []) + ([before] if end_s < total_s else [])


def _power(samples: Floats) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0


def phone_levels(clean: Floats, phones: list[Phone]) -> list[float]:
    """Each phone's level in decibels against the energetic mean of all that are spoken."""
    power = [
        _power(clean[int(s * RATE_HZ) : max(int(e * RATE_HZ), int(s * RATE_HZ) + 1)]) if ipa != MURMUR else 0.0
        for ipa, s, e in phones
    ]
    spoken = sum(ipa != MURMUR for ipa, _, _ in phones)
    usual = max(sum(power) / max(spoken, 1), 1e-8)
    return [10 * float(np.log10(max(p, 1e-8) / usual)) for p in power]


def _file(out: Floats, rng: np.random.Generator) -> Floats:
    """Band limits, a codec, a gain and, rarely, clipping."""
    if rng.random() < 0.2:
        out = sounds.band_limit(out, rng)
    if rng.random() < 0.25:
        peak = max(float(np.abs(out).max()), 1e-6)
        out = sounds.codec(out * np.float32(0.7 / peak), rng) * np.float32(peak / 0.7)
    peak = float(10 ** (rng.uniform(-30, -0.5) / 20))
    if rng.random() < 0.04:
        peak *= float(rng.uniform(1.2, 3))
    out = out * np.float32(peak / max(float(np.abs(out).max()), 1e-6))
    return np.asarray(np.clip(out, -1, 1), np.float32)


def _without_speech(count: int, rng: np.random.Generator) -> Take:
    kind = rng.random()
    if kind < 0.2:
        samples = np.zeros(count, np.float32)
        if rng.random() < 0.7:
            samples = sounds.shaped_noise(count, rng, rng.uniform(0, 1)) * np.float32(
                10 ** (rng.uniform(-95, -55) / 20)
            )
        return Take(samples, [], [])
    samples = sounds.noise(count, rng) if kind < 0.5 else sounds.music(count, rng)
    if kind > 0.9:
        samples = samples + sounds.noise(count, rng) * np.float32(rng.uniform(0.1, 1))
    if rng.random() < 0.3:
        samples = sounds.room(samples, rng)
    # Sound that comes and goes: an onset alone is no speech.
    if rng.random() < 0.5:
        knots = rng.random(max(3, int(count / RATE_HZ * rng.uniform(0.3, 2)))) > 0.4
        swell = np.interp(np.linspace(0, len(knots) - 1, count), np.arange(len(knots)), knots)
        samples = np.asarray(samples * swell, np.float32)
    return Take(_file(samples.astype(np.float32), rng), [], [], noise=True)
