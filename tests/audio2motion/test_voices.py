"""Voices of flite and festival: skipped where an engine is not installed."""

from __future__ import annotations

import re
import shutil
import subprocess

import numpy as np
import pytest

from audio2motion.corpus.festival import (
    KIND_OF,
    KINDS,
    SILENCES,
    FestivalVoice,
    installed_voices,
    lenited,
    repaired,
)
from audio2motion.corpus.text import a_text
from audio2motion.corpus.voices import ESPEAK_LANGUAGES, find_voices
from audio2motion.errors import Audio2MotionError
from audio2motion.phones import articulations

VOICES = installed_voices()
needs_festival = pytest.mark.skipif(not VOICES, reason="festival is not installed")
HELLO = {
    "en-us": "My papa.", "ca": "El papa beu aigua.", "cs": "Příliš žluťoučký kůň.", "fi": "Hyvää pöytää, pappa.",
    "it": "Perché papà è così?", "hi": "पापा का नाम", "mr": "बाबा माझे नाव", "te": "పాపా బాబా", "ru": "Добрый папа.",
}  # fmt: skip


def test_every_sound_of_the_tables_is_one_the_lips_know() -> None:
    for kind in KINDS:
        for name, ipa in kind.phones.items():
            assert name not in SILENCES
            sounds = articulations(ipa)
            assert sounds, name
            assert not any(sound.weight == 0.3 for sound in sounds), f"{kind.language}: {name} is {ipa}"


def test_every_language_can_be_written_in_the_encoding_of_its_voices() -> None:
    rng = np.random.default_rng(0)
    for kind in KINDS:
        text = " ".join(a_text(kind.language, rng) for _ in range(20))
        assert len(text.encode(kind.encoding, "ignore").decode(kind.encoding)) > 0.98 * len(text)
        assert kind.language in (*ESPEAK_LANGUAGES, "mr", "te")


def test_b_of_catalan_closes_the_lips_only_where_it_is_a_stop() -> None:
    spoken = [(name, 0.0) for name in ("pau", "b", "O1", "b", "e", "m", "b", "a")]
    assert [name for name, _ in lenited(spoken)] == ["pau", "b", "O1", "B", "e", "m", "b", "a"]


def test_peaks_that_overflowed_are_put_back() -> None:
    wave = (1.2 * np.sin(np.arange(16000) * 2 * np.pi * 150 / 16000)).astype(np.float32)
    wrapped = ((wave + 1) % 2 - 1).astype(np.float32)
    assert np.abs(wrapped - wave).max() > 1.9
    assert repaired(wrapped, 16000) == pytest.approx(wave, abs=1e-5)
    quiet = (wave / 2).astype(np.float32)
    assert np.array_equal(repaired(quiet, 16000), quiet)


@needs_festival
@pytest.mark.parametrize("voice", VOICES, ids=lambda voice: voice.voice)
def test_a_festival_voice_speaks_its_language(voice: FestivalVoice) -> None:
    speech = voice.speak(HELLO[voice.language], 1.0, 1.0)
    spoken = "".join(ipa for ipa, _, _ in speech.phones)
    assert len(re.findall("[pb]", spoken)) >= (0 if voice.language == "cs" else 1)
    assert len(speech.phones) >= 5
    starts = [start for _, start, _ in speech.phones]
    assert starts == sorted(starts)
    assert speech.phones[-1][2] <= len(speech.samples) / speech.rate_hz + 0.1
    if voice.language != "ru":
        fast = voice.speak(HELLO[voice.language], 1.25, 1.0)
        assert fast.phones[-1][2] == pytest.approx(speech.phones[-1][2] / 1.25, rel=0.08)


@needs_festival
@pytest.mark.parametrize("voice", VOICES, ids=lambda voice: voice.voice)
def test_every_phone_of_a_festival_voice_is_in_its_table(voice: FestivalVoice) -> None:
    command = (
        f"(begin (voice_{voice.voice}) (print (mapcar car (cadr (assoc 'phones (PhoneSet.description '(phones)))))))"
    )
    printed = subprocess.run(["festival", "-b", command], capture_output=True, check=True).stdout.decode("latin-1")
    names = set(printed.strip().strip("()").split())
    silent = SILENCES if voice.language == "cs" else SILENCES | {"_"}
    assert len(names) > 25
    assert names - silent <= set(KIND_OF[voice.language].phones)


@needs_festival
def test_a_phone_that_no_table_has_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(KIND_OF[VOICES[0].language].phones, "p")
    with pytest.raises(Audio2MotionError, match="the phone 'p' is in no table"):
        VOICES[0].speak(HELLO[VOICES[0].language], 1.0, 1.0)


@needs_festival
def test_all_installed_voices_are_found() -> None:
    assert [voice.name for voice in find_voices(("festival",))["festival"]] == [voice.name for voice in VOICES]


@pytest.mark.skipif(not shutil.which("flite"), reason="flite is not installed")
def test_flite_tells_when_each_phone_sounds() -> None:
    voice = find_voices(("flite",))["flite"][0]
    speech = voice.speak("My papa.", 1.0, 1.0)
    assert "".join(ipa for ipa, _, _ in speech.phones).startswith("maɪp")
