"""A face for Pipecat: a service between text to speech and the transport's output.

    Pipeline([transport.input(), stt, user, llm, tts, TalkingHeadService(Avatar("face.png")), transport.output()])

The transport must not be told that its video is live: pictures follow the sound (`sync_with_audio`), and go through
the transport's queue of sound.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import numpy as np

from talkinghead.avatar import Avatar, Rate
from talkinghead.core.emotions import Emotion
from talkinghead.core.errors import DependencyError, TalkingHeadError
from talkinghead.integrations.face import AgentFace, check_background
from talkinghead.integrations.outlet import Shown

try:
    from pipecat.frames.frames import (
        CancelFrame,
        EndFrame,
        Frame,
        InterruptionFrame,
        OutputImageRawFrame,
        StartFrame,
        SystemFrame,
        TTSAudioRawFrame,
        TTSStoppedFrame,
    )
    from pipecat.processors.frame_processor import FrameDirection, FrameProcessorSetup
    from pipecat.services.ai_service import AIService
    from pipecat.services.settings import ServiceSettings
except ImportError as error:
    raise DependencyError(f"Pipecat's face needs {error.name}: pip install 'talkinghead[pipecat]'") from error


@dataclass(frozen=True)
class _Context:
    """Whose the sound that follows is."""

    context_id: str | None
    destination: str | None


class _Drained:
    """All that was heard has come out."""


class TalkingHeadService(AIService):  # type: ignore[misc]  # not looked into
    """`avatar` says what `TTSAudioRawFrame`s bring, in real time, and idles between utterances.

    Downstream go `OutputImageRawFrame`s (RGB, `sync_with_audio`), each before the `TTSAudioRawFrame` beneath it, at the
    pipeline's output rate. Data and control frames keep their places between the pieces of sound; system frames pass at
    once. An `InterruptionFrame` drops what has not come out, and the mouth closes within 200 ms.

    - `fps`: frames per second; `longest_px`: the longer side of its frames at most, None: as the avatar draws them;
    - `video_destination`: the transport's destination for the pictures, where it has several.

    Raises:
        InputError: the avatar is transparent.
    """

    def __init__(
        self,
        avatar: Avatar,
        *,
        fps: Rate = 25,
        longest_px: int | None = None,
        video_destination: str | None = None,
        name: str | None = None,
    ) -> None:
        check_background(avatar)
        super().__init__(settings=ServiceSettings(model=None), name=name)
        self._avatar, self._fps, self._longest_px = avatar, fps, longest_px
        self._video_destination = video_destination
        self._face: AgentFace | None = None
        self._showing: asyncio.Task[None] | None = None
        self._heard = _Context(None, None)
        self._spoken = _Context(None, None)

    def feel(self, emotion: Emotion | str | None) -> None:
        """Turn to an emotion ("happy", "sad=0.5"), None: to none, with what is drawn next."""
        if self._face is not None:
            self._face.feel(emotion)

    async def setup(self, setup: FrameProcessorSetup) -> None:
        """Open the face, while other processors are set up."""
        await super().setup(setup)
        try:
            self._face = await asyncio.to_thread(
                AgentFace, self._avatar, fps=self._fps, rate_hz=setup.audio_out_sample_rate, longest_px=self._longest_px
            )
        except TalkingHeadError as error:
            await self.push_error(str(error), exception=error)

    async def start(self, frame: StartFrame) -> None:
        """Begin to idle."""
        await super().start(frame)
        if self._face is not None and self._showing is None:
            self._showing = self.create_task(self._show(self._face))

    async def stop(self, frame: EndFrame) -> None:
        """Say what waits, then end."""
        await super().stop(frame)
        if self._face is not None and self._showing is not None:
            self._face.end_utterance()
            self._face.mark(_Drained())
            await asyncio.wait({self._showing})
        await self._end()

    async def cancel(self, frame: CancelFrame) -> None:
        """End at once."""
        await super().cancel(frame)
        await self._end()

    async def cleanup(self) -> None:
        """Free what is held."""
        await super().cleanup()
        await self._end()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """What the class says of each kind."""
        await super().process_frame(frame, direction)
        if isinstance(frame, InterruptionFrame):
            await self._interrupt()
        if self._face is None or self._showing is None or self._showing.done():
            await self.push_frame(frame, direction)
        elif isinstance(frame, TTSAudioRawFrame) and direction is FrameDirection.DOWNSTREAM:
            await self._hear(self._face, frame)
        elif direction is not FrameDirection.DOWNSTREAM or isinstance(frame, SystemFrame | EndFrame):
            await self.push_frame(frame, direction)
        else:
            if isinstance(frame, TTSStoppedFrame):
                self._face.end_utterance()
            self._face.mark(frame)

    async def _hear(self, face: AgentFace, frame: TTSAudioRawFrame) -> None:
        context = _Context(frame.context_id, frame.transport_destination)
        if context != self._heard:
            self._heard = context
            face.mark(context)
        samples = np.frombuffer(frame.audio, np.int16).reshape(-1, frame.num_channels)
        try:
            face.hear(samples, frame.sample_rate)
        except TalkingHeadError as error:
            await self.push_error(str(error), exception=error)

    async def _interrupt(self) -> None:
        if self._face is None:
            return
        for value in self._face.interrupt():
            if isinstance(value, _Drained) or (isinstance(value, Frame) and not value.interruptible):
                self._face.mark(value)
        self._heard = _Context(None, None)
        self._face.mark(self._heard)

    async def _show(self, face: AgentFace) -> None:
        try:
            async for item in face:
                if isinstance(item, Shown):
                    await self._push(face, item)
                elif isinstance(item.value, Frame):
                    await self.push_frame(item.value)
                elif isinstance(item.value, _Context):
                    self._spoken = item.value
                else:
                    return
        except TalkingHeadError as error:
            await self.push_error(str(error), exception=error)

    async def _push(self, face: AgentFace, shown: Shown) -> None:
        """The picture first: the transport shows it when the sound before it has been sent."""
        height, width = shown.pixels.shape[:2]
        picture = OutputImageRawFrame(image=shown.pixels.tobytes(), size=(width, height), format="RGB")
        picture.sync_with_audio = True
        picture.transport_destination = self._video_destination
        await self.push_frame(picture)
        if len(shown.sound):
            sound = TTSAudioRawFrame(
                shown.sound.tobytes(), face.rate_hz, num_channels=1, context_id=self._spoken.context_id
            )
            sound.transport_destination = self._spoken.destination
            await self.push_frame(sound)

    async def _end(self) -> None:
        showing, self._showing = self._showing, None
        if showing is not None:
            await self.cancel_task(showing)
        face, self._face = self._face, None
        if face is not None:
            await face.aclose()
