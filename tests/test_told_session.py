"""Sessions that are told phones with the sound: the same drawn frames however it is cut; interruption; refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from talkinghead import Avatar
from talkinghead.core.errors import InputError
from talkinghead.core.types import Floats, Frame
from talkinghead.drivers.phone_track import PhoneTrack
from talkinghead.tts.engines import SpokenText
from talkinghead.tts.espeak import EspeakEngine


@pytest.fixture(scope="module")
def avatar(examples: Path) -> Avatar:
    return Avatar(examples / "grace_hopper.jpg", renderer="warp", warp={"crop_size_px": 128}, framing="crop")


@pytest.fixture(scope="module")
def spoken() -> SpokenText:
    return EspeakEngine("en-us").speak("Pump.")


def same(frames: list[Frame], others: list[Frame]) -> bool:
    return len(frames) == len(others) and all(
        np.array_equal(frame.pixels, other.pixels) for frame, other in zip(frames, others)
    )


def pushed(avatar: Avatar, spoken: SpokenText, step: int, track: PhoneTrack | None) -> list[Frame]:
    frames: list[Frame] = []
    with avatar.session(rate_hz=spoken.rate_hz, low_latency=True) as session:
        frames += session.idle(0.5)
        for at in range(0, len(spoken.samples), step):
            frames += session.push_audio(spoken.samples[at : at + step], None if at else track)
        return frames + session.finish()


def test_a_track_may_be_told_with_the_first_part_alone(avatar: Avatar, spoken: SpokenText) -> None:
    assert spoken.phones is not None
    with avatar.session(rate_hz=spoken.rate_hz, low_latency=True) as session:
        at_once = session.idle(0.5) + session.push_audio(spoken.samples, spoken.phones) + session.finish()
    track = PhoneTrack.of(spoken.phones, spoken.samples, spoken.rate_hz)
    assert same(pushed(avatar, spoken, 441, track), at_once)
    assert same(pushed(avatar, spoken, 7919, track), at_once)
    assert not same(pushed(avatar, spoken, 7919, None), at_once)


def test_an_interruption_forgets_what_was_told(avatar: Avatar, spoken: SpokenText) -> None:
    assert spoken.phones is not None
    open_for_ever = PhoneTrack.of([("a", 0.0, 60.0)], np.ones(60 * spoken.rate_hz, np.float32), spoken.rate_hz)

    def after(told: PhoneTrack | None) -> list[Frame]:
        with avatar.session(rate_hz=spoken.rate_hz, low_latency=True) as session:
            session.push_audio(spoken.samples[: spoken.rate_hz // 2], told)
            session.interrupt()
            frames = session.idle(1.0)
            frames += session.push_audio(spoken.samples, spoken.phones)
            return frames + session.finish()

    # From 0.8 s after it on, nothing is left of what was on the face: the frames are those of the sound alone.
    assert same(after(open_for_ever)[21:], after(None)[21:])


def lower_half(frames: list[Frame], rest: Frame) -> Floats:
    """How far each frame's lower half is from the rest's, in grey levels."""
    half = rest.pixels.shape[0] // 2
    return np.array([np.abs(frame.pixels[half:].astype(np.float32) - rest.pixels[half:]).mean() for frame in frames])


def test_phones_move_the_mouth_in_silence_too(avatar: Avatar) -> None:
    silence = np.zeros(16_000, np.float32)
    with avatar.session(low_latency=True, still=True) as session:
        quiet = session.push_audio(silence)
        told = session.push_audio(silence, [("a", 0.0, 1.0)]) + session.finish()
    assert lower_half(told[4:-3], quiet[0]).min() > 2 * lower_half(quiet[:20], quiet[0]).max()


def test_phones_that_cannot_be_and_sessions_that_hear_nothing_refuse(avatar: Avatar) -> None:
    silence = np.zeros(16_000, np.float32)
    with avatar.session() as session:
        with pytest.raises(InputError, match="must not go back"):
            session.push_audio(silence, [("m", 0.5, 0.4)])
        with pytest.raises(InputError, match="give seconds"):
            session.push_audio(silence, [("m", 120, 240)])
        assert session.time_s == 0
        session.push_audio(silence, [("m", 0.0, 0.4)])  # it goes on
        assert session.time_s == 1
    with pytest.raises(InputError, match="finished"):
        session.push_audio(silence, [("m", 0.0, 0.4)])
    with avatar.motion_session(25) as session, pytest.raises(InputError, match="hears no sound"):
        session.push_audio(silence, [("m", 0.0, 0.4)])
