"""Text to speech to lips: closures where the phones say, engines of any kind, and what cannot be spoken."""

from __future__ import annotations

import shlex
import struct
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio2motion.phones import articulations
from audio2motion.targets import opening_of
from talkinghead.core.errors import DependencyError, InputError
from talkinghead.media.audio import probe_audio, read_audio_blocks
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX
from talkinghead.motion.motion import Motion
from talkinghead.motion.protocols import MotionSource
from talkinghead.tts.engines import (
    CommandEngine,
    EspeakEngine,
    SpokenText,
    TextMotionSource,
    espeak_voice,
    espeak_voices,
    open_engine,
    speech_file,
)

TEXTS = {
    "en-us": "Peter Piper picked a peck of pickled peppers. Maybe my mother bought blue berries by the market.",
    "de": "Mein Papa pumpt am Montag immer die Pumpe. Ab morgen haben wir bunte Blumen im Baum.",
    "fr": "Bonjour, je m'appelle Pierre et j'habite à Bordeaux. Peux-tu parler plus bas, maman?",
    "es": "Buenos días, me llamo Pablo y vivo en Barcelona. El perro bebe mucha agua por la mañana.",
    "it": "Buongiorno, mi chiamo Paolo e abito a Bologna. La mamma prepara una buona pasta per il papà.",
}
CLOSED = 0.08  # of the opening of an open a: lips that touch in a picture


@pytest.fixture(scope="module")
def spoken() -> dict[str, SpokenText]:
    return {voice: EspeakEngine(voice).speak(text) for voice, text in TEXTS.items()}


def collected(source: TextMotionSource) -> Motion:
    return Motion.concatenate(list(source))


def centres_s(speech: SpokenText, seal: str) -> list[float]:
    """The middle of every sound with a `seal`."""
    times = []
    for ipa, start, end in speech.phones or []:
        sounds = articulations(ipa)
        step = (end - start) / max(1, len(sounds))
        times += [start + (k + 0.5) * step for k, sound in enumerate(sounds) if sound.seal == seal]
    return times


@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(25), Fraction(60)])
@pytest.mark.parametrize("voice", TEXTS)
def test_lips_meet_at_every_p_b_m(spoken: dict[str, SpokenText], voice: str, fps: Fraction) -> None:
    opening = opening_of(collected(TextMotionSource(spoken[voice], fps)).blendshapes)
    frames = [min(len(opening) - 1, round(at * fps)) for at in centres_s(spoken[voice], "lips")]
    assert len(frames) >= 10
    assert np.mean(opening[frames] < CLOSED) >= 0.97
    # A mouth that never opens would pass the above.
    assert np.mean(opening > 0.3) > 0.15


def test_lips_rest_before_and_after_the_words(spoken: dict[str, SpokenText]) -> None:
    opening = opening_of(collected(TextMotionSource(spoken["de"], Fraction(25))).blendshapes)
    assert opening[0] < CLOSED
    assert opening[-3:].max() < CLOSED


@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(25), Fraction(30), Fraction(60), Fraction(1)])
def test_motion_lasts_as_long_as_the_speech(spoken: dict[str, SpokenText], fps: Fraction) -> None:
    speech = spoken["it"]
    source = TextMotionSource(speech, fps)
    assert isinstance(source, MotionSource)
    motion = collected(source)
    assert len(motion) == source.frames == round(len(speech.samples) * fps / speech.rate_hz)
    assert motion.fps == fps


def test_motion_comes_in_chunks_without_seams(spoken: dict[str, SpokenText]) -> None:
    chunks = list(TextMotionSource(spoken["en-us"], Fraction(50)))
    assert len(chunks) > 3
    joined = Motion.concatenate(chunks)
    steps = np.abs(np.diff(joined.rotation, axis=0)).max(1)
    seams = np.cumsum([len(chunk) for chunk in chunks])[:-1] - 1
    assert steps[seams].max() <= steps.max()
    assert steps.max() < 1.5


def test_the_face_lives_by_the_seed(spoken: dict[str, SpokenText]) -> None:
    one, again, other = (collected(TextMotionSource(spoken["es"], Fraction(25), seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.blendshapes, again.blendshapes)
    np.testing.assert_array_equal(one.rotation, again.rotation)
    assert np.abs(one.rotation - other.rotation).max() > 0.3
    np.testing.assert_allclose(opening_of(one.blendshapes), opening_of(other.blendshapes), atol=1e-5)
    assert one.blendshapes[:, BLENDSHAPE_INDEX["eyeBlinkLeft"]].max() > 0.5


def test_the_same_text_sounds_the_same_every_time(spoken: dict[str, SpokenText]) -> None:
    again = EspeakEngine("fr").speak(TEXTS["fr"])
    np.testing.assert_array_equal(again.samples, spoken["fr"].samples)
    assert again.phones == spoken["fr"].phones


def test_phones_stand_where_the_sound_is(spoken: dict[str, SpokenText]) -> None:
    speech = spoken["en-us"]
    assert speech.phones is not None
    starts = [start for _, start, _ in speech.phones]
    assert starts == sorted(starts)
    assert speech.phones[-1][2] <= speech.duration_s + 1e-6
    vowels = [(a, b) for ipa, a, b in speech.phones if any(sound.vowel for sound in articulations(ipa))]
    loud = [np.abs(speech.samples[round(a * speech.rate_hz) : round(b * speech.rate_hz)]).mean() for a, b in vowels]
    assert np.median(loud) > 1.5 * np.abs(speech.samples).mean()


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


def test_speech_becomes_a_file_with_the_same_sound(spoken: dict[str, SpokenText]) -> None:
    speech = spoken["de"]
    path = speech_file(speech)
    assert probe_audio(path).duration_s == pytest.approx(speech.duration_s, abs=1e-4)
    samples = np.concatenate(list(read_audio_blocks(path, speech.rate_hz)))
    np.testing.assert_allclose(samples, speech.samples, atol=1e-4)


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
    assert speech_file(speech) == speech.file
    with pytest.raises(InputError, match="no phones"):
        TextMotionSource(speech, Fraction(25))


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


def test_engines_by_option() -> None:
    assert open_engine() == EspeakEngine("en-us")
    assert open_engine("de") == EspeakEngine("de")
    assert open_engine(command="say {out}") == CommandEngine("say {out}")
    with pytest.raises(InputError, match="within the speech command"):
        open_engine("de", "say {out}")
