"""hibari: a small neural voice for English, whose network also tells how long each of its phonemes lasts.

The package `hibari-tts` (Apache-2.0) carries the voice "heart"; other voices it downloads when it is told to, which is
never done here. Its network gives a spectrum in frames of 12.5 ms and keeps to itself how many of them it has made of
each phoneme: the name of that tensor is added to the network's outputs.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from audio2motion import Phone
from talkinghead.core.errors import DependencyError, InputError
from talkinghead.core.types import Floats
from talkinghead.tts.engines import Engine, SpokenText, joined, spoken_sentences
from talkinghead.tts.scripts import check_script

INSTALL = "install it: pip install 'talkinghead[tts]'"
DEFAULT_VOICE = "heart"
# The tensor of durations in the network, and fields of ONNX's protocol buffers: ModelProto.graph, GraphProto.output,
# ValueInfoProto.name.
_DURATIONS = b"/Clip_output_0"
_GRAPH, _OUTPUT, _NAME = 7, 12, 1
_LENGTH_DELIMITED = 2
# Symbols of its alphabet that stand for two sounds, or that IPA writes otherwise.
_IPA = {"A": "eɪ", "I": "aɪ", "O": "oʊ", "Q": "əʊ", "W": "aʊ", "Y": "ɔɪ", "T": "ɾ", "ᵊ": "ə", "ʤ": "dʒ", "ʧ": "tʃ",
        "S": "ʃ"}  # fmt: skip
_BEFORE, _AFTER = "ˈˌ", "ːʰʲ̃"
# A gap between words of at most this length is none: speech flows through it.
_FLOWING_S = 0.06
# It is silent for a third of a second before it speaks: so much of that is kept.
_LEAD_S = 0.1
# Its durations run behind its sound: over 15 sentences loudness fits the vowels best 52 ms earlier, and quiet the lip
# closures 57 ms earlier (espeak-ng's, which are exact: 2 and 6 ms).
_LATE_S = 0.055
_speaking = threading.Lock()


def is_installed() -> bool:
    """Whether the package is there."""
    return find_spec("hibari") is not None


@dataclass(frozen=True)
class HibariEngine(Engine):
    """hibari's `voice`, English at 24 kHz; `speed` 0.5..2. The same text always sounds the same."""

    voice: str = DEFAULT_VOICE
    speed: float = 1.0

    def speak(self, text: str) -> SpokenText:
        return joined(self.stream(text))

    def stream(self, text: str) -> Iterator[SpokenText]:
        texts = spoken_sentences(text)
        for sentence in texts:
            check_script(sentence, self.voice, "en")
        network = _loaded(self.voice)
        for sentence in texts:
            with _speaking:  # its reader of words keeps state
                phonemes = network.phonemize(sentence)
            for said in phonemes:
                if len(network.ids(said)) > 2:
                    yield _spoken(network, said, self.speed)


def hibari_voices() -> dict[str, str]:
    """Voice -> its language ("en-us"), of those that are there; empty where the package is not."""
    if not is_installed():
        return {}
    _import()
    from hibari.voices import VOICES

    return {name: str(about["language"]).lower() for name, about in VOICES.items() if _file(name) is not None}


def _import() -> None:
    """hibari imports ONNX Runtime: it is to be the one that reports its use to nobody.

    Raises:
        DependencyError: a package is missing or broken.
    """
    from talkinghead.models.onnx_runtime import onnx_runtime

    onnx_runtime()
    try:
        import hibari
    except ImportError as error:
        raise DependencyError(f"hibari is not installed ({error}): {INSTALL}") from error
    del hibari


def _file(voice: str) -> Path | None:
    """Where a known voice's network lies, None where it was not downloaded."""
    from hibari.voices import voice_path

    try:
        return Path(voice_path(voice, download_missing=False))
    except FileNotFoundError:
        return None


@lru_cache(maxsize=2)
def _loaded(voice: str) -> Any:
    _import()
    from hibari import Hibari
    from hibari.voices import VOICES

    if voice not in VOICES:
        raise InputError(f"hibari has no voice {voice!r}: choose among {', '.join(VOICES)}")
    path = _file(voice)
    if path is None:
        raise DependencyError(
            f"hibari's voice {voice} is not here: download it once with `hibari hello --voice {voice} -o hello.wav`"
        )
    model = path.read_bytes()
    if _DURATIONS not in model:
        return Hibari(voice, model=model)
    return Hibari(voice, model=model + _more_output(_DURATIONS))


def _more_output(name: bytes) -> bytes:
    """What makes the tensor `name` an output of the serialized network that it is put behind: messages of protocol
    buffers that follow each other are one."""

    def field(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | _LENGTH_DELIMITED, len(content)]) + content

    return field(_GRAPH, field(_OUTPUT, field(_NAME, name)))


def _spoken(network: Any, phonemes: str, speed: float) -> SpokenText:
    from hibari import dsp

    symbols = [letter for letter in phonemes if letter in network.vocab]
    given = {"ids": np.asarray([network.ids(phonemes)], np.int64), "speed": np.asarray([speed], np.float32)}
    spectrum: list[Any] = []
    more: list[Any] = []
    for value in network.sess.run(None, given):
        (spectrum if value.shape[0] == 1 and value.ndim > 1 else more).append(value)
    samples = dsp.synth(*(value[0] for value in spectrum), np.random.default_rng(0))
    spoken = SpokenText(np.asarray(samples, np.float32), int(dsp.SR))
    phones = phones_of(symbols, np.asarray(more[0], np.float32), spoken.duration_s) if more else None
    return spoken if phones is None else _without_lead(replace(spoken, phones=phones))


def _without_lead(spoken: SpokenText) -> SpokenText:
    if not spoken.phones:
        return spoken
    cut = max(0, round((spoken.phones[0][1] - _LEAD_S) * spoken.rate_hz))
    cut_s = cut / spoken.rate_hz
    phones = [(ipa, start - cut_s, end - cut_s) for ipa, start, end in spoken.phones]
    return SpokenText(spoken.samples[cut:], spoken.rate_hz, phones)


def phones_of(symbols: list[str], durations: Floats, length_s: float) -> list[Phone] | None:
    """The phones of hibari's `symbols`, whose `durations` (one more at either end, of silence) are parts of `length_s`,
    brought to where they are heard.

    A mark of stress lasts as the beginning of its sound, one of length as the end. None where the two do not belong
    together.
    """
    if len(durations) != len(symbols) + 2 or durations.sum() <= 0:
        return None
    ends_s = np.maximum(np.cumsum(durations) * (length_s / float(durations.sum())) - _LATE_S, 0.0)
    phones: list[Phone] = []
    begin_s: float | None = None
    for symbol, start, end in zip(symbols, ends_s[:-2].tolist(), ends_s[1:-1].tolist()):
        if symbol in _BEFORE:
            begin_s = start if begin_s is None else begin_s
        elif symbol in _AFTER:
            if phones:
                phones[-1] = (phones[-1][0], phones[-1][1], end)
        elif symbol.isalpha():
            phones.append((_IPA.get(symbol, symbol), start if begin_s is None else begin_s, end))
            begin_s = None
    return _flowing(phones)


def _flowing(phones: list[Phone]) -> list[Phone]:
    """Short gaps given to the sounds on either side."""
    for at in range(1, len(phones)):
        (left, start, end), (right, begin, stop) = phones[at - 1], phones[at]
        if 0 < begin - end <= _FLOWING_S:
            middle = (end + begin) / 2
            phones[at - 1], phones[at] = (left, start, middle), (right, middle, stop)
    return phones
