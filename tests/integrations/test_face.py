"""An agent's face: idling, speech with its frames, marks, interruption, rates, and the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from talkinghead.avatar import Avatar
from talkinghead.core.errors import AudioError, InputError
from talkinghead.integrations.face import AgentFace
from talkinghead.integrations.outlet import Mark, Samples, Shown
from tests.integrations.conftest import SPEECH_HZ, mouth_change, without_silence

Item = Shown | Mark


def live(face: AgentFace, told: Callable[[list[Item]], Awaitable[None]]) -> list[Item]:
    """What comes out while `told` tells the face something, and is at its end."""
    items: list[Item] = []

    async def take() -> None:
        async for item in face:
            items.append(item)

    async def run() -> None:
        taking = asyncio.create_task(take())
        await asyncio.wait_for(told(items), 100)
        await face.aclose()
        await asyncio.wait_for(taking, 60)

    asyncio.run(run())
    return items


async def reached(items: list[Item], value: object) -> None:
    while not any(isinstance(item, Mark) and item.value == value for item in items):
        await asyncio.sleep(0.01)


async def shown(items: list[Item], count: int) -> None:
    while len([item for item in items if isinstance(item, Shown)]) < count:
        await asyncio.sleep(0.01)


def frames_of(items: list[Item]) -> list[Shown]:
    return [item for item in items if isinstance(item, Shown)]


def sound_of(items: list[Item]) -> Samples:
    return np.concatenate([item.sound for item in frames_of(items)])


def test_speech_comes_with_the_frames_that_a_session_draws_of_it(avatar: Avatar, speech: Samples) -> None:
    face = AgentFace(avatar, rate_hz=SPEECH_HZ)
    assert (face.size_px, face.fps) == ((192, 192), 25)

    async def told(items: list[Item]) -> None:
        await shown(items, 5)
        face.mark("begin")
        for at in range(0, len(speech), 700):  # a synthesizer's pieces are no frames
            face.hear(speech[at : at + 700], SPEECH_HZ)
        face.end_utterance()
        face.mark("end")
        await reached(items, "end")
        await shown(items, len(frames_of(items)) + 5)

    items = live(face, told)
    # The sound is whole, to the last bit, and the marks are where they were put.
    np.testing.assert_array_equal(without_silence(sound_of(items)), without_silence(speech))
    begin, end = (items.index(Mark(value)) for value in ("begin", "end"))
    assert not len(sound_of(items[:begin]))
    assert not len(sound_of(items[end:]))
    # Idle frames came alone; spoken ones follow each other, a frame's sound beneath each.
    spoken = [item for item in frames_of(items) if len(item.sound)]
    assert {len(item.sound) for item in spoken} == {SPEECH_HZ // 25}
    times_s = np.array([item.time_s for item in spoken])
    np.testing.assert_allclose(np.diff(times_s), 0.04)
    # They are what is drawn of this sound at this time: picture and sound belong together.
    first = next(item for item in spoken if item.sound.any())
    begin_s = first.time_s + np.flatnonzero(first.sound)[0] / SPEECH_HZ
    with avatar.session(rate_hz=SPEECH_HZ, low_latency=True) as session:
        drawn = session.idle(begin_s) + session.push_audio(without_silence(speech)) + session.idle(1.0)
    # A machine that is too busy for all shows some frames once more.
    new = [item for before, item in pairwise(spoken) if not np.array_equal(item.pixels, before.pixels)]
    assert len(new) > len(spoken) / 5
    for item in new:
        np.testing.assert_array_equal(item.pixels, drawn[round(item.time_s * 25)].pixels)
    still = drawn[round(first.time_s * 25) - 5].pixels
    assert max(mouth_change(item.pixels, still) for item in spoken) > 3


def test_an_interruption_drops_speech_and_closes_the_mouth(avatar: Avatar, speech: Samples) -> None:
    face = AgentFace(avatar, rate_hz=24_000, longest_px=192)
    lost: list[object] = []
    at: list[int] = []

    async def told(items: list[Item]) -> None:
        await shown(items, 3)
        for _ in range(10):
            face.hear(speech, SPEECH_HZ)
        face.end_utterance()
        face.mark("end")
        while len(sound_of(items)) < 12_000:
            await asyncio.sleep(0.01)
        at.append(len(items))
        lost.extend(face.interrupt())
        face.hear(speech[:4000], SPEECH_HZ)  # an answer at once is heard, too
        face.end_utterance()
        face.mark("answered")
        await reached(items, "answered")
        face.mark("resting")
        await shown(items, len(frames_of(items)) + 12)

    items = live(face, told)
    assert lost == ["end"]
    before, after = items[: at[0]], items[at[0] :]
    assert len(sound_of(before)) < 3 * 24_000
    answer = without_silence(sound_of(after))
    assert len(answer) == pytest.approx(6000, abs=300)
    # The mouth is as closed as it was before anything was said; it was open meanwhile.
    idle, rest = frames_of(before)[0].pixels, frames_of(after)[-1].pixels
    opened = max(mouth_change(item.pixels, idle) for item in frames_of(before))
    assert opened > 3
    assert mouth_change(rest, idle) < opened / 3


def test_idle_frames_come_at_their_pace_and_do_not_pile_up(avatar: Avatar) -> None:
    face = AgentFace(avatar, fps=20)
    took_s: list[float] = []

    async def told(items: list[Item]) -> None:
        await shown(items, 10)
        time.sleep(2.0)  # an agent whose event loop stands still
        begin_s, before = time.monotonic(), len(items)
        await shown(items, before + 20)
        took_s.append(time.monotonic() - begin_s)

    items = frames_of(live(face, told))
    assert all(not len(item.sound) for item in items)
    steps_s = np.diff([item.time_s for item in items])
    assert (steps_s > 0).all()
    assert steps_s[9:].max() > 0.12  # what nobody took in time is gone
    assert took_s[0] > 0.9 * 18 / 20


def test_two_channels_at_another_rate_are_heard(avatar: Avatar, speech: Samples) -> None:
    face = AgentFace(avatar, rate_hz=8000)

    async def told(items: list[Item]) -> None:
        face.feel("happy=0.5")
        face.hear(np.stack([speech, speech], axis=1), SPEECH_HZ)
        face.end_utterance()
        face.mark(1)
        await reached(items, 1)
        with pytest.raises(InputError, match="more than 600 s of sound wait"):
            face.hear(np.zeros(601 * 8000, np.int16), 8000)
        with pytest.raises(AudioError, match="complex"):
            face.hear(np.zeros(10, np.complex64), 8000)  # type: ignore[arg-type]

    heard = sound_of(live(face, told)).astype(np.float64)
    expected = speech[::2].astype(np.float64)
    places = np.correlate(heard, expected, "valid")
    place = int(places.argmax())
    assert places[place] / (np.linalg.norm(heard[place : place + 8000]) * np.linalg.norm(expected)) > 0.95


def test_a_face_that_never_lived_ends(avatar: Avatar) -> None:
    face = AgentFace(avatar)
    asyncio.run(face.aclose())
    assert live(face, lambda items: asyncio.sleep(0)) == []


def test_a_transparent_face_is_refused(examples: Path) -> None:
    clear = Avatar(examples / "astronaut.png", motion_model="embedded", max_side=96, background="transparent")
    with pytest.raises(InputError, match="a call shows nothing transparent: open the avatar with background="):
        AgentFace(clear)
