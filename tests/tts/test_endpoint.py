"""Servers that speak as OpenAI's does: one of the tests' own, with espeak-ng behind it."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import soundfile

from talkinghead.core.errors import DependencyError, InputError
from talkinghead.tts.endpoint import EndpointEngine
from talkinghead.tts.espeak import EspeakEngine
from talkinghead.tts.wav import WavStream

KEY = "a-key-of-the-test"
pytestmark = pytest.mark.network


class Handler(BaseHTTPRequestHandler):
    """`POST /v1/audio/speech`; the voice says how it answers."""

    requests: list[dict[str, str]]
    may_end: threading.Event

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.requests.append({**asked, "path": self.path, "key": self.headers.get("Authorization", "")})
        kind, _, _ = asked["voice"].partition(":")
        if kind == "refuses":
            self._say(401, "application/json", b'{"error": {"message": "Incorrect API key"}}')
        elif kind == "elsewhere":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:9/v1/audio/speech")
            self.end_headers()
        elif kind == "page":
            self._say(200, "text/html", b"<html>hello, this is a page and no sound at all</html>")
        elif kind == "nothing":
            self._say(200, "audio/wav", b"")
        else:
            self._speak(kind, EspeakEngine().speak(asked["input"]).samples)

    def _speak(self, kind: str, samples: np.ndarray) -> None:
        pcm = (samples * 32767).astype("<i2")
        if kind == "pcm":
            self._say(200, "audio/pcm;rate=22050", pcm.tobytes())
            return
        file = io.BytesIO()
        soundfile.write(file, pcm, 22_050, format="WAV")
        data = file.getvalue()
        if kind == "slow":  # the second half comes once the first was heard
            data = data[:40] + b"\xff\xff\xff\xff" + data[44:]
            self.send_response(200)
            self.send_header("Content-Type", "audio/wav")
            self.end_headers()
            self.wfile.write(data[: len(data) // 2])
            self.wfile.flush()
            self.may_end.wait(20)
            self.wfile.write(data[len(data) // 2 :])
            return
        self._say(200, "audio/wav", data)

    def _say(self, code: int, kind: str, data: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    Handler.requests, Handler.may_end = [], threading.Event()
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}/v1"
    Handler.may_end.set()
    httpd.shutdown()
    thread.join()
    httpd.server_close()


@pytest.mark.parametrize("voice", ["wav", "pcm"])
def test_sentence_by_sentence_with_the_key(server: str, voice: str) -> None:
    spoken = EndpointEngine(server, voice, "a-model").speak("Good morning. It is late.")
    own = [EspeakEngine().speak(text) for text in ("Good morning.", "It is late.")]
    assert spoken.rate_hz == 22_050
    assert spoken.phones is None
    np.testing.assert_allclose(spoken.samples, np.concatenate([one.samples for one in own]), atol=1e-3)
    assert [request["input"] for request in Handler.requests] == ["Good morning.", "It is late."]
    assert Handler.requests[0] == {
        "input": "Good morning.", "voice": voice, "model": "a-model", "response_format": "wav",
        "path": "/v1/audio/speech", "key": f"Bearer {KEY}",
    }  # fmt: skip


def test_sound_is_there_while_the_rest_still_comes(server: str) -> None:
    stream = EndpointEngine(server, "slow").stream("Good morning, everybody.")
    first = next(stream)
    assert first.duration_s > 0
    assert not Handler.may_end.is_set()
    Handler.may_end.set()
    total_s = first.duration_s + sum(piece.duration_s for piece in stream)
    assert total_s == pytest.approx(EspeakEngine().speak("Good morning, everybody.").duration_s, abs=1e-3)


def test_without_a_key_none_is_sent(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    EndpointEngine(server, "wav").speak("Hi.")
    assert Handler.requests[0]["key"] == ""


@pytest.mark.parametrize(
    ("voice", "message"),
    [
        ("refuses", r"does not speak: 401 \(Incorrect API key\): check the key in OPENAI_API_KEY"),
        ("elsewhere", "does not speak: 302"),
        ("page", "something else than WAV"),
        ("nothing", "sent no sound"),
    ],
)
def test_a_server_that_does_not_speak(server: str, voice: str, message: str) -> None:
    with pytest.raises(DependencyError, match=message) as caught:
        EndpointEngine(server, voice).speak("Hello.")
    assert KEY not in str(caught.value)


def test_no_server_at_all() -> None:
    with pytest.raises(DependencyError, match=r"cannot be reached .*: check --tts-url"):
        EndpointEngine("http://127.0.0.1:9/v1").speak("Hello.")
    for address in ("localhost:8000", "file:///etc/passwd", "ftp://a/b"):
        with pytest.raises(InputError, match="is not an address"):
            EndpointEngine(address).speak("Hello.")


@pytest.mark.parametrize("step", [1, 7, 1000])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_32", "FLOAT"])
def test_a_wav_stream_in_pieces_of_any_length(step: int, subtype: str) -> None:
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, (300, 2)).astype(np.float32)
    file = io.BytesIO()
    soundfile.write(file, sound, 16_000, format="WAV", subtype=subtype)
    data = file.getvalue() + b"LIST\x04\x00\x00\x00tags"
    stream = WavStream("the test")
    heard = np.concatenate([stream.push(data[at : at + step]) for at in range(0, len(data), step)])
    stream.finish()
    assert stream.rate_hz == 16_000
    np.testing.assert_allclose(heard, sound.mean(axis=1), atol=1e-4)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"ID3" + bytes(100), "something else than WAV"),
        (b"RIFF\x24\x00\x00\x00WAVEdata\x00\x00\x00\x00", "without its format"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x07\x00\x01\x00" + bytes(16), "not known here"),
        (b"RIFF\x24\x00\x00\x00WAVEjunk\xf0\xff\xff\xff" + bytes(10), "header without end"),
    ],
)
def test_what_is_no_such_sound(data: bytes, message: str) -> None:
    with pytest.raises(DependencyError, match=message):
        WavStream("it").push(data)
