"""A predicted mouth at known sounds: closures of p b m, silence after speech, and sounds that are no speech."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from audio2motion.evaluation.metrics import CLOSED_BELOW
from audio2motion.evaluation.probes import KnownSpeech, not_speech
from audio2motion.phones import VISEMES, Phone, articulations
from audio2motion.targets import opening_of, phones_to_blendshapes

Floats = npt.NDArray[np.float32]
Mouth = Callable[[Floats], Floats]  # samples (n,) at 16 kHz to blendshapes (T, 52) at RATE_HZ
RATE_HZ = 50
_EDGE_S = 0.02
_BEFORE_SPEECH_S = 0.1  # a mouth may open that much before it is heard
_AFTER_SPEECH_S = 0.2  # by then the lips have closed
_UNTIL_SURE_S = 0.4


@dataclass
class Tally:
    """`hits` of `total`; NaN where nothing was counted."""

    hits: int = 0
    total: int = 0

    def add(self, hit: bool) -> None:
        self.hits += hit
        self.total += 1

    @property
    def share(self) -> float:
        return self.hits / self.total if self.total else float("nan")


@dataclass
class SpokenScores:
    """Known speech: `closures` by language; `open_vowels`: open vowels (a) that do open; `silent_open`: open frames in
    silences from 200 ms after the last sound on; `visemes`: per class, mean (predicted, target) opening at the
    centres; `closing_s`: from the last sound to closed lips, per sentence."""

    closures: dict[str, Tally] = field(default_factory=dict)
    open_vowels: Tally = field(default_factory=Tally)
    silent_open: Tally = field(default_factory=Tally)
    visemes: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    closing_s: list[float] = field(default_factory=list)

    @property
    def closure_recall(self) -> float:
        total = sum(tally.total for tally in self.closures.values())
        return sum(tally.hits for tally in self.closures.values()) / total if total else float("nan")


def single_sounds(phones: Iterable[Phone]) -> Iterable[tuple[str, str, float, float]]:
    """(viseme, contact "lips", "teeth" or "", start, end) of every sound; labels of several sounds share their time."""
    for ipa, start_s, end_s in phones:
        parts = articulations(ipa)
        step = (end_s - start_s) / max(len(parts), 1)
        for k, part in enumerate(parts):
            yield part.viseme, part.contact, start_s + k * step, start_s + (k + 1) * step


def _span(opening: Floats, start_s: float, end_s: float) -> Floats:
    low = max(0, int(np.ceil(start_s * RATE_HZ)))
    high = max(low + 1, int(np.floor(end_s * RATE_HZ)) + 1)
    return opening[low:high]


def score_speech(mouth: Mouth, speeches: Iterable[KnownSpeech]) -> SpokenScores:
    """Count closures, openings and silences over sentences with known phones.

    A /p b m/ is closed when the opening falls under `CLOSED_BELOW` within its own time, give or take 20 ms.
    """
    scores = SpokenScores()
    for speech in speeches:
        opening = opening_of(mouth(speech.samples))
        target = opening_of(phones_to_blendshapes(speech.phones, RATE_HZ, len(speech.samples) / 16000))
        for viseme, contact, start_s, end_s in single_sounds(speech.phones):
            around = _span(opening, start_s - _EDGE_S, end_s + _EDGE_S)
            if not len(around):
                continue
            if contact == "lips":
                scores.closures.setdefault(speech.lang, Tally()).add(bool(around.min() < CLOSED_BELOW))
            elif viseme == "a" and end_s - start_s >= 0.06:
                scores.open_vowels.add(bool(around.max() > 0.3))
            centre = min(round((start_s + end_s) / 2 * RATE_HZ), len(opening) - 1, len(target) - 1)
            scores.visemes.setdefault(viseme, []).append((float(opening[centre]), float(target[centre])))
        _score_silence(opening, speech, scores)
    return scores


def silence_around(speech: KnownSpeech) -> tuple[float, float]:
    """(end of the silence before, start of the silence after) in seconds, in which lips must be closed."""
    return speech.phones[0][1] - _BEFORE_SPEECH_S, speech.phones[-1][2] + _AFTER_SPEECH_S


def _score_silence(opening: Floats, speech: KnownSpeech, scores: SpokenScores) -> None:
    until_s, from_s = silence_around(speech)
    for value in (*opening[: int(until_s * RATE_HZ)], *opening[int(from_s * RATE_HZ) :]):
        scores.silent_open.add(bool(value >= CLOSED_BELOW))
    after = opening[round(speech.phones[-1][2] * RATE_HZ) :]
    still_open = np.flatnonzero(after >= CLOSED_BELOW)
    scores.closing_s.append((int(still_open[-1]) + 1) / RATE_HZ if len(still_open) else 0.0)


def score_not_speech(mouth: Mouth, seconds: float = 8.0, seed: int = 0) -> dict[str, dict[str, float]]:
    """Share of frames with open lips, by kind ("silence", "noise", "music") and sound; the first 0.4 s are left out,
    as a listener cannot know at once what a sound is."""
    shares: dict[str, dict[str, float]] = {}
    for kind, name, samples in not_speech(seconds, seed):
        opening = opening_of(mouth(samples))[round(_UNTIL_SURE_S * RATE_HZ) :]
        shares.setdefault(kind, {})[name] = float(np.mean(opening >= CLOSED_BELOW))
    return shares


def viseme_table(scores: SpokenScores) -> list[tuple[str, int, float, float, float]]:
    """(viseme, count, mean predicted opening, mean target, mean absolute difference), in the order of `VISEMES`."""
    rows = []
    for viseme in VISEMES:
        pairs = np.array(scores.visemes.get(viseme, []))
        if len(pairs):
            gap = float(np.abs(pairs[:, 0] - pairs[:, 1]).mean())
            rows.append((viseme, len(pairs), float(pairs[:, 0].mean()), float(pairs[:, 1].mean()), gap))
    return rows
