"""A session on the clock: silence where nothing is said, speech whole and beneath its frames, and interruption."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from talkinghead.avatar import Avatar
from talkinghead.core.errors import InputError
from talkinghead.core.types import Floats, Frame
from talkinghead.realtime.clock import RealTime
from talkinghead.realtime.sounds import Sound, SoundQueue

RATE_HZ = 16_000


@pytest.fixture(scope="module")
def avatar(examples: Path) -> Avatar:
    return Avatar(examples / "astronaut.png", motion_model="embedded", max_side=192)


@pytest.fixture(scope="module")
def speech(examples: Path) -> Floats:
    """A second that ends within a frame."""
    samples, _ = soundfile.read(examples / "speech.wav", dtype="float32")
    return np.asarray(samples[: RATE_HZ + 100], np.float32)


class Shown:
    """Everything that was shown."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.sound: list[Sound] = []
        self.told: list[tuple[bool, float]] = []

    def show(self, frames: list[Frame], sound: list[Sound]) -> None:
        self.frames += frames
        self.sound += sound

    def tell(self, speaking: bool, time_s: float) -> None:
        self.told.append((speaking, time_s))

    def spoken(self) -> Floats:
        return np.concatenate([piece.samples for piece in self.sound if not piece.is_silence])

    def samples(self) -> int:
        return sum(len(piece.samples) for piece in self.sound)


def until(clocked: RealTime, reached: Callable[[], bool]) -> None:
    for _ in range(2000):
        if reached():
            return
        clocked.step()
    pytest.fail("it never came")


def test_speech_lies_whole_beneath_its_frames(avatar: Avatar, speech: Floats) -> None:
    shown, queue = Shown(), SoundQueue(RATE_HZ, 10)
    with avatar.session(rate_hz=RATE_HZ, low_latency=True) as session:
        clocked = RealTime(session, RATE_HZ, queue, shown.show, tell=shown.tell, is_over=lambda: not queue.has_sound)
        until(clocked, lambda: clocked.frames > 3)
        queue.hear(speech)
        until(clocked, lambda: len(shown.told) == 2)
        clocked.finish()
    np.testing.assert_array_equal(shown.spoken(), speech)
    assert [speaking for speaking, _ in shown.told] == [True, False]
    begin_s, end_s = (time_s for _, time_s in shown.told)
    assert end_s - begin_s == pytest.approx(len(speech) / RATE_HZ, abs=1e-3)
    assert shown.samples() == pytest.approx(len(shown.frames) * RATE_HZ / 25, abs=RATE_HZ / 25)
    first = next(at for at, piece in enumerate(shown.sound) if not piece.is_silence)
    assert sum(len(piece.samples) for piece in shown.sound[:first]) / RATE_HZ == pytest.approx(begin_s)


def test_an_interruption_drops_speech_and_closes_the_mouth(avatar: Avatar, speech: Floats) -> None:
    shown, queue = Shown(), SoundQueue(RATE_HZ, 10)
    with avatar.session(rate_hz=RATE_HZ, low_latency=True) as session:
        clocked = RealTime(session, RATE_HZ, queue, shown.show)
        queue.hear(speech)
        until(clocked, lambda: clocked.frames > 10)
        queue.clear()
        at = clocked.frames
        clocked.interrupt()
        assert clocked.frames == at + 4  # 160 ms
        assert clocked.time_s == pytest.approx((at + 4) / 25)
    assert shown.samples() == pytest.approx(len(shown.frames) * RATE_HZ / 25)
    assert shown.sound[-1].is_silence
    assert len(shown.spoken()) < len(speech)


def test_a_busy_machine_draws_fewer_frames_and_loses_no_sound(
    avatar: Avatar, speech: Floats, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, shown, now = SoundQueue(RATE_HZ, 60), Shown(), [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds + 1e-4

    clock = SimpleNamespace(monotonic=lambda: now[0], sleep=sleep)
    monkeypatch.setattr("talkinghead.realtime.clock.time", clock)
    for _ in range(3):
        queue.hear(speech)
    every: list[int] = []
    with avatar.session(rate_hz=RATE_HZ, low_latency=True) as session:
        clocked = RealTime(session, RATE_HZ, queue, shown.show)
        while queue.has_sound:
            before = len(shown.frames)
            clocked.step()
            every.append(session.draw_every)
            drawn = len({id(frame.pixels) for frame in shown.frames[before:]})
            # For a second and a half a frame takes 70 ms; then the machine is quick again.
            now[0] += drawn * (0.07 if now[0] < 1.5 else 0.005)
        clocked.finish()
    assert {1, 2} <= set(every)
    assert every[-1] == 1
    assert now[0] < 3.4
    numbers = [frame.number for frame in shown.frames]
    assert numbers == list(range(len(numbers)))
    assert [frame.time_s for frame in shown.frames] == [number / 25 for number in numbers]
    spoken = shown.spoken()
    np.testing.assert_array_equal(spoken, np.concatenate([speech] * 3)[: len(spoken)])
    assert len(spoken) == len(numbers) * RATE_HZ // 25
    still = sum(a.pixels is b.pixels for a, b in pairwise(shown.frames))
    assert 5 < still < len(numbers) / 2


def test_a_queue_keeps_order_and_bounds() -> None:
    queue = SoundQueue(100, 1)
    queue.hear(np.arange(60, dtype=np.float32), is_own=True)
    queue.hear(np.arange(60, 90, dtype=np.float32))
    with pytest.raises(InputError, match="more than 1 s of sound wait"):
        queue.hear(np.zeros(11, np.float32))
    first, *rest = queue.take(70)
    assert (len(first.samples), first.is_own) == (60, True)
    assert [(len(piece.samples), piece.is_own) for piece in rest] == [(10, False)]
    np.testing.assert_array_equal(np.concatenate([piece.samples for piece in queue.take(100)]), np.arange(70, 90))
    assert not queue.has_sound
    assert queue.take(10) == []


def test_whoever_waits_for_sound_is_woken() -> None:
    queue = SoundQueue(100, 1)
    waiting = threading.Thread(target=queue.wait, args=(60,))
    waiting.start()
    queue.close()
    waiting.join(10)
    assert not waiting.is_alive()
