"""A Pipecat pipeline with a face, without any key or network: a text is spoken, and what a caller would see is a video.

    pip install 'talkinghead[pipecat,tts]'
    python examples/pipecat_agent.py "Good morning. How can I help you?" -o out/pipecat.mp4

The pipeline is that of a voice agent, from its text to speech on: text to speech -> TalkingHeadService -> transport.
Here the transport is a file; put `DailyTransport`, `SmallWebRTCTransport` or `LiveKitTransport` in its place, and your
speech recognition and language model before it.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import numpy as np
from pipecat.frames.frames import (
    EndFrame,
    Frame,
    OutputAudioRawFrame,
    OutputImageRawFrame,
    StartFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    TTSStoppedFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.services.settings import TTSSettings
from pipecat.services.tts_service import TTSService
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner
from speaking import Recording, add_options, spoken

from talkinghead.avatar import Avatar
from talkinghead.integrations.pipecat import TalkingHeadService

RATE_HZ = 24_000


class LocalTTS(TTSService):
    """Talkinghead's own speech engines: hibari for English where it is installed, else espeak-ng."""

    def __init__(self, voice: str | None) -> None:
        super().__init__(
            push_start_frame=True,
            stop_frame_timeout_s=20,
            settings=TTSSettings(model=None, voice=voice, language=None),
        )

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """Speak one sentence."""
        voice = self.settings.voice
        async for samples, rate_hz in spoken(text, voice if isinstance(voice, str) else None):
            yield TTSAudioRawFrame(samples.tobytes(), rate_hz, 1, context_id=context_id)
        yield TTSStoppedFrame(context_id=context_id)


class FileOutput(BaseOutputTransport):
    """A transport that plays sound in real time and keeps what it would have sent."""

    def __init__(self, size_px: tuple[int, int], fps: int) -> None:
        width, height = size_px
        super().__init__(
            TransportParams(
                audio_out_enabled=True,
                audio_out_end_silence_secs=0,
                video_out_enabled=True,
                video_out_width=width,
                video_out_height=height,
                video_out_framerate=fps,
            )
        )
        self.recording = Recording(fps)
        self._played_s = 0.0

    async def start(self, frame: StartFrame) -> None:
        """As every transport: ready once it is started."""
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        """Sound, for as long as it lasts."""
        now_s = time.monotonic()
        self._played_s = max(self._played_s, now_s)
        self.recording.hear(self._played_s, np.frombuffer(frame.audio, np.int16), frame.sample_rate)
        self._played_s += frame.num_frames / frame.sample_rate
        await asyncio.sleep(self._played_s - now_s)
        return True

    async def write_video_frame(self, frame: OutputImageRawFrame) -> bool:
        """The picture of this moment."""
        width, height = frame.size
        self.recording.see(time.monotonic(), np.frombuffer(frame.image, np.uint8).reshape(height, width, 3))
        return True


async def run(text: str, picture: str, voice: str | None, size: int, output: Path) -> None:
    """Let the pipeline say `text`, and write what came out."""
    avatar = Avatar(picture, max_side=size)
    face = TalkingHeadService(avatar)
    transport = FileOutput(avatar.session().size_px, 25)
    worker = PipelineWorker(
        Pipeline([LocalTTS(voice), face, transport]),
        params=PipelineParams(audio_out_sample_rate=RATE_HZ),
        cancel_on_idle_timeout=False,
    )

    @worker.event_handler("on_pipeline_started")
    async def _(*_: Any) -> None:
        await asyncio.sleep(1.0)  # it idles a little first
        await worker.queue_frames([TTSSpeakFrame(text), EndFrame()])

    runner = WorkerRunner()
    await runner.add_workers(worker)
    await runner.run()
    print(f"{output}: {transport.recording.save(output):.1f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, "out/pipecat.mp4")
    given = parser.parse_args()
    asyncio.run(run(given.text, given.picture, given.voice, given.size, given.output))
