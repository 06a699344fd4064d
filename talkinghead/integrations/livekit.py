"""Faces for LiveKit agents: a `VideoGenerator`, and the `AvatarSession` that gives it to an agent.

In the agent's own process:

    avatar = AvatarSession(Avatar("face.png"))
    await avatar.start(session, room=ctx.room)
    await session.start(agent=..., room=ctx.room)

or in a process of its own, which joins the room by `serve_room(Avatar("face.png"), url, token)`, while the agent has
`AvatarSession(worker="the identity in that token")`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import numpy as np

from talkinghead.avatar import Avatar, Rate
from talkinghead.core.errors import DependencyError, InputError
from talkinghead.integrations.face import AgentFace, check_background
from talkinghead.integrations.outlet import Shown

try:
    from livekit import rtc
    from livekit.agents import AgentSession
    from livekit.agents.voice import avatar as agents_avatar

    from talkinghead.integrations.heard import HeardReceiver
except ImportError as error:
    raise DependencyError(f"LiveKit agents need {error.name}: pip install 'talkinghead[livekit]'") from error

RATE_HZ = 24_000
# What is shown before somebody speaks is a few idle pictures: longer than this nobody waits for them.
_SHOWN_S = 0.5


class TalkingHeadVideo(agents_avatar.VideoGenerator):  # type: ignore[misc]  # not looked into
    """What an `AvatarRunner` asks of `face`: sound pushed in; pictures, their sound and ends of segments out.

    A picture comes before the sound beneath it. While the face idles, pictures come alone, in real time.
    """

    def __init__(self, face: AgentFace) -> None:
        self.face = face
        self.on_speech: Callable[[], Awaitable[None]] | None = None
        """Awaited before the first picture of an utterance comes out."""
        self.on_sound: Callable[[float], None] = lambda before_s: None
        """Called when the first sound of an utterance that is no silence has been taken, with how long it lasts."""

    @property
    def options(self) -> agents_avatar.AvatarOptions:
        """What the runner has to know of the face."""
        width, height = self.face.size_px
        return agents_avatar.AvatarOptions(width, height, float(self.face.fps), self.face.rate_hz, 1)

    async def push_audio(self, frame: rtc.AudioFrame | agents_avatar.AudioSegmentEnd) -> None:
        """Speak it after what waits; any rate, any number of channels."""
        if isinstance(frame, rtc.AudioFrame):
            samples = np.frombuffer(frame.data, np.int16).reshape(-1, frame.num_channels)
            self.face.hear(samples, frame.sample_rate)
        else:
            self.face.end_utterance()
            self.face.mark(frame)

    def clear_buffer(self) -> None:
        """Fall silent at once: the mouth closes within 200 ms."""
        self.face.interrupt()

    async def __aiter__(self) -> AsyncIterator[rtc.VideoFrame | rtc.AudioFrame | agents_avatar.AudioSegmentEnd]:
        speaking = sounding = False
        async for item in self.face:
            if not isinstance(item, Shown):
                sounding = False
                yield agents_avatar.AudioSegmentEnd()
                continue
            if len(item.sound) and not speaking and self.on_speech is not None:
                await self.on_speech()
            speaking = len(item.sound) > 0
            sounding = sounding and speaking
            height, width = item.pixels.shape[:2]
            yield rtc.VideoFrame(width, height, rtc.VideoBufferType.RGB24, item.pixels.tobytes())
            if len(item.sound):
                yield rtc.AudioFrame(item.sound.tobytes(), self.face.rate_hz, 1, len(item.sound))
                if not sounding and item.sound.any():
                    sounding = True
                    silent = int(np.flatnonzero(item.sound)[0])
                    self.on_sound((len(item.sound) - silent) / self.face.rate_hz)


async def opened(avatar: Avatar, fps: Rate, longest_px: int | None) -> AgentFace:
    """A face at LiveKit's rate, without keeping the event loop waiting."""
    return await asyncio.to_thread(AgentFace, avatar, fps=fps, rate_hz=RATE_HZ, longest_px=longest_px)


class FaceInRoom:
    """`face` as the picture and the sound of a participant of `room`: it says what `audio` receives."""

    def __init__(
        self,
        face: AgentFace,
        room: rtc.Room,
        audio: agents_avatar.AudioReceiver,
        generator: type[TalkingHeadVideo] = TalkingHeadVideo,
    ) -> None:
        self.video, self._audio = generator(face), HeardReceiver(audio)
        self.runner = agents_avatar.AvatarRunner(
            room, audio_recv=self._audio, video_gen=self.video, options=self.video.options
        )
        # It gives no times of its own, so that this is what is queued, below nothing.
        self._audio.queued_s = lambda: max(0.0, -self.runner.av_sync.last_audio_time)
        self.video.on_sound = self._audio.begin
        self.video.on_speech = self._begin_schedule
        self._clearing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to show it, once the room is connected."""
        await self.runner.start()
        self._audio.on("clear_buffer", self._clear)

    async def aclose(self) -> None:
        """End it."""
        self._audio.off("clear_buffer", self._clear)
        await self.runner.aclose()
        await self.video.face.aclose()

    async def _begin_schedule(self) -> None:
        """The runner keeps pictures to a schedule, which idle ones may have fallen behind: what it then hurries would
        be seen before it is heard. Only once all of them are shown, for a new schedule amid the wait for a picture's
        time ends the task that shows them."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.runner.av_sync.wait_for_playout(), _SHOWN_S)
            self.runner.av_sync.reset()

    def _clear(self) -> None:
        """What the runner has taken and not yet sent is void, too."""
        task = asyncio.create_task(self.runner.av_sync.clear_queue())
        self._clearing.add(task)
        task.add_done_callback(self._clearing.discard)


class AvatarSession(agents_avatar.AvatarSession[str]):  # type: ignore[misc]  # not looked into
    """Gives an agent a face: either `avatar`, drawn in the agent's process, or a `worker` with this identity.

    - `fps`, `longest_px`: frames per second, and the longer side of its frames at most (`avatar`'s alone).

    `start` it before the agent's session, which then sends its speech here.

    Raises:
        InputError: there is neither an avatar nor a worker, or there are both; or the avatar is transparent.
    """

    _room: rtc.Room | None

    def __init__(
        self, avatar: Avatar | None = None, *, worker: str | None = None, fps: Rate = 25, longest_px: int | None = None
    ) -> None:
        super().__init__()
        if (avatar is None) == (worker is None):
            raise InputError("give an avatar, or the identity of the worker that has it")
        if avatar is not None:
            check_background(avatar)
        self._avatar, self._worker, self._fps, self._longest_px = avatar, worker, fps, longest_px
        self._face: FaceInRoom | None = None

    @property
    def avatar_identity(self) -> str:
        """The participant that shows the face: the agent itself, or the worker."""
        if self._worker is not None:
            return self._worker
        return "" if self._room is None else str(self._room.local_participant.identity)

    @property
    def provider(self) -> str:
        """Who makes the face."""
        return "talkinghead"

    async def start(self, agent_session: AgentSession, room: rtc.Room) -> None:
        """Take over the agent's voice.

        Raises:
            TalkingHeadError: something that the avatar needs is missing.
        """
        await super().start(agent_session, room)
        if self._worker is not None:
            agent_session.output.audio = agents_avatar.DataStreamAudioOutput(
                room,
                destination_identity=self._worker,
                sample_rate=RATE_HZ,
                wait_remote_track=rtc.TrackKind.KIND_VIDEO,
                wait_playback_start=True,
            )
            return
        assert self._avatar is not None
        voice = agents_avatar.QueueAudioOutput(sample_rate=RATE_HZ, wait_playback_start=True)
        face = await opened(self._avatar, self._fps, self._longest_px)
        self._face = FaceInRoom(face, room, voice)
        await self._face.start()
        agent_session.output.audio = voice

    async def aclose(self) -> None:
        """End it; a worker is removed from the room, the agent itself stays."""
        if self._face is not None:
            await self._face.aclose()
            self._face = None
            if self._room is not None:
                # The base class would remove the avatar's participant, which is the agent.
                self._room.off("connection_state_changed", self._on_connection_state_changed)
                self._room = None
        await super().aclose()


async def serve_room(
    avatar: Avatar, url: str, token: str, *, agent: str | None = None, fps: Rate = 25, longest_px: int | None = None
) -> None:
    """Join a room as a remote worker and be the face of `agent` (an identity; None: the first agent) until it ends.

    Raises:
        livekit.rtc.ConnectError: the room cannot be joined.
        TalkingHeadError: something that the avatar needs is missing.
    """
    room = rtc.Room()
    gone = asyncio.Event()
    room.on("disconnected", lambda *_: gone.set())
    await room.connect(url, token)
    audio = agents_avatar.DataStreamAudioReceiver(room, sender_identity=agent)
    face = FaceInRoom(await opened(avatar, fps, longest_px), room, audio)
    try:
        await face.start()
        await gone.wait()
    finally:
        await face.aclose()
        await room.disconnect()
