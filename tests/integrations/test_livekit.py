"""The face in LiveKit's own runner, agent session, tracks and receivers; the rooms alone are stand-ins."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest

pytest.importorskip("livekit.agents")

from livekit import rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.voice import avatar as agents_avatar
from livekit.agents.voice.io import AudioOutput, PlaybackFinishedEvent

from talkinghead.avatar import Avatar
from talkinghead.core.errors import InputError
from talkinghead.core.types import Pixels
from talkinghead.integrations.face import AgentFace
from talkinghead.integrations.heard import HeardReceiver
from talkinghead.integrations.livekit import RATE_HZ, AvatarSession, FaceInRoom, TalkingHeadVideo
from talkinghead.integrations.outlet import Samples
from talkinghead.media.resample import Resampler, as_floats
from tests.integrations.conftest import SPEECH_HZ, mouth_change, without_silence
from tests.integrations.rooms import Room

pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.timeout(300)]
Out = rtc.VideoFrame | rtc.AudioFrame | agents_avatar.AudioSegmentEnd


def audio_frames(speech: Samples, rate_hz: int = SPEECH_HZ) -> list[rtc.AudioFrame]:
    parts = (speech[at : at + 1600] for at in range(0, len(speech), 1600))
    return [rtc.AudioFrame(part.tobytes(), rate_hz, 1, len(part)) for part in parts]


def pixels(frame: rtc.VideoFrame) -> Pixels:
    rgb = frame if frame.type == rtc.VideoBufferType.RGB24 else frame.convert(rtc.VideoBufferType.RGB24)
    return np.frombuffer(rgb.data, np.uint8).reshape(frame.height, frame.width, 3)


def sound(frames: list[rtc.AudioFrame]) -> Samples:
    return np.concatenate([np.frombuffer(frame.data, np.int16) for frame in frames] or [np.zeros(0, np.int16)])


def likeness(heard: Samples, said: Samples) -> float:
    """The best correlation of `said` with a part of `heard`, 0..1; the latter may lack a few samples at its end."""
    one, other = np.pad(heard.astype(np.float64), (0, 480)), said.astype(np.float64)
    size = 1 << (len(one) + len(other)).bit_length()
    found = np.fft.irfft(np.fft.rfft(one, size) * np.conj(np.fft.rfft(other, size)), size)[: len(one) - len(other) + 1]
    at = int(found.argmax())
    return float(found[at] / (np.linalg.norm(one[at : at + len(other)]) * np.linalg.norm(other) + 1e-9))


async def until(reached: Callable[[], object], seconds: float = 90) -> None:
    async def wait() -> None:
        while not reached():
            await asyncio.sleep(0.01)

    await asyncio.wait_for(wait(), seconds)


@contextlib.asynccontextmanager
async def watched(room: Room) -> AsyncIterator[tuple[list[rtc.VideoFrame], list[rtc.AudioFrame]]]:
    """What comes over the tracks that are published in a room, as a listener has it."""
    tracks = room.local_participant.tracks
    await until(lambda: len(tracks) == 2)
    seen: list[rtc.VideoFrame] = []
    heard: list[rtc.AudioFrame] = []
    video = rtc.VideoStream.from_track(track=tracks[rtc.TrackKind.KIND_VIDEO])
    audio = rtc.AudioStream.from_track(track=tracks[rtc.TrackKind.KIND_AUDIO], sample_rate=RATE_HZ, num_channels=1)

    async def see() -> None:
        async for event in video:
            seen.append(event.frame)

    async def hear() -> None:
        async for event in audio:
            heard.append(event.frame)

    tasks = asyncio.create_task(see()), asyncio.create_task(hear())
    try:
        yield seen, heard
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await video.aclose()
        await audio.aclose()


def test_the_generator_gives_pictures_with_their_sound_and_ends(avatar: Avatar, speech: Samples) -> None:
    async def run() -> list[Out]:
        video = TalkingHeadVideo(AgentFace(avatar, rate_hz=SPEECH_HZ))
        assert video.options == agents_avatar.AvatarOptions(192, 192, 25.0, SPEECH_HZ, 1)
        for frame in audio_frames(speech):
            await video.push_audio(frame)
        await video.push_audio(agents_avatar.AudioSegmentEnd())
        out: list[Out] = []
        async for item in video:
            out.append(item)
            if isinstance(item, agents_avatar.AudioSegmentEnd):
                break
        await video.face.aclose()
        return out

    out = asyncio.run(asyncio.wait_for(run(), 280))
    np.testing.assert_array_equal(
        without_silence(sound([item for item in out if isinstance(item, rtc.AudioFrame)])), without_silence(speech)
    )
    kinds = [type(item) for item in out]
    first = kinds.index(rtc.AudioFrame)
    assert kinds[first - 1 : -1] == [rtc.VideoFrame, rtc.AudioFrame] * ((len(kinds) - first) // 2)


def test_an_agent_speaks_with_a_face_and_is_interrupted(avatar: Avatar, speech: Samples) -> None:
    """A real agent session says a recording: the listener's picture moves, and its sound is the recording."""
    finished: list[PlaybackFinishedEvent] = []

    async def said(samples: Samples) -> AsyncIterator[rtc.AudioFrame]:
        for frame in audio_frames(samples):
            yield frame

    async def run() -> tuple[list[rtc.VideoFrame], list[rtc.AudioFrame], int, int, int]:
        room, session = Room("agent"), AgentSession()
        face = AvatarSession(avatar)
        await face.start(session, room)  # type: ignore[arg-type]  # a stand-in
        assert face.avatar_identity == "agent"
        voice = session.output.audio
        assert isinstance(voice, AudioOutput)
        voice.on("playback_finished", finished.append)
        await session.start(Agent(instructions="Speak."), record=False)
        async with watched(room) as (seen, heard):
            await until(lambda: len(seen) > 5)
            await asyncio.wait_for(session.say("hello", audio=said(speech)), 90)
            spoken, heard_then = len(seen), len(heard)
            handle = session.say("hello again", audio=said(np.tile(speech, 8)))
            await until(lambda: np.abs(sound(heard[heard_then:])).max(initial=0) > 5000)
            handle.interrupt()
            await until(lambda: len(finished) == 2)
            heard_last, seen_last = len(heard), len(seen)
            await until(lambda: len(seen) > seen_last + 12 and len(heard) > heard_last + 80)
        await face.aclose()
        await session.aclose()
        return seen, heard, spoken, heard_then, heard_last

    seen, heard, spoken, heard_then, heard_last = asyncio.run(asyncio.wait_for(run(), 280))
    pictures = [pixels(frame) for frame in seen]
    idle = pictures[0]
    opened = max(mouth_change(one, idle) for one in pictures[:spoken])
    assert opened > 3
    assert mouth_change(pictures[-1], idle) < opened / 3
    resampled = np.rint(Resampler(SPEECH_HZ, RATE_HZ).push(as_floats(speech)) * 2**15).astype(np.int16)
    # A busy machine leaves gaps in what is sent in real time; without them it is all there, and in order.
    first = sound(heard[: heard_then + 10])
    assert likeness(first[first != 0], resampled[resampled != 0]) > 0.9
    assert not finished[0].interrupted
    assert finished[0].playback_position == pytest.approx(1.0, abs=0.2)
    assert finished[1].interrupted
    assert not sound(heard[heard_last + 40 :]).any()  # a busy machine's listener is behind by some


def test_a_worker_of_its_own_is_the_face(avatar: Avatar, speech: Samples) -> None:
    """The agent's sound goes to the worker's room as byte streams; ends and interruptions come back as calls."""
    finished: list[PlaybackFinishedEvent] = []
    started: list[int] = []

    async def run() -> tuple[int, list[rtc.AudioFrame]]:
        agents = Room("agent")
        workers = Room("face", agents)
        receiver = agents_avatar.DataStreamAudioReceiver(workers, sender_identity="agent")  # type: ignore[arg-type]
        worker = FaceInRoom(AgentFace(avatar, longest_px=96), workers, receiver)  # type: ignore[arg-type]
        await worker.start()
        session = AgentSession()
        remote = AvatarSession(worker="face")
        await remote.start(session, agents)  # type: ignore[arg-type]
        assert remote.avatar_identity == "face"
        voice = session.output.audio
        assert isinstance(voice, agents_avatar.DataStreamAudioOutput)
        voice.on("playback_finished", finished.append)
        voice.on("playback_started", lambda event: started.append(len(finished)))
        async with watched(workers) as (seen, heard):
            for frame in audio_frames(speech):
                await voice.capture_frame(frame)
            voice.flush()
            await until(lambda: len(finished) == 1)
            assert started == [0]
            heard_then = len(heard)
            for frame in audio_frames(np.tile(speech, 6)):
                await voice.capture_frame(frame)
            await until(lambda: np.abs(sound(heard[heard_then:])).max(initial=0) > 5000)
            voice.clear_buffer()
            await until(lambda: len(finished) == 2)
            assert (seen[0].width, seen[0].height) == (96, 96)
        await remote.aclose()
        await worker.aclose()
        return len(seen), heard

    count, heard = asyncio.run(asyncio.wait_for(run(), 280))
    assert count > 20
    assert np.abs(sound(heard)).max() > 5000
    assert [event.interrupted for event in finished] == [False, True]
    assert finished[0].playback_position == pytest.approx(1.0, abs=0.2)


class Recorded(agents_avatar.QueueAudioOutput):  # type: ignore[misc]
    """A voice that keeps what its agent is told."""

    def __init__(self) -> None:
        super().__init__(sample_rate=SPEECH_HZ, wait_playback_start=True)
        self.told: list[str] = []
        self.on("playback_started", lambda event: self.told.append("started"))
        self.on("playback_finished", lambda event: self.told.append(f"finished {event.interrupted}"))


def test_an_agent_is_told_of_beginnings_and_ends_when_they_are_heard(speech: Samples) -> None:
    async def run() -> list[str]:
        voice = Recorded()
        receiver = HeardReceiver(voice)
        cleared: list[int] = []
        receiver.on("clear_buffer", lambda: cleared.append(len(voice.told)))
        queued_s = [0.05]
        receiver.queued_s = lambda: queued_s[0]
        for frame in audio_frames(speech)[:3]:
            await voice.capture_frame(frame)
            voice.flush()
        # The runner's word comes with the silence before speech, and says nothing.
        receiver.notify_playback_started()
        receiver.begin(0.02)
        receiver.notify_playback_finished(0.1, False)
        assert voice.told == []
        await until(lambda: len(voice.told) == 2)
        # One that begins is interrupted before it is heard: it never began. Nothing waits for its end.
        queued_s[0] = 3600.0
        receiver.begin(0.0)
        voice.clear_buffer()
        receiver.notify_playback_finished(0.0, True)
        assert len(voice.told) == 3
        # What has been said to its end and still sounds ends with the interruption.
        receiver.notify_playback_finished(0.1, False)
        assert len(voice.told) == 3
        voice.clear_buffer()
        assert cleared == [2, 4]
        await receiver.aclose()
        return voice.told

    told = asyncio.run(asyncio.wait_for(run(), 280))
    assert told == ["started", "finished False", "finished True", "finished False"]


def test_a_beginning_is_not_told_before_its_sound_was_handed_over(avatar: Avatar, speech: Samples) -> None:
    class Noting(TalkingHeadVideo):
        async def __aiter__(self) -> AsyncIterator[Out]:
            async for item in super().__aiter__():
                if isinstance(item, rtc.AudioFrame):
                    order.append("sound" if np.frombuffer(item.data, np.int16).any() else "silence")
                yield item

    order: list[str] = []

    async def run() -> None:
        room, voice = Room("agent"), Recorded()
        voice.on("playback_started", lambda event: order.append("started"))
        face = FaceInRoom(AgentFace(avatar, rate_hz=SPEECH_HZ, longest_px=64), room, voice, Noting)  # type: ignore[arg-type]
        await face.start()
        async with watched(room) as (seen, _):
            await until(lambda: len(seen) > 2)
            for frame in audio_frames(speech):
                await voice.capture_frame(frame)
            voice.flush()
            await until(lambda: len(voice.told) == 2)
        await face.aclose()
        assert voice.told == ["started", "finished False"]

    asyncio.run(asyncio.wait_for(run(), 280))
    assert order[0] == "silence"
    assert order.count("started") == 1
    assert "sound" in order[: order.index("started")]


def test_an_avatar_session_wants_one_face() -> None:
    with pytest.raises(InputError, match="give an avatar, or the identity"):
        AvatarSession()
