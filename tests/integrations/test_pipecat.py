"""The service in Pipecat's own test pipeline, and before a real output transport."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

pytest.importorskip("pipecat")

from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    OutputImageRawFrame,
    OutputTransportMessageUrgentFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
)
from pipecat.pipeline.worker import PipelineParams
from pipecat.processors.frame_processor import FrameDirection
from pipecat.tests.utils import SleepFrame, run_test

from talkinghead.avatar import Avatar
from talkinghead.core.types import Pixels
from talkinghead.integrations.outlet import Samples
from talkinghead.integrations.pipecat import TalkingHeadService
from tests.integrations.conftest import SPEECH_HZ, mouth_change, without_silence

# Pipecat's own deprecations are not ours to answer for.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def sent(avatar: Avatar, frames: Sequence[Frame], rate_hz: int = SPEECH_HZ) -> tuple[list[Frame], list[Frame]]:
    """(downstream, upstream): what comes out when `frames` are sent, and an EndFrame after them."""
    down, up = asyncio.run(
        run_test(
            TalkingHeadService(avatar),
            frames_to_send=frames,
            pipeline_params=PipelineParams(audio_out_sample_rate=rate_hz),
            start_timeout=30,
        )
    )
    return list(down), list(up)


def pieces(speech: Samples, context: str, size: int = 800) -> list[Frame]:
    """As a service of text to speech sends it."""
    parts = (speech[at : at + size].tobytes() for at in range(0, len(speech), size))
    return [TTSAudioRawFrame(part, SPEECH_HZ, 1, context_id=context) for part in parts]


def pixels(frame: OutputImageRawFrame) -> Pixels:
    return np.frombuffer(frame.image, np.uint8).reshape(frame.size[1], frame.size[0], 3)


def pictures(frames: Sequence[Frame]) -> list[OutputImageRawFrame]:
    return [frame for frame in frames if isinstance(frame, OutputImageRawFrame)]


def sound(frames: Sequence[Frame]) -> Samples:
    parts = [frame.audio for frame in frames if isinstance(frame, TTSAudioRawFrame)]
    return np.frombuffer(b"".join(parts), np.int16)


def test_speech_goes_on_with_its_pictures_and_in_its_place(avatar: Avatar, speech: Samples) -> None:
    said = [TTSStartedFrame(context_id="a"), *pieces(speech, "a"), TTSStoppedFrame(context_id="a")]
    down, up = sent(avatar, [SleepFrame(0.4), *said, LLMFullResponseEndFrame()])
    assert up == []
    np.testing.assert_array_equal(without_silence(sound(down)), without_silence(speech))
    kinds = [type(frame) for frame in down]
    first, last = kinds.index(TTSAudioRawFrame), len(kinds) - 1 - kinds[::-1].index(TTSAudioRawFrame)
    # It idled before; then every picture has its sound behind it; what ended the utterance comes after all of it.
    assert kinds.index(OutputImageRawFrame) < kinds.index(TTSStartedFrame) < first
    assert kinds[first - 1 : last + 1] == [OutputImageRawFrame, TTSAudioRawFrame] * ((last - first) // 2 + 1)
    assert last < kinds.index(TTSStoppedFrame) < kinds.index(LLMFullResponseEndFrame)
    for frame in down:
        if isinstance(frame, OutputImageRawFrame):
            assert (frame.size, frame.format, frame.sync_with_audio) == ((192, 192), "RGB", True)
        elif isinstance(frame, TTSAudioRawFrame):
            assert (frame.context_id, frame.sample_rate, frame.num_frames) == ("a", SPEECH_HZ, SPEECH_HZ // 25)
    idle = pixels(pictures(down[:first])[0])
    assert max(mouth_change(pixels(frame), idle) for frame in pictures(down[first:last])) > 3


def test_an_interruption_drops_speech_and_the_mouth_closes(avatar: Avatar, speech: Samples) -> None:
    long = np.tile(speech, 8)
    kept = LLMFullResponseEndFrame()
    kept.interruptible = False
    said = [*pieces(long, "a", len(long)), TTSStoppedFrame(context_id="a"), kept]
    answer = [*pieces(speech[:4800], "b"), TTSStoppedFrame(context_id="b")]
    down, _ = sent(avatar, [SleepFrame(0.3), *said, SleepFrame(1.2), InterruptionFrame(), SleepFrame(2.0), *answer])
    at = next(place for place, frame in enumerate(down) if isinstance(frame, InterruptionFrame))
    assert 0 < len(sound(down[:at])) < len(long) // 2
    assert [frame.context_id for frame in down if isinstance(frame, TTSStoppedFrame)] == ["b"]
    assert any(frame is kept for frame in down[at:])
    idle = pixels(pictures(down)[0])
    opened = max(mouth_change(pixels(frame), idle) for frame in pictures(down[:at]))
    spoken = next(place for place in range(at, len(down)) if isinstance(down[place], TTSAudioRawFrame))
    assert opened > 3
    assert mouth_change(pixels(pictures(down[at : spoken - 8])[-1]), idle) < opened / 3
    # The answer is complete, and is the answer's.
    np.testing.assert_array_equal(without_silence(sound(down[at:])), without_silence(speech[:4800]))
    assert {frame.context_id for frame in down[at:] if isinstance(frame, TTSAudioRawFrame)} == {"b"}


def test_other_frames_pass_at_once(avatar: Avatar, speech: Samples) -> None:
    message = OutputTransportMessageUrgentFrame(message={})
    down, _ = sent(avatar, [*pieces(speech, "a", len(speech)), message, TTSStoppedFrame()], rate_hz=24_000)
    assert down.index(message) < next(at for at, frame in enumerate(down) if isinstance(frame, TTSStoppedFrame))
    assert len(without_silence(sound(down))) == pytest.approx(1.5 * len(speech), rel=0.02)


def test_frames_for_those_before_go_upstream(avatar: Avatar) -> None:
    frame = TTSStoppedFrame()
    _, up = asyncio.run(
        run_test(TalkingHeadService(avatar), frames_to_send=[frame], start_timeout=30,
                 frames_to_send_direction=FrameDirection.UPSTREAM)
    )  # fmt: skip
    assert [type(one) for one in up] == [TTSStoppedFrame]


def test_it_ends_at_once_when_it_is_cancelled(avatar: Avatar, speech: Samples) -> None:
    long = np.tile(speech, 30)
    down, _ = asyncio.run(
        run_test(TalkingHeadService(avatar), frames_to_send=[*pieces(long, "a", len(long)), SleepFrame(0.5),
                                                             CancelFrame()], send_end_frame=False, start_timeout=30)
    )  # fmt: skip
    assert len(sound(down)) < 10 * 24_000
    assert not any(isinstance(frame, EndFrame) for frame in down)
