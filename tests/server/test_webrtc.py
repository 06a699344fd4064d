"""Calls: a real peer on this machine, what it sees and hears and when, and what is refused."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from talkinghead.core.types import Floats, Pixels
from tests.server.conftest import Client, File, running

pytest.importorskip("aiortc")
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

RATE_HZ = 16_000
pytestmark = [pytest.mark.network, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A server that takes one stream at a time, and waits for nobody for long."""
    with running(tmp_path_factory.mktemp("calls"), "--sessions", "1", "--patience-s", "6") as client:
        yield client


@pytest.fixture(scope="module")
def avatar(calls: Client, picture: File) -> str:
    status, made = calls.post("/v1/avatars", picture=picture, max_side="256")
    assert status == 201, made
    return str(made["id"])


@pytest.fixture(scope="module")
def speech() -> Floats:
    samples, rate_hz = soundfile.read(Path(__file__).parents[2] / "examples" / "speech.wav", dtype="float32")
    assert rate_hz == RATE_HZ
    return np.asarray(samples[: 2 * RATE_HZ], np.float32)


class Mouthpiece(MediaStreamTrack):  # type: ignore[misc]
    """The caller's microphone: a noisy room, and what is said into it in real time."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._at, self._begin_s = 0, time.monotonic()
        self._said = np.zeros(0, np.float32)

    @property
    def is_silent(self) -> bool:
        return not len(self._said)

    def say(self, samples: Floats) -> None:
        self._said = np.concatenate([self._said, samples])

    async def recv(self) -> AudioFrame:
        count = RATE_HZ // 50
        await asyncio.sleep(max(0.0, self._begin_s + self._at / RATE_HZ - time.monotonic()))
        samples = np.random.default_rng(self._at).normal(0, 1e-3, count).astype(np.float32)
        said, self._said = self._said[:count], self._said[count:]
        samples[: len(said)] += said
        frame = AudioFrame.from_ndarray((32_767 * samples.clip(-1, 1)).astype(np.int16)[None], "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, self._at, Fraction(1, RATE_HZ)
        self._at += count
        return frame


class Caller:
    """One call's other end: what it has seen and heard, by the tracks' own clocks and by the wall's, and the events."""

    def __init__(self) -> None:
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.channel = self.peer.createDataChannel("talkinghead")
        self.channel.on("message", lambda text: self.events.append(json.loads(text)))
        self.mouthpiece = Mouthpiece()
        self.peer.addTrack(self.mouthpiece)
        self.peer.addTransceiver("video", "recvonly")
        self.peer.on("track", lambda track: self._tasks.append(asyncio.ensure_future(self._take(track))))
        self.events: list[dict[str, Any]] = []
        self.frames: list[tuple[float, float, Pixels]] = []
        self.sound: list[tuple[float, float, Floats]] = []
        self._tasks: list[asyncio.Future[None]] = []

    def tell(self, kind: str, **fields: object) -> None:
        self.channel.send(json.dumps({"type": kind, **fields}))

    def kinds(self) -> list[str]:
        return [event["type"] for event in self.events]

    async def until(self, so: Callable[[], object], seconds: float = 60) -> None:
        end_s = time.monotonic() + seconds
        while not so():
            assert time.monotonic() < end_s, (self.kinds(), len(self.frames), self.peer.connectionState)
            await asyncio.sleep(0.02)

    async def call(self, client: Client, avatar: str, **how: object) -> tuple[int, dict[str, Any]]:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        offer = {"type": "offer", "sdp": self.peer.localDescription.sdp, **how}
        status, said = await asyncio.to_thread(asked, client, avatar, offer)
        if status == 200:
            await self.peer.setRemoteDescription(RTCSessionDescription(said["sdp"], said["type"]))
        return status, said

    async def close(self) -> None:
        await self.peer.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                at_s = float(frame.pts * frame.time_base)
                if track.kind == "video":
                    self.frames.append((time.monotonic(), at_s, frame.to_ndarray(format="rgb24")))
                else:
                    pcm = frame.to_ndarray().reshape(-1, 2)[:, 0] / np.float32(32_768)
                    self.sound.append((time.monotonic(), at_s, pcm))


def asked(client: Client, avatar: str, offer: object) -> tuple[int, dict[str, Any]]:
    body = offer if isinstance(offer, bytes) else json.dumps(offer).encode()
    status, said, _ = client.ask("POST", f"/v1/avatars/{avatar}/webrtc", body, Content_Type="application/json")
    return status, json.loads(said)


@asynccontextmanager
async def calling(client: Client, avatar: str, **how: object) -> AsyncIterator[Caller]:
    caller = Caller()
    try:
        await asyncio.to_thread(wait_for_its_end, client)  # the call before: its end is told a moment after it is heard
        status, said = await caller.call(client, avatar, **how)
        assert status == 200, said
        await caller.until(lambda: len(caller.frames) > 10)
        yield caller
    finally:
        await caller.close()


def due_s(came: list[tuple[float, float, Any]]) -> Floats:
    """When each was due by the wall's clock, where a busy machine may have taken it later: a track's own clock, laid
    where its soonest one came."""
    wall_s, at_s = (np.array([one[index] for one in came]) for index in (0, 1))
    return np.asarray(at_s + (wall_s - at_s).min())


def openness(caller: Caller) -> Floats:
    """How much the region of the mouth differs from the face at rest in each of the caller's frames."""
    mouths = np.stack([pixels[68:90, 95:132].astype(np.float32) for _, _, pixels in caller.frames])
    rest = mouths[:10].mean(axis=0)
    return np.asarray(np.abs(mouths - rest).mean(axis=(1, 2, 3)))


async def rest_after_speech(caller: Caller) -> None:
    """Until all that is said has been spoken; a machine that is too busy to do so in time idles between."""
    spoken = caller.kinds().count("speaking")
    await caller.until(lambda: caller.kinds().count("speaking") > spoken)
    kinds = 0
    while len(caller.kinds()) > kinds:
        await caller.until(lambda: caller.mouthpiece.is_silent and caller.kinds()[-1] == "idle")
        frames, pieces, kinds = len(caller.frames), len(caller.sound), len(caller.kinds())
        until = frames + 10, pieces + 35
        await caller.until(lambda: len(caller.frames) > until[0] and len(caller.sound) > until[1])  # noqa: B023


def sessions(client: Client) -> str:
    text = client.ask("GET", "/metrics")[1].decode()
    return next(line for line in text.splitlines() if line.startswith("talkinghead_sessions "))


def wait_for_its_end(client: Client) -> None:
    """Until no stream runs."""
    end_s = time.monotonic() + 60
    while sessions(client) != "talkinghead_sessions 0":
        assert time.monotonic() < end_s
        time.sleep(0.1)


def test_what_is_said_into_a_call_is_seen_and_heard(calls: Client, avatar: str, speech: Floats) -> None:
    async def run() -> Caller:
        async with calling(calls, avatar, size=256) as caller:
            assert sessions(calls) == "talkinghead_sessions 1"
            for _ in range(3):  # a caller whose machine is far too busy sends hardly anything: he says it again
                caller.mouthpiece.say(speech)
                await rest_after_speech(caller)
                if max(np.abs(samples).max() for _, _, samples in caller.sound) > 0.3:
                    break
            return caller

    caller = asyncio.run(run())
    kinds = caller.kinds()
    assert kinds == ["ready", *["speaking", "idle"] * (len(kinds) // 2)]
    assert caller.frames[0][2].shape == (256, 256, 3)
    times_s = np.array([at_s for _, at_s, _ in caller.frames])
    assert (np.diff(times_s) > 0).all()
    # Frames of 40 ms; a machine that is too busy leaves some out.
    steps_s = np.diff(times_s)
    assert np.median(np.abs(steps_s - 0.04 * np.maximum(1, np.round(steps_s / 0.04)))) < 0.002
    assert np.median(np.diff([at_s for _, at_s, _ in caller.sound])) == pytest.approx(0.02)
    # Both belong together: the mouth moves while it is heard, and not before.
    heard_s = due_s(caller.sound)
    loud = np.array([np.sqrt(np.mean(np.square(samples))) for _, _, samples in caller.sound])
    assert loud.max() > 0.1
    begin_s, end_s = heard_s[loud > 0.02][[0, -1]]
    assert end_s - begin_s > 1.2  # longer where the machine is too busy to draw in time: then both pause
    seen_s = due_s(caller.frames)
    opened = openness(caller)
    assert opened[seen_s < begin_s - 0.2].max() < 0.5 * opened.max()
    first_s = seen_s[opened > 0.5 * opened.max()][0]
    assert begin_s - 0.3 < first_s < end_s + 0.3


def test_a_text_is_heard_and_an_interruption_is_silence(calls: Client, avatar: str) -> None:
    async def run() -> tuple[Caller, int]:
        async with calling(calls, avatar, size=128, sound="texts") as caller:
            caller.tell("dance")
            caller.channel.send(b"\0\0")
            caller.tell("emotion", emotion="happy")
            await caller.until(lambda: caller.kinds().count("error") == 2)
            caller.tell("text", text="One, two, three, four, five, six, seven, eight, nine, ten.", voice="en-us")
            await caller.until(lambda: len(caller.sound) and np.abs(caller.sound[-1][2]).max() > 0.1)
            caller.tell("interrupt")
            await caller.until(lambda: "interrupted" in caller.kinds())
            heard = len(caller.sound)
            await caller.until(lambda: len(caller.sound) > heard + 60)
            caller.tell("end")
            await caller.until(lambda: caller.peer.connectionState == "closed")
            return caller, heard

    caller, heard = asyncio.run(run())
    said = [event["message"] for event in caller.events if event["type"] == "error"]
    assert "no message 'dance'" in said[0]
    assert "sound comes in the audio track" in said[1]
    assert [kind for kind in caller.kinds() if kind != "error"] == [
        "ready", "speaking", "interrupted", "idle", "end"
    ]  # fmt: skip
    # What the network and the player's own buffer held is still heard: 0.4 s at most.
    after = [np.abs(samples).max() for _, _, samples in caller.sound[heard + 20 :]]
    assert len(after) > 30
    assert max(after) < 0.01


def test_a_call_is_one_of_the_streams_until_its_caller_goes(calls: Client, avatar: str) -> None:
    async def run() -> None:
        async with calling(calls, avatar, size=64):
            second = Caller()
            status, said = await second.call(calls, avatar)
            await second.close()
            assert (status, said["error"]) == (429, "1 streams run, and no more may")
            assert json.loads(calls.ask("GET", f"/v1/avatars/{avatar}")[1])["busy"] == said["error"]

    asyncio.run(run())
    wait_for_its_end(calls)


def test_a_caller_who_does_not_come_is_not_waited_for_longer_than_patience(calls: Client, avatar: str) -> None:
    async def run() -> None:
        caller = Caller()
        await caller.peer.setLocalDescription(await caller.peer.createOffer())
        offer = {"type": "offer", "sdp": caller.peer.localDescription.sdp}
        await caller.close()
        assert (await asyncio.to_thread(asked, calls, avatar, offer))[0] == 200

    asyncio.run(run())
    assert sessions(calls) == "talkinghead_sessions 1"
    wait_for_its_end(calls)


NO_VIDEO = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"


@pytest.mark.parametrize(
    ("offer", "status", "message"),
    [
        (b"v=0", 422, "an offer is JSON"),
        ([], 422, "a type and an sdp"),
        ({"type": "answer", "sdp": NO_VIDEO}, 422, "a type and an sdp"),
        ({"type": "offer", "sdp": "rubbish"}, 422, "asks for no video"),
        ({"type": "offer", "sdp": "v=0\r\nm=video x y z"}, 422, "cannot be answered"),
        ({"type": "offer", "sdp": NO_VIDEO}, 422, "asks for no video"),
        ({"type": "offer", "sdp": NO_VIDEO + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n" * 9}, 422, "at most 8 lines m="),
        ({"type": "offer", "sdp": NO_VIDEO, "fps": 1000}, 422, "at most 60 frames"),
        ({"type": "offer", "sdp": NO_VIDEO, "sound": "none"}, 422, "sound is all or texts"),
        ({"type": "offer", "sdp": NO_VIDEO, "rate": 8000}, 422, "no 'rate'"),
        ({"type": "offer", "sdp": "x" * 70_000}, 413, "65536 bytes"),
    ],
)
def test_offers_that_are_none(calls: Client, avatar: str, offer: object, status: int, message: str) -> None:
    found, said = asked(calls, avatar, offer)
    assert (found, message in said["error"], said["error"].count("\n")) == (status, True, 0), said
    wait_for_its_end(calls)


def test_a_call_of_an_avatar_that_there_is_not(calls: Client) -> None:
    assert asked(calls, "nobody", {"type": "offer", "sdp": NO_VIDEO})[0] == 404
