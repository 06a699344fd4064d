"""Text to speech: engines of any kind, voices by the names people use, and what cannot be spoken."""

from __future__ import annotations

import shlex
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio2motion.phones import articulations
from talkinghead.core.errors import DependencyError, InputError
from talkinghead.media.audio import probe_audio, read_audio_blocks
from talkinghead.media.sound import SpokenSound
from talkinghead.tts.command import CommandEngine
from talkinghead.tts.engines import SpokenText, joined
from talkinghead.tts.espeak import EspeakEngine, espeak_voice, espeak_voices

ENGLISH = "Peter Piper picked a peck of pickled peppers. Maybe my mother bought blue berries by the market."
FRENCH = "Bonjour, je m'appelle Pierre et j'habite à Bordeaux. Peux-tu parler plus bas, maman?"


@pytest.fixture(scope="module")
def english() -> SpokenText:
    return EspeakEngine("en-us").speak(ENGLISH)


def test_the_same_text_sounds_the_same_every_time() -> None:
    one, again = EspeakEngine("fr").speak(FRENCH), EspeakEngine("fr").speak(FRENCH)
    np.testing.assert_array_equal(again.samples, one.samples)
    assert again.phones == one.phones


def test_phones_stand_where_the_sound_is(english: SpokenText) -> None:
    assert english.phones is not None
    starts = [start for _, start, _ in english.phones]
    assert starts == sorted(starts)
    assert english.phones[-1][2] <= english.duration_s + 1e-6
    vowels = [(a, b) for ipa, a, b in english.phones if any(sound.vowel for sound in articulations(ipa))]
    loud = [np.abs(english.samples[round(a * english.rate_hz) : round(b * english.rate_hz)]).mean() for a, b in vowels]
    assert np.median(loud) > 1.5 * np.abs(english.samples).mean()


def test_pace_and_pitch_are_heeded(english: SpokenText) -> None:
    slow = EspeakEngine("en-us", words_per_minute=90).speak(ENGLISH)
    assert slow.duration_s > 1.4 * english.duration_s
    high = EspeakEngine("en-us", pitch=90).speak(ENGLISH)
    assert not np.array_equal(high.samples, english.samples)


@pytest.mark.parametrize(
    ("asked", "voice"),
    [("de", "de"), ("German", "de"), ("en_GB", "en"), ("fr-fr", "fr"), ("zh-cn", "cmn"), ("pt-BR+f2", "pt-br+f2")],
)
def test_voices_by_the_names_people_use(asked: str, voice: str) -> None:
    assert espeak_voice(asked) == voice
    assert len(set(espeak_voices().values())) > 80


@pytest.mark.parametrize(
    ("text", "voice", "message"),
    [("", "en", "no text"), (" \n", "en", "no text"), ("...", "en", "nothing in the text"),
     ("hello", "klingonese", "has no voice 'klingonese'")],
)  # fmt: skip
def test_what_cannot_be_spoken(text: str, voice: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        EspeakEngine(voice).speak(text)


def test_speech_becomes_a_file_with_the_same_sound(english: SpokenText) -> None:
    with SpokenSound(english.samples, english.rate_hz).file() as path:
        assert probe_audio(path).duration_s == pytest.approx(english.duration_s, abs=1e-4)
        samples = np.concatenate(list(read_audio_blocks(path, english.rate_hz)))
    np.testing.assert_allclose(samples, english.samples, atol=1e-4)
    assert not path.exists()


def command(program: str, *arguments: str) -> str:
    """A speech command that runs a Python program."""
    return shlex.join([sys.executable, "-c", program, *arguments])


_WRITE = """
import sys, wave
text = sys.argv[2] if len(sys.argv) > 2 else sys.stdin.read().strip()
with wave.open(sys.argv[1], "wb") as file:
    file.setparams((1, 2, 22050, 0, "NONE", ""))
    file.writeframes(bytes([0, 32]) * 2205 * len(text))
"""


@pytest.mark.parametrize("arguments", [("{out}",), ("{out}", "{text}")])
def test_any_program_can_speak(arguments: tuple[str, ...]) -> None:
    speech = CommandEngine(command(_WRITE, *arguments)).speak("hi 'you' $HOME")
    assert speech.rate_hz == 22_050
    assert speech.duration_s == pytest.approx(0.1 * len("hi 'you' $HOME"))
    assert speech.phones is None


def test_a_program_may_stream_wav_of_unknown_length_to_its_output(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(8000, 0.25, np.float32), 16_000)
    data = bytearray((tmp_path / "a.wav").read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = struct.pack("<I", 0xFFFFFFFF)
    (tmp_path / "a.wav").write_bytes(data)
    speech = CommandEngine(command("import sys; sys.stdout.buffer.write(open(sys.argv[1], 'rb').read())",
                                   str(tmp_path / "a.wav"))).speak("hello")  # fmt: skip
    assert (speech.rate_hz, speech.duration_s) == (16_000, 0.5)
    np.testing.assert_allclose(speech.samples, 0.25, atol=1e-3)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("no-such-program-here {out}", DependencyError, "'no-such-program-here' does not run"),
        (command("import sys; sys.exit('model is missing')"), DependencyError, "failed: model is missing"),
        (command("pass", "{out}"), DependencyError, "wrote no sound"),
        ("piper 'unclosed", InputError, "cannot be read"),
        ("  ", InputError, "is empty"),
    ],
)
def test_a_program_that_does_not_speak(given: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        CommandEngine(given).speak("hello")
    assert "\n" not in str(caught.value)


def test_sentences_of_one_process_are_the_text(english: SpokenText) -> None:
    pieces = list(EspeakEngine("en-us").stream(ENGLISH))
    assert len(pieces) == 2
    together = joined(pieces)
    assert together.duration_s == pytest.approx(english.duration_s, abs=0.05)
    assert together.phones is not None
    assert english.phones is not None
    assert [ipa for ipa, _, _ in together.phones] == [ipa for ipa, _, _ in english.phones]
    np.testing.assert_allclose([a for _, a, _ in together.phones], [a for _, a, _ in english.phones], atol=0.05)


@pytest.mark.parametrize(
    ("text", "voice", "suggested"),
    [
        ("Γειά σου", "en-us", "el"),
        ("你好", "de", "cmn"),
        ("नमस्ते", "ru", "hi"),
        ("안녕", "en-us", "ko"),
        ("ᜃᜓ", "en-us", None),
    ],
)
def test_letters_that_a_voice_does_not_read_are_told(text: str, voice: str, suggested: str | None) -> None:
    words = "--tts-command" if suggested is None else rf"--voice {suggested}\b"
    with pytest.raises(InputError, match=words):
        EspeakEngine(voice).speak(text)


@pytest.mark.parametrize(
    ("text", "voice"), [("Привет", "ru"), ("Привет", "uk+f2"), ("hello", "ru"), ("Zürich 12", "de"), ("नमस्ते", "mr")]
)
def test_letters_that_a_voice_reads_are_spoken(text: str, voice: str) -> None:
    assert EspeakEngine(voice).speak(text).duration_s > 0.1
