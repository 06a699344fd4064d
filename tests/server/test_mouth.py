"""What a stream says: texts with the phones that their engine tells, down to the lips that are drawn."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from talkinghead.avatar import Avatar
from talkinghead.core.types import Frame
from talkinghead.realtime.clock import RealTime
from talkinghead.realtime.sounds import Sound
from talkinghead.server.mouth import Mouth
from talkinghead.tts.espeak import EspeakEngine
from talkinghead.tts.opening import Voice

RATE_HZ = 16_000
TEXT = "Mama. Pump."
ENGLISH = Voice("en-us", engine="espeak")
# Half a second of a hum, of which no phones are told.
_HUM = """
import sys, wave, numpy
with wave.open(sys.argv[1], "wb") as file:
    file.setnchannels(1), file.setsampwidth(2), file.setframerate(22050)
    file.writeframes((9000 * numpy.sin(numpy.arange(11025) / 20)).astype("<i2").tobytes())
"""
HUM = Voice(command=shlex.join([sys.executable, "-c", _HUM, "{out}"]))


@pytest.fixture
def mouth() -> Iterator[Mouth]:
    complaints: list[str] = []
    mouth = Mouth(RATE_HZ, 60, complaints.append)
    yield mouth
    mouth.close()
    mouth.join(10)
    assert complaints == []


def said(mouth: Mouth, step: int) -> list[Sound]:
    """All that is said, taken `step` samples at a time."""
    sounds: list[Sound] = []
    until = time.monotonic() + 60
    while not mouth.is_empty:
        assert time.monotonic() < until
        mouth.wait(0.1)
        sounds += mouth.take(step)
    return sounds


def test_each_sentence_brings_its_phones_with_its_first_part(mouth: Mouth) -> None:
    mouth.say(TEXT, ENGLISH)
    sounds = said(mouth, 640)
    pieces = list(EspeakEngine("en-us").stream(TEXT))
    told = [(at, sound.phones) for at, sound in enumerate(sounds) if sound.phones is not None]
    assert len(told) == len(pieces) == 2
    begins = [at for at, _ in told]
    for piece, (_, track), begin, end in zip(pieces, told, begins, [*begins[1:], len(sounds)]):
        assert track is not None
        assert list(track.phones) == piece.phones
        length = sum(len(sound.samples) for sound in sounds[begin:end])
        assert float(track.duration_s) == length / RATE_HZ == pytest.approx(piece.duration_s, abs=1e-4)
    assert begins[0] == 0
    assert all(sound.is_own for sound in sounds)


def test_an_engine_that_tells_none_brings_none(mouth: Mouth) -> None:
    mouth.say("hm", HUM)
    mouth.say("Pump.", ENGLISH)
    mouth.say("hm", HUM)
    sounds = [sound for sound in said(mouth, RATE_HZ) if len(sound.samples)]
    tracks = [sound.phones for sound in sounds]
    assert [track is not None for track in tracks].count(True) == 1
    assert tracks[0] is None
    assert tracks[-1] is None
    hum = np.concatenate([sound.samples for sound in sounds])[: RATE_HZ // 2]
    assert np.sqrt(np.mean(np.square(hum))) > 0.1


def test_an_interruption_forgets_phones_with_their_sound(mouth: Mouth) -> None:
    mouth.say(TEXT, ENGLISH)
    while not mouth.has_sound:
        mouth.wait(0.1)
    mouth.take(640)
    mouth.interrupt()
    mouth.say("hm", HUM)
    assert all(sound.phones is None for sound in said(mouth, 640))


class Shown:
    """Everything that was shown."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.sound: list[Sound] = []

    def show(self, frames: list[Frame], sound: list[Sound]) -> None:
        self.frames += frames
        self.sound += sound


def replayed(avatar: Avatar, sounds: list[Sound], with_phones: bool) -> list[Frame]:
    with avatar.session(rate_hz=RATE_HZ, low_latency=True) as session:
        frames: list[Frame] = []
        for sound in sounds:
            frames += session.push_audio(sound.samples, sound.phones if with_phones else None)
        return frames + session.finish()


def test_the_lips_that_are_drawn_on_the_clock_are_those_of_the_phones(mouth: Mouth, examples: Path) -> None:
    avatar, shown = Avatar(examples / "astronaut.png", motion_model="embedded", max_side=96), Shown()
    with avatar.session(rate_hz=RATE_HZ, low_latency=True) as session:
        clocked = RealTime(session, RATE_HZ, mouth, shown.show, is_over=lambda: mouth.is_empty)
        while clocked.frames < 3:
            clocked.step()
        mouth.say("Pump.", ENGLISH)
        until = time.monotonic() + 60
        while not mouth.is_empty:
            assert time.monotonic() < until
            clocked.step()
        clocked.finish()
    assert any(sound.phones is not None for sound in shown.sound)
    told, heard = (replayed(avatar, shown.sound, with_phones) for with_phones in (True, False))
    assert len(told) == len(heard) == len(shown.frames)
    # On a busy machine some frames are those before them.
    drawn = [0, *(later.number for before, later in pairwise(shown.frames) if later.pixels is not before.pixels)]
    assert all(np.array_equal(shown.frames[number].pixels, told[number].pixels) for number in drawn)
    differing = sum(not np.array_equal(one.pixels, other.pixels) for one, other in zip(told, heard))
    assert differing > 8
