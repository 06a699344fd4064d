"""Streams: sound or text in, pictures and sound out in step, interruption, and the end."""

from __future__ import annotations

import base64
import json
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import soundfile
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from talkinghead.core.types import Floats, Pixels
from talkinghead.media.audio import read_audio_blocks
from talkinghead.media.probe import describe
from talkinghead.media.video import VideoReader
from talkinghead.provenance.xmp import DIGITAL_SOURCE_TYPE, source_type_of_words
from talkinghead.tts.espeak import EspeakEngine
from tests.server.conftest import Client, File, running

RATE_HZ = 16_000
pytestmark = [pytest.mark.network, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def avatar(server: Client, picture: File) -> str:
    status, made = server.post("/v1/avatars", picture=picture)
    assert status == 201, made
    return str(made["id"])


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    samples, rate_hz = soundfile.read(Path(__file__).parents[2] / "examples" / "speech.wav", dtype="int16")
    assert rate_hz == RATE_HZ
    return np.asarray(samples[: 2 * RATE_HZ])


class Stream:
    """A client's side of one stream: everything that came so far."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.events: list[dict[str, Any]] = []
        self.binary: list[bytes] = []
        self.code: int | None = None

    def tell(self, kind: str, **fields: object) -> None:
        self.socket.send(json.dumps({"type": kind, **fields}))

    def read(self, until: Callable[[Stream], object], seconds: float = 60) -> None:
        """Read until it is so, or the server ends the stream."""
        while not until(self):
            try:
                message = self.socket.recv(timeout=seconds)
            except ConnectionClosed as closed:
                self.code = closed.rcvd.code if closed.rcvd else None
                return
            if isinstance(message, bytes):
                self.binary.append(message)
            else:
                self.events.append(json.loads(message))

    def event(self, kind: str) -> dict[str, Any] | None:
        return next((event for event in self.events if event["type"] == kind), None)

    def frames(self) -> Iterator[tuple[float, Pixels]]:
        for message in self.binary:
            (time_s,) = struct.unpack("<d", message[:8])
            yield time_s, np.asarray(cv2.imdecode(np.frombuffer(message[8:], np.uint8), cv2.IMREAD_COLOR))


@contextmanager
def opened(client: Client, avatar: str, **start: object) -> Iterator[Stream]:
    address = f"ws://127.0.0.1:{client.port}/v1/avatars/{avatar}/stream"
    with connect(address, max_size=None) as socket:
        stream = Stream(socket)
        stream.tell("start", **start)
        yield stream


def ended(stream: Stream) -> bool:
    return stream.code is not None


def test_sound_becomes_pictures_in_step(server: Client, avatar: str, speech: np.ndarray) -> None:
    with opened(server, avatar, rate=RATE_HZ, format="s16le", video="jpeg", fps=25, size=256) as stream:
        stream.read(lambda so_far: len(so_far.binary) >= 5)
        ready = stream.events[0]
        assert ready == {"type": "ready", "width": 256, "height": 256, "fps": 25.0, "rate": RATE_HZ, "video": "jpeg"}
        for at in range(0, len(speech), 320):
            stream.socket.send(speech[at : at + 320].tobytes())
        stream.tell("end")
        stream.read(ended)
    assert stream.code == 1000
    assert [event["type"] for event in stream.events] == ["ready", "speaking", "end"]
    speaking, end = stream.events[1:]
    frames = list(stream.frames())
    times_s = [time_s for time_s, _ in frames]
    np.testing.assert_allclose(times_s, np.arange(len(frames)) / 25, atol=1e-9)
    assert end["time"] == pytest.approx(len(frames) / 25)
    assert end["time"] == pytest.approx(speaking["time"] + 2.0, abs=0.3)
    assert all(DIGITAL_SOURCE_TYPE.encode() in message for message in stream.binary)
    pictures = np.stack([pixels for _, pixels in frames]).astype(np.float32)
    assert pictures.shape[1:] == (256, 256, 3)
    # The mouth moves while it speaks: below the nose, more than above the eyes.
    spoken = pictures[[time_s > speaking["time"] + 0.1 for time_s in times_s]]
    changed = np.abs(np.diff(spoken, axis=0)).mean(axis=(0, 3))
    rows = changed.sum(axis=1)
    assert rows[64:96].sum() > 2 * rows[8:32].sum()


def heard(stream: Stream) -> Floats:
    sounds = [event for event in stream.events if event["type"] == "sound"]
    return np.concatenate([np.frombuffer(base64.b64decode(event["data"]), "<i2") for event in sounds]) / np.float32(
        2**15
    )


def test_a_text_is_heard_and_seen(server: Client, avatar: str) -> None:
    with opened(server, avatar, rate=22_050, video="jpeg", size=128) as stream:
        stream.read(lambda so_far: so_far.binary)
        stream.tell("text", text="Good morning. How are you?", voice="en-us")
        stream.tell("end")
        stream.read(ended)
    own = EspeakEngine("en-us")
    expected = np.concatenate([piece.samples for piece in own.stream("Good morning. How are you?")])
    found = heard(stream)
    assert len(found) == pytest.approx(len(expected), abs=22_050 // 10)
    length = min(len(found), len(expected))
    np.testing.assert_allclose(found[:length], expected[:length], atol=1e-3)
    speaking = stream.event("speaking")
    assert speaking is not None
    # Each piece of sound says to which time it belongs, and they follow each other.
    sounds = [event for event in stream.events if event["type"] == "sound"]
    assert sounds[0]["time"] == pytest.approx(speaking["time"], abs=0.05)
    lengths_s = [len(base64.b64decode(event["data"])) / 2 / 22_050 for event in sounds]
    gaps_s = [
        after["time"] - before["time"] - length_s for before, after, length_s in zip(sounds, sounds[1:], lengths_s)
    ]
    assert np.abs(gaps_s).max() < 0.1


def test_fragmented_mp4_holds_picture_and_sound_in_step(
    server: Client, avatar: str, speech: np.ndarray, tmp_path: Path
) -> None:
    with opened(server, avatar, rate=RATE_HZ, video="fmp4", size=256) as stream:
        stream.read(lambda so_far: len(so_far.binary) > 3)
        assert stream.events[0]["mime"] == 'video/mp4; codecs="avc1.42c028, mp4a.40.2"'
        stream.socket.send(speech.tobytes())
        stream.tell("end")
        stream.read(ended)
    assert stream.code == 1000
    data = b"".join(stream.binary)
    assert data[4:8] == b"ftyp"
    assert data.index(b"moov") < data.index(b"moof")
    path = tmp_path / "stream.mp4"
    path.write_bytes(data)
    assert source_type_of_words(describe(path)) == DIGITAL_SOURCE_TYPE
    end, speaking = stream.event("end"), stream.event("speaking")
    assert end is not None
    assert speaking is not None
    with VideoReader(path) as video:
        assert video.size_px == (256, 256)
        assert sum(1 for _ in video) == pytest.approx(25 * end["time"], abs=3)
    sound = np.concatenate(list(read_audio_blocks(path, RATE_HZ)))
    given = speech / np.float32(2**15)
    lags = np.correlate(sound, given[:RATE_HZ], mode="valid")
    assert np.argmax(lags) / RATE_HZ == pytest.approx(speaking["time"], abs=0.1)
    at = int(np.argmax(lags))
    assert np.corrcoef(sound[at : at + RATE_HZ], given[:RATE_HZ])[0, 1] > 0.95


@pytest.mark.parametrize(("background", "video"), [("lime", "fmp4"), ("blur", "jpeg"), ("a picture", "jpeg")])
def test_another_background_is_behind_every_frame(
    server: Client, picture: File, background: str, video: str, tmp_path: Path
) -> None:
    red = cv2.imencode(".png", np.full((40, 60, 3), (0, 0, 255), np.uint8))[1].tobytes()
    given = ("red.png", red) if background == "a picture" else background
    status, made = server.post("/v1/avatars", picture=picture, max_side="128", background=given)
    assert status == 201, made
    assert "talkinghead-" not in made["note"]
    with opened(server, made["id"], rate=RATE_HZ, video=video, size=128) as stream:
        stream.read(lambda so_far: so_far.event("ready"))
        stream.socket.send(np.zeros(RATE_HZ // 2, "<i2").tobytes())
        stream.tell("end")
        stream.read(ended)
    assert stream.code == 1000, stream.events
    if video == "fmp4":
        (tmp_path / "stream.mp4").write_bytes(b"".join(stream.binary))
        with VideoReader(tmp_path / "stream.mp4") as written:
            frames = [np.asarray(frame, np.float32) for frame in written]
    else:
        frames = [pixels[..., ::-1].astype(np.float32) for _, pixels in stream.frames()]
    wall = frames[-1][2:10, 90:120]  # beside the head: shelves and a flag, in focus
    own = cv2.imdecode(np.frombuffer(picture[1], np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    sharp = cv2.resize(own, (128, 128), interpolation=cv2.INTER_AREA)[2:10, 90:120].astype(np.float32)
    expected = {"lime": (0, 255, 0), "a picture": (255, 0, 0), "blur": sharp.mean((0, 1))}[background]
    np.testing.assert_allclose(wall.mean((0, 1)), expected, atol=25)
    if background == "blur":
        assert np.abs(np.diff(wall, axis=1)).mean() < 0.6 * np.abs(np.diff(sharp, axis=1)).mean()


def test_an_interruption_closes_the_mouth_and_drops_what_waits(server: Client, avatar: str, speech: np.ndarray) -> None:
    with opened(server, avatar, rate=RATE_HZ, video="jpeg", size=256) as stream:
        stream.read(lambda so_far: len(so_far.binary) > 3)
        rest = next(stream.frames())[1].astype(np.float32)
        for _ in range(10):
            stream.socket.send(speech.tobytes())
        stream.tell("text", text="And one thing more.", voice="en-us")
        stream.read(lambda so_far: len(so_far.binary) > 40)
        stream.tell("interrupt")
        stream.read(lambda so_far: so_far.event("idle"))
        before = len(stream.binary)
        stream.tell("end")
        stream.read(ended)
    kinds = [event["type"] for event in stream.events]
    assert kinds[:4] == ["ready", "speaking", "interrupted", "idle"]
    assert "speaking" not in kinds[3:]
    assert "sound" not in kinds
    interrupted, idle = stream.event("interrupted"), stream.event("idle")
    assert interrupted is not None
    assert idle is not None
    # Where the machine is too busy to draw every frame, up to three that were left out are seen again first.
    assert 0.159 < idle["time"] - interrupted["time"] < 0.281
    assert len(stream.binary) < before + 40  # of 20 s that waited
    frames = dict(stream.frames())
    mouth = slice(68, 90), slice(95, 132)
    closed = frames[min(frames, key=lambda time_s: abs(time_s - idle["time"]))].astype(np.float32)
    opened_most = max(np.abs(pixels.astype(np.float32)[mouth] - rest[mouth]).mean() for pixels in frames.values())
    assert np.abs(closed[mouth] - rest[mouth]).mean() < 0.75 * opened_most


def test_an_expression_is_worn_and_let_go_of(server: Client, avatar: str) -> None:
    with opened(server, avatar, video="jpeg", size=256) as stream:
        stream.read(lambda so_far: len(so_far.binary) >= 3)
        rest = list(stream.frames())[-1][1].astype(np.float32)
        stream.tell("emotion", emotion="happy")
        stream.read(lambda so_far: len(so_far.binary) >= 30)
        smiling = list(stream.frames())[-1][1].astype(np.float32)
        stream.tell("emotion", emotion="neutral")
        stream.read(lambda so_far: len(so_far.binary) >= 60)
        after = list(stream.frames())[-1][1].astype(np.float32)
    mouth = slice(64, 90), slice(92, 135)
    assert np.abs(smiling[mouth] - rest[mouth]).mean() > 1.5 * np.abs(after[mouth] - rest[mouth]).mean()


def test_what_cannot_be_said_is_answered_and_the_stream_goes_on(server: Client, avatar: str) -> None:
    with opened(server, avatar, rate=RATE_HZ, size=64) as stream:
        stream.socket.send("rubbish")
        stream.socket.send("[1]")
        stream.tell("dance")
        stream.tell("text", text=5)
        stream.tell("text", text="x" * 30_000)
        stream.tell("text", text="hello", voice="/etc/passwd")
        stream.tell("text", text="hello", voice="klingonese")
        stream.tell("emotion", emotion="grinning")
        stream.tell("emotion", emotion="happy", strength="much")
        stream.socket.send(b"abc")
        stream.read(lambda so_far: len([event for event in so_far.events if event["type"] == "error"]) == 10)
        said = " ".join(event["message"] for event in stream.events if event["type"] == "error")
        for words in (
            "must be JSON", "an object with a type", "no message 'dance'", "must be a text", "30000 characters",
            "a voice is a name here", "no voice 'klingonese'", "no emotion 'grinning'", "strength must be a number",
            "3 bytes is no whole number",
        ):  # fmt: skip
            assert words in said
        count = len(stream.binary)
        stream.read(lambda so_far: len(so_far.binary) > count + 3)
        assert stream.code is None


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ({"rate": 1}, "rate must be a whole number"),
        ({"rate": True}, "rate must be a whole number"),
        ({"format": "mp3"}, "sound is s16le or f32le"),
        ({"video": "gif"}, "video is jpeg or fmp4"),
        ({"fps": 1000}, "at most 60"),
        ({"fps": "warp"}, "not a frame rate"),
        ({"size": 100_000}, "size must be"),
        ({"colour": "red"}, "a stream has no 'colour'"),
    ],
)
def test_a_stream_that_cannot_be(server: Client, avatar: str, start: dict[str, object], message: str) -> None:
    with opened(server, avatar, **start) as stream:
        stream.read(ended)
    assert stream.code == 1008
    assert message in stream.events[-1]["message"]


def test_streams_beyond_what_may_be_are_refused(tmp_path: Path, picture: File) -> None:
    with running(tmp_path / "temporary", "--sessions", "1", "--avatars", "1") as client:
        _, made = client.post("/v1/avatars", picture=picture)
        with opened(client, made["id"], size=64) as stream:
            stream.read(lambda so_far: so_far.binary)
            with pytest.raises(InvalidStatus) as caught, opened(client, made["id"]):
                pass
            assert caught.value.response.status_code == 429
            assert int(caught.value.response.headers["Retry-After"]) > 0
            status, refused = client.post("/v1/avatars", picture=picture)
            assert (status, "keeps no more avatars" in refused["error"]) == (429, True)
            _, text, _ = client.ask("GET", "/metrics")
            assert b"talkinghead_sessions 1\n" in text
            assert b"talkinghead_refused_total 2\n" in text
        end = time.monotonic() + 60
        while b"talkinghead_sessions 0\n" not in client.ask("GET", "/metrics")[1]:
            assert time.monotonic() < end
            time.sleep(0.1)
        with opened(client, made["id"], size=64) as stream:
            stream.read(lambda so_far: so_far.binary)
        with pytest.raises(InvalidStatus) as caught, opened(client, "nobody"):
            pass
        assert caught.value.response.status_code == 404


def test_a_server_that_ends_ends_its_streams(tmp_path: Path, picture: File) -> None:
    with running(tmp_path / "temporary") as client:
        _, made = client.post("/v1/avatars", picture=picture)
        with opened(client, made["id"], video="fmp4", size=64) as stream:
            stream.read(lambda so_far: len(so_far.binary) > 3)
            client.end()
            stream.read(ended, seconds=30)


def test_a_key_is_wanted_where_there_is_one(tmp_path: Path, picture: File) -> None:
    with running(tmp_path / "temporary", TALKINGHEAD_API_KEY="secret") as client:
        _, made = client.post("/v1/avatars", picture=picture)
        client.key = ""
        assert client.ask("GET", "/healthz")[0] == 200
        status, body, headers = client.ask("GET", "/metrics")
        assert (status, headers["www-authenticate"]) == (401, "Bearer")
        assert b"wants a key" in body
        assert client.ask("GET", "/metrics", X_API_Key="secret")[0] == 200
        assert client.ask("GET", "/metrics", X_API_Key="secre")[0] == 401
        assert client.ask("GET", "/metrics?key=secret")[0] == 401
        with pytest.raises(InvalidStatus) as caught, opened(client, made["id"]):
            pass
        assert caught.value.response.status_code == 401
        with connect(
            f"ws://127.0.0.1:{client.port}/v1/avatars/{made['id']}/stream?key=secret", max_size=None
        ) as socket:
            stream = Stream(socket)
            stream.tell("start", size=64)
            stream.read(lambda so_far: so_far.binary)


def test_a_message_that_is_too_large_ends_the_stream(server: Client, avatar: str) -> None:
    with opened(server, avatar, size=64) as stream:
        stream.read(lambda so_far: so_far.binary)
        stream.socket.send(bytes(2 << 20))
        stream.read(ended)
    assert stream.code == 1009
    assert server.ask("GET", "/healthz")[0] == 200


def test_sound_beyond_what_may_wait_is_refused(server: Client, avatar: str) -> None:
    with opened(server, avatar, rate=8000, size=64) as stream:
        second = bytes(2 * 8000)
        for _ in range(130):
            stream.socket.send(second)
        stream.read(lambda so_far: so_far.event("error"))
        refused = stream.event("error")
        assert refused is not None
        assert "more than 120 s of sound wait" in refused["message"]
        stream.tell("interrupt")
        stream.read(lambda so_far: so_far.event("interrupted"))


def test_sessions_of_one_avatar_do_not_mix(server: Client, avatar: str, speech: np.ndarray) -> None:
    with opened(server, avatar, rate=RATE_HZ, size=64) as one, opened(server, avatar, rate=RATE_HZ, size=64) as other:
        one.socket.send(speech.tobytes())
        one.tell("end")
        one.read(ended)
        other.tell("end")
        other.read(ended)
    assert one.event("speaking") is not None
    assert other.event("speaking") is None
    assert other.code == 1000
