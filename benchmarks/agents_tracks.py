"""How far picture and sound of a LiveKit agent are apart for its listener, measured on LiveKit's own tracks.

    pip install 'talkinghead[livekit]'
    python benchmarks/agents_tracks.py [--runs 2] [--size 256]

A face speaks into a room that is a stand-in; its tracks are read in the same process. Each frame that was sent is
looked for among those that came, and the sound beneath it in the sound that came. Printed is when frames came against
their sound, in milliseconds: negative is a picture that is seen before its sound is heard.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
from livekit import rtc
from livekit.agents.voice import avatar as agents_avatar

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from talkinghead.avatar import Avatar  # noqa: E402
from talkinghead.integrations.face import AgentFace  # noqa: E402
from talkinghead.integrations.livekit import RATE_HZ, FaceInRoom, TalkingHeadVideo  # noqa: E402
from tests.integrations.rooms import Room  # noqa: E402

_LOUD = 3000
_ALIKE = 0.97


class Noting(TalkingHeadVideo):
    """A generator that remembers what it gave: each picture with the sound beneath it."""

    sent: list[tuple[rtc.VideoFrame, rtc.AudioFrame]]

    async def __aiter__(self) -> AsyncIterator[rtc.VideoFrame | rtc.AudioFrame | agents_avatar.AudioSegmentEnd]:
        self.sent, last = [], None
        async for item in super().__aiter__():
            if isinstance(item, rtc.AudioFrame):
                self.sent.append((last, item))
            last = item
            yield item


def pixels(frame: rtc.VideoFrame) -> npt.NDArray[np.float32]:
    """The rows and columns in which the astronaut's mouth is."""
    rgb = frame if frame.type == rtc.VideoBufferType.RGB24 else frame.convert(rtc.VideoBufferType.RGB24)
    height, width = frame.height, frame.width
    whole = np.frombuffer(rgb.data, np.uint8).reshape(height, width, 3).astype(np.float32)
    return whole[int(0.23 * height) : int(0.43 * height), int(0.39 * width) : int(0.61 * width)]


def apart_ms(
    sent: list[tuple[rtc.VideoFrame, rtc.AudioFrame]],
    seen: list[tuple[float, rtc.VideoFrame]],
    heard: list[tuple[float, rtc.AudioFrame]],
) -> list[float]:
    """When pictures came against their sound, of those frames whose sound is loud enough to be found."""
    pictures, moments = np.stack([pixels(frame) for _, frame in seen]), np.array([moment for moment, _ in seen])
    sound = np.concatenate([np.frombuffer(frame.data, np.int16) for _, frame in heard]).astype(np.float64)
    times = np.concatenate([
        moment - (frame.samples_per_channel - np.arange(frame.samples_per_channel)) / RATE_HZ for moment, frame in heard
    ])  # fmt: skip
    found = []
    for picture, beneath in sent:
        samples = np.frombuffer(beneath.data, np.int16).astype(np.float64)
        if np.abs(samples).max() < _LOUD:
            continue
        errors = ((pictures - pixels(picture)) ** 2).mean((1, 2, 3))
        power = np.convolve(sound**2, np.ones(len(samples)), "valid") * (samples**2).sum()
        places = np.flatnonzero(np.correlate(sound, samples, "valid") / np.sqrt(power + 1e-9) > _ALIKE)
        if errors.min() < 6 and len(places):
            lags = moments[errors.argmin()] - times[places]
            found.append(1000 * float(lags[np.abs(lags).argmin()]))
    return found


async def measured(size: int, speech: npt.NDArray[np.int16], rate_hz: int) -> list[float]:
    """One utterance in a room of its own."""
    room, voice = Room("agent"), agents_avatar.QueueAudioOutput(sample_rate=RATE_HZ)
    face = FaceInRoom(AgentFace(Avatar(ROOT / "examples" / "astronaut.png", max_side=size)), room, voice, Noting)
    await face.start()
    tracks = room.local_participant.tracks
    while len(tracks) < 2:
        await asyncio.sleep(0.02)
    seen: list[tuple[float, rtc.VideoFrame]] = []
    heard: list[tuple[float, rtc.AudioFrame]] = []

    video = rtc.VideoStream.from_track(track=tracks[rtc.TrackKind.KIND_VIDEO])
    audio = rtc.AudioStream.from_track(track=tracks[rtc.TrackKind.KIND_AUDIO], sample_rate=RATE_HZ, num_channels=1)

    async def see() -> None:
        async for event in video:
            seen.append((time.perf_counter(), event.frame))

    async def hear() -> None:
        async for event in audio:
            heard.append((time.perf_counter(), event.frame))

    tasks = asyncio.create_task(see()), asyncio.create_task(hear())
    await asyncio.sleep(1.5)
    await voice.capture_frame(rtc.AudioFrame(speech.tobytes(), rate_hz, 1, len(speech)))
    voice.flush()
    await voice.wait_for_playout()
    await asyncio.sleep(0.5)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await video.aclose()
    await audio.aclose()
    await face.aclose()
    assert isinstance(face.video, Noting)
    return apart_ms(face.video.sent, seen, heard)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--size", type=int, default=256)
    given = parser.parse_args()
    speech, rate_hz = soundfile.read(ROOT / "examples" / "speech.wav", dtype="int16")
    found: list[float] = []
    for _ in range(given.runs):
        found += asyncio.run(measured(given.size, speech[: 4 * rate_hz], rate_hz))
    low, middle, high = np.percentile(found, (5, 50, 95))
    print(f"{len(found)} frames: median {middle:+.0f} ms, 5th to 95th percentile {low:+.0f} to {high:+.0f} ms")


if __name__ == "__main__":
    main()
