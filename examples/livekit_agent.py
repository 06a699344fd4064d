"""A LiveKit agent with a face, without any key of an AI service: a text is spoken in a room, or into a video.

    pip install 'talkinghead[livekit,tts]'
    python examples/livekit_agent.py "Good morning." -o out/livekit.mp4                no room: a video of it
    python examples/livekit_agent.py "Good morning." --url ws://localhost:7880 --token TOKEN
    python examples/livekit_agent.py --worker --url ws://localhost:7880 --token TOKEN

The second joins a room as an agent whose voice and picture the avatar is, says the text and idles until it is stopped.
The third is a worker that gives its face to the first agent in the room, which has `AvatarSession(worker=IDENTITY)`.
For trying: `livekit-server --dev`, and `lk token create --join --room r --identity face --api-key devkey --api-secret
secret`.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
from livekit import rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.voice.avatar import AudioSegmentEnd
from speaking import Recording, add_options, spoken

from talkinghead.avatar import Avatar
from talkinghead.integrations.face import AgentFace
from talkinghead.integrations.livekit import AvatarSession, TalkingHeadVideo, serve_room


async def said(text: str, voice: str | None) -> AsyncIterator[rtc.AudioFrame]:
    """The sound of a text, as an agent's text to speech gives it."""
    async for samples, rate_hz in spoken(text, voice):
        yield rtc.AudioFrame(samples.tobytes(), rate_hz, 1, len(samples))


async def in_room(avatar: Avatar, url: str, token: str, text: str, voice: str | None) -> None:
    """Join as an agent, say the text, idle."""
    room = rtc.Room()
    await room.connect(url, token)
    session, face = AgentSession(), AvatarSession(avatar)
    await face.start(session, room)
    # With a recogniser, a language model and room=room this is a whole agent; here it says what it is told.
    await session.start(Agent(instructions="Speak."), record=False)
    try:
        await session.say(text, audio=said(text, voice))
        print("said; Ctrl-C ends")
        await asyncio.Event().wait()
    finally:
        await face.aclose()
        await session.aclose()
        await room.disconnect()


async def into_file(avatar: Avatar, text: str, voice: str | None, output: Path) -> None:
    """What the avatar would show in a room: a second of idling, the text, half a second of idling."""
    video = TalkingHeadVideo(AgentFace(avatar))
    recording, clock_s, ends_s = Recording(25), 0.0, float("inf")

    async def speak() -> None:
        await asyncio.sleep(1.0)
        async for frame in said(text, voice):
            await video.push_audio(frame)
        await video.push_audio(AudioSegmentEnd())

    speaking = asyncio.create_task(speak())
    async for item in video:
        if isinstance(item, rtc.VideoFrame):
            recording.see(clock_s, np.frombuffer(item.data, np.uint8).reshape(item.height, item.width, 3))
            clock_s += 1 / 25
        elif isinstance(item, rtc.AudioFrame):
            recording.hear(clock_s - 1 / 25, np.frombuffer(item.data, np.int16), item.sample_rate)
        else:
            ends_s = clock_s + 0.5
        if clock_s > ends_s:
            break
    await speaking
    await video.face.aclose()
    print(f"{output}: {recording.save(output):.1f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, "out/livekit.mp4")
    parser.add_argument("--url", help="of a LiveKit server")
    parser.add_argument("--token", help="for a room of it")
    parser.add_argument("--worker", action="store_true", help="give the face to an agent in the room")
    given = parser.parse_args()
    if bool(given.url) != bool(given.token) or (given.worker and not given.url):
        parser.error("a room needs --url and --token")
    face_of = Avatar(given.picture, max_side=given.size)
    if given.worker:
        asyncio.run(serve_room(face_of, given.url, given.token))
    elif given.url:
        asyncio.run(in_room(face_of, given.url, given.token, given.text, given.voice))
    else:
        asyncio.run(into_file(face_of, given.text, given.voice, given.output))
