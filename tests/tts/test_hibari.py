"""hibari, where it is installed: its durations are the sound's."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from audio2motion.phones import articulations
from talkinghead.core.errors import DependencyError, InputError
from talkinghead.tts.engines import SpokenText
from talkinghead.tts.hibari import HibariEngine, hibari_voices, is_installed, phones_of

TEXT = "Peter Piper picked a peck of pickled peppers. Maybe my mother bought blue berries by the market."
FRAME_S = 0.0125

needed = pytest.mark.skipif(not is_installed(), reason="hibari-tts is not installed")


@pytest.fixture(scope="module")
def pieces() -> list[SpokenText]:
    return list(HibariEngine().stream(TEXT))


@needed
def test_a_sentence_at_a_time_the_same_every_time(pieces: list[SpokenText]) -> None:
    assert len(pieces) == 2
    again = HibariEngine().speak(TEXT)
    np.testing.assert_array_equal(again.samples, np.concatenate([piece.samples for piece in pieces]))
    assert again.rate_hz == 24_000
    assert 4 < again.duration_s < 9


@needed
def test_phones_stand_where_the_sound_is(pieces: list[SpokenText]) -> None:
    for piece in pieces:
        assert piece.phones is not None
        starts = [start for _, start, _ in piece.phones]
        assert starts == sorted(starts)
        assert all(end > start for _, start, end in piece.phones)
        assert piece.phones[-1][2] <= piece.duration_s
        vowels = [(a, b) for ipa, a, b in piece.phones if any(sound.vowel for sound in articulations(ipa))]
        loud = [np.abs(piece.samples[round(a * 24_000) : round(b * 24_000)]).mean() for a, b in vowels]
        assert np.median(loud) > 1.3 * np.abs(piece.samples).mean()
        silent = np.ones(len(piece.samples), bool)
        for _, start, end in piece.phones:
            silent[round((start - 0.1) * 24_000) : round((end + 0.1) * 24_000)] = False
        assert np.abs(piece.samples[silent]).max(initial=0) < 0.05


@needed
def test_its_words_are_the_texts(pieces: list[SpokenText]) -> None:
    assert pieces[0].phones is not None
    said = "".join(ipa for ipa, _, _ in pieces[0].phones)
    assert said.startswith("pi")
    assert said.count("p") == 8
    assert pieces[1].phones is not None
    assert sum(ipa in ("m", "b") for ipa, _, _ in pieces[1].phones) == 9


@needed
def test_the_pace_is_heeded(pieces: list[SpokenText]) -> None:
    slow = next(HibariEngine(speed=0.6).stream(TEXT))
    assert slow.duration_s > 1.3 * pieces[0].duration_s


@needed
def test_durations_are_frames_that_sum_to_the_sound() -> None:
    """As the network gives them, before the silence at the beginning is shortened."""
    program = """
import numpy as np
from talkinghead.tts import hibari
network = hibari._loaded("heart")
for said in network.phonemize("Mama bought a blue umbrella."):
    ids = network.ids(said)
    *spectrum, durations = network.sess.run(None, {"ids": np.asarray([ids]), "speed": np.ones(1, np.float32)})
    print(len(ids), len(durations), durations.sum(), spectrum[0].shape[-1], (durations % 1).max())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    ids, count, total, frames, broken = map(float, done.stdout.split())
    assert count == ids
    assert broken == 0
    assert frames == 2 * total  # each is two frames of 12.5 ms


@needed
def test_onnx_runtime_reports_to_nobody_here_either() -> None:
    program = """
import os
from talkinghead.tts.hibari import HibariEngine
os.environ.pop("ORT_DISABLE_TELEMETRY", None)
HibariEngine().speak("Hello.")
import onnxruntime, sys
print("ORT_DISABLE_TELEMETRY" in os.environ)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@needed
def test_what_hibari_does_not_speak() -> None:
    with pytest.raises(InputError, match="Cyrillic letters, which the voice heart cannot read"):
        HibariEngine().speak("Hello. Привет, как дела.")
    with pytest.raises(InputError, match="no text"):
        HibariEngine().speak(" ")
    with pytest.raises(InputError, match="no voice 'nobody'"):
        HibariEngine("nobody").speak("hi")
    missing = {"emma", "fable", "kore", "fenrir"} - set(hibari_voices())
    for voice in missing:
        with pytest.raises(DependencyError, match=f"hibari hello --voice {voice}"):
            HibariEngine(voice).speak("hi")


def test_marks_of_stress_and_length_belong_to_their_sounds() -> None:
    durations = np.asarray([4, 1, 1, 2, 1, 1, 2, 1, 3], np.float32)
    phones = phones_of(list("ˈmɑː bO"), durations, 1.6)
    assert phones is not None
    assert [ipa for ipa, _, _ in phones] == ["m", "ɑ", "b", "oʊ"]
    np.testing.assert_allclose([start for _, start, _ in phones], [0.345, 0.545, 0.945, 1.145], atol=1e-6)
    np.testing.assert_allclose([end for _, _, end in phones], [0.545, 0.845, 1.145, 1.245], atol=1e-6)
    assert phones_of(["m"], durations, 1.0) is None
