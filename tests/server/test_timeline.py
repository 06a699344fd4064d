"""Frames and sound on one clock, without a network: the tracks of a call give each when it is due."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine

import numpy as np
import pytest

from talkinghead.core.types import Floats
from talkinghead.server.listening import Listening
from talkinghead.server.timeline import RATE_HZ, Shown, Timeline

PIECE = RATE_HZ // 50


def second(begin_s: float) -> tuple[list[tuple[float, Floats]], Floats]:
    """A second of frames that say their times, and sound in which every frame's begin is a click."""
    frames = [(begin_s + number / 25, np.full((2, 2, 3), number, np.uint8)) for number in range(25)]
    samples = np.zeros(RATE_HZ, np.float32)
    samples[:: RATE_HZ // 25] = 1
    return frames, samples


async def played(timeline: Timeline, seconds: float) -> tuple[list[tuple[float, Shown]], list[tuple[float, int]]]:
    """(when, frame) and (when, sample) of every frame and every click."""
    seen: list[tuple[float, Shown]] = []
    heard: list[tuple[float, int]] = []

    async def look() -> None:
        while True:
            shown = await timeline.next_frame()
            seen.append((timeline.now_s, shown))

    async def hear() -> None:
        at = round(timeline.now_s * RATE_HZ)
        while True:
            samples = await timeline.next_sound(at, PIECE)
            heard.extend((timeline.now_s, at + int(index)) for index in np.flatnonzero(samples))
            at += PIECE

    tasks = asyncio.create_task(look()), asyncio.create_task(hear())
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return seen, heard


class Clockwork(selectors.SelectSelector):
    """What an event loop waits with, here for as long as it is told to the instant, and in no time of anybody's."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        assert ready or timeout is not None, "everybody waits for somebody else"
        if not ready and timeout is not None:
            self.now_s += max(0.0, timeout)
        return ready


class TimelessLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is that of its waits: the same on every machine, however busy."""

    def __init__(self) -> None:
        self._clockwork = Clockwork()
        super().__init__(self._clockwork)

    def time(self) -> float:
        return self._clockwork.now_s


def in_a_loop(run: Callable[[], Coroutine[None, None, None]]) -> None:
    loop = TimelessLoop()
    try:
        loop.run_until_complete(run())
    finally:
        loop.close()


def test_a_frame_and_its_sound_have_one_time() -> None:
    async def run() -> None:
        timeline = Timeline()
        frames, samples = second(0.0)
        timeline.put(frames[:10], 0.0, samples[: 10 * RATE_HZ // 25])
        timeline.put(frames[10:], 0.4, samples[10 * RATE_HZ // 25 :])
        seen, heard = await played(timeline, 1.2)
        assert [shown.pixels[0, 0, 0] for _, shown in seen] == list(range(25))
        times = np.array([shown.at_s for _, shown in seen])
        clicks = np.array([at for _, at in heard]) / RATE_HZ
        np.testing.assert_allclose(clicks, times, atol=1 / RATE_HZ)
        # Neither is given before it is due.
        assert min(when - shown.at_s for when, shown in seen) > -0.002
        assert min(when - at / RATE_HZ for when, at in heard) > -0.021

    in_a_loop(run)


def test_what_is_late_delays_both_alike() -> None:
    async def run() -> None:
        timeline = Timeline()
        frames, samples = second(0.0)
        timeline.put(frames[:5], 0.0, samples[: 5 * RATE_HZ // 25])
        playing = asyncio.create_task(played(timeline, 1.7))
        await asyncio.sleep(0.5)
        timeline.put(frames[5:], 0.2, samples[5 * RATE_HZ // 25 :])
        seen, heard = await playing
        times = np.array([shown.at_s for _, shown in seen])
        np.testing.assert_allclose(np.array([at for _, at in heard]) / RATE_HZ, times, atol=1 / RATE_HZ)
        assert times[5] - times[4] > 0.3

    in_a_loop(run)


def test_an_interruption_voids_what_is_held() -> None:
    async def run() -> None:
        timeline = Timeline()
        frames, samples = second(0.0)
        timeline.put(frames, 0.0, samples)
        playing = asyncio.create_task(played(timeline, 0.8))
        await asyncio.sleep(0.3)
        timeline.restart(1.0)
        at_s = timeline.now_s
        timeline.put([(1.0, np.full((2, 2, 3), 99, np.uint8))], 1.0, np.zeros(PIECE, np.float32))
        seen, heard = await playing
        assert seen[-1][1].pixels[0, 0, 0] == 99
        assert seen[-1][0] - at_s < 0.1
        assert max(when for when, _ in heard) < at_s + 0.03
        assert timeline.left_s == 0

    in_a_loop(run)


def test_what_comes_needlessly_early_is_shown_sooner_in_silence() -> None:
    async def run() -> None:
        timeline = Timeline()
        silence = np.zeros(RATE_HZ // 25, np.float32)
        picture = np.zeros((2, 2, 3), np.uint8)
        timeline.put([(0.0, picture)], 0.0, silence)
        await asyncio.sleep(0.4)
        timeline.put([(0.04, picture)], 0.04, silence)  # late: from here on all is held for longer
        for number in range(2, 45):
            timeline.put([(number / 25, picture)], number / 25, silence)
            await asyncio.sleep(0.01)
        assert timeline.left_s < 1.3  # 1.4 if nothing were made up for

    in_a_loop(run)


def test_speech_alone_is_listened_to() -> None:
    random = np.random.default_rng(1)
    room = [random.normal(0, 2e-3, 960).astype(np.float32) for _ in range(100)]
    voice = [random.normal(0, 0.1, 960).astype(np.float32) for _ in range(50)]
    listening = Listening()
    assert [piece for samples in room for piece in listening.push(samples, 0.02)] == []
    spoken = [piece for samples in voice for piece in listening.push(samples, 0.02)]
    assert 50 < len(spoken) <= 55  # and a little of what was before
    assert any(np.array_equal(spoken[0], samples) for samples in room[-5:])
    after = [piece for samples in room for piece in listening.push(samples, 0.02)]
    assert len(after) == pytest.approx(40, abs=1)
