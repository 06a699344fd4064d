"""The table of readers: what reads what strangers bring, and the small sound files from which damage is made."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.fuzz import seeds, shapes

Read = Callable[[Path], object]
_LINES = ("nan", "inf", "-1", "1e400", "1_0", "99999999999999999999", '"', "\\ud800", "\0", "[" * 3000, "٣", "\r", "�")


@dataclass(frozen=True)
class Reader:
    """One reader: `read` gets a file named with `suffix`; `seeds` are sound files for it, `tokens` what texts of this
    kind are spoilt with.

    - `odd`: files that are well formed and say what nobody would;
    - `group`: readers that are tried together; `cost`: about how many of a cheap reader's cases one of its takes.
    """

    name: str
    group: str
    read: Read
    seeds: Callable[[], tuple[bytes, ...]]
    suffix: str = ""
    tokens: tuple[str, ...] = ()
    cost: int = 1
    needs: tuple[str, ...] = ()
    odd: Callable[[], st.SearchStrategy[bytes]] | None = None


def _texts(*texts: str) -> Callable[[], tuple[bytes, ...]]:
    return lambda: tuple(text.encode() for text in texts)


def _text(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")


def _picture(path: Path) -> None:
    from talkinghead.media.images import picture_size, read_image
    from talkinghead.media.kinds import is_animation

    is_animation(path)
    picture_size(path)
    read_image(path, 64)


def _sound(path: Path) -> None:
    from talkinghead.media.audio import read_audio_blocks

    for _ in itertools.islice(read_audio_blocks(path, 16000), 20):
        pass


def _pipe(path: Path) -> None:
    from talkinghead.media.stdin import keep_stream

    with path.open("rb") as stream:
        keep_stream(stream, "the pipe").close()


def _wav_stream(path: Path) -> None:
    from talkinghead.tts.wav import WavStream

    for raw in (None, 24000):
        stream = WavStream("the voice", raw)
        with path.open("rb") as file:
            while piece := file.read(37):
                stream.push(piece)
        stream.finish()


def _video(path: Path) -> None:
    from talkinghead.core.errors import TalkingHeadError
    from talkinghead.media.audio import read_audio_blocks
    from talkinghead.media.kinds import read_as
    from talkinghead.media.video import VideoReader

    kind = read_as(path)
    try:
        for _ in itertools.islice(read_audio_blocks(path, 16000), 20):
            pass
    except TalkingHeadError:
        if kind == "sound":
            raise
    with VideoReader(path) as video:
        for _ in itertools.islice(video, 20):
            pass


def _motion(path: Path) -> None:
    from fractions import Fraction

    from talkinghead.motion.files import is_motion_file, load_motion

    is_motion_file(path)
    motion = load_motion(path)
    if len(motion) / motion.fps < 60:
        motion.resampled(Fraction(25))


def _units(path: Path) -> None:
    from talkinghead.core.errors import TalkingHeadError
    from talkinghead.core.safe_pickle import load_pickle
    from talkinghead.models.joyvasa.weights import read_units

    try:
        read_units(path)
    except TalkingHeadError:
        load_pickle(path)


def _weights(path: Path) -> None:
    from talkinghead.checkpoints.verify import is_whole
    from talkinghead.core.safe_pickle import load_weights

    is_whole(path)
    load_weights(path, settings=True)


def _checkpoint(name: str) -> Read:
    def read(path: Path) -> None:
        from audio2motion import Predictor

        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            for known, data in seeds.tiny_checkpoint().items():
                Path(folder, known).write_bytes(path.read_bytes() if known == name else data)
            if name != "model.onnx":
                Path(folder, "model.onnx").unlink()
            Predictor.load(folder)

    return read


def _lock(path: Path) -> None:
    from talkinghead.checkpoints.verify import read_lock

    lock = path.with_name("talkinghead.lock.json")
    path.rename(lock)
    try:
        read_lock(path.parent)
    finally:
        lock.rename(path)


def _manifest(path: Path) -> None:
    from talkinghead.batch.jobs import _read
    from talkinghead.batch.manifest import read_manifest

    for job in read_manifest(path, path.parent / "out"):
        _ = job.key, os.path.exists(job.source), os.path.exists(job.output)  # noqa: PTH110
        _read(job)


def _journal(path: Path) -> None:
    from talkinghead.batch.journal import Journal

    Journal(path)


def _spoken(path: Path) -> None:
    from talkinghead.tts.language import guess_language
    from talkinghead.tts.sentences import sentences
    from talkinghead.tts.tags import split_tags

    text = _text(path)
    guess_language(text)
    sentences(text)
    split_tags(text)


def _options(path: Path) -> None:
    from talkinghead.core.emotions import parse_emotion
    from talkinghead.core.errors import TalkingHeadError
    from talkinghead.core.settings import OPTIONS, settings_of

    text = _text(path)
    name, _, value = text.partition("=")
    for known, option in OPTIONS.items():
        if name and not known.startswith(name[:1]):
            continue
        try:
            settings_of({known: option.value_of(value)})
        except TalkingHeadError as error:
            assert "\n" not in str(error).strip() or "\n" in value
    parse_emotion(text)


def _messages(path: Path) -> None:
    from talkinghead.core.errors import TalkingHeadError
    from talkinghead.server.protocol import emotion_of, read_message, read_start, text_of

    text = _text(path)
    try:
        read_start(text)
    except TalkingHeadError:
        message = read_message(text)
        for name in ("text", "voice", "language"):
            said = text_of(message, name, 20_000)
            _ = said and said.encode()
        emotion_of(message)


_BOUNDARY = "seam"


def _form(path: Path) -> None:
    """Answered by the server's application itself, in this process."""
    for target in ("/v1/edits", "/v1/videos"):
        _ask(
            "POST",
            target,
            path.read_bytes(),
            [(b"content-type", f"multipart/form-data; boundary={_BOUNDARY}".encode())],
        )


def _head(path: Path) -> None:
    """A request's first line and headers, of what a client's HTTP library lets through."""
    first, *lines = path.read_bytes().split(b"\n")
    pairs = [line.partition(b":") for line in lines]
    headers = [(name.strip().lower(), value.strip()) for name, _, value in pairs if name.strip()]
    method, _, target = first.partition(b" ")
    _ask(method.decode("latin-1") or "GET", target.decode("utf-8", "replace"), b"x", headers)


def _ask(method: str, target: str, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    from talkinghead.server.limits import RefusedError

    path, _, query = target.partition("?")
    scope = {"type": "http", "method": method, "path": path or "/", "raw_path": path.encode(), "query_string": query.encode(),
             "headers": headers, "http_version": "1.1", "scheme": "http", "server": ("127.0.0.1", 80),
             "client": ("127.0.0.1", 9), "root_path": "", "extensions": {}}  # fmt: skip
    said: list[dict[str, Any]] = []

    async def once() -> None:
        waiting = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            return waiting.pop() if waiting else {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            said.append(message)

        await _app()(scope, receive, send)

    asyncio.run(once())
    status = said[0]["status"]
    assert status < 500 or status == 501, f"{status}: {said[1:]}"
    if status >= 400:
        raise RefusedError(status, "refused")


@cache
def _app() -> Any:
    from talkinghead.core.settings import Settings
    from talkinghead.server.app import make_app
    from talkinghead.server.limits import Limits

    state = tempfile.mkdtemp(dir=Path(tempfile.gettempdir()).parent)
    return make_app(Limits(queue=0, workers=0, upload_mb=1), Settings(), Path(state))


@cache
def _forms() -> tuple[bytes, ...]:
    def part(name: str, value: bytes, more: str = "") -> bytes:
        return (
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + value + b"\r\n"
        )

    end = f"--{_BOUNDARY}--\r\n".encode()
    picture = part("picture", seeds.pictures()[0], '; filename="../a.png"')
    file = '; filename="a.wav"'
    return (
        picture + part("smile", b"0.5") + end,
        picture + part("audio", seeds.sounds()[0], file) + part("seed", b"1") + end,
        picture + part("text", b"[happy] Hello.") + part("voice", b"de") + end,
        picture + part("driving", seeds.motions(".npz")[0], '; filename="m.npz"') + end,
    )


_JSON = (
    "NaN",
    "Infinity",
    "1e400",
    "9" * 400,
    '"\\ud800"',
    "[]",
    "{}",
    "null",
    "true",
    "[" * 3000,
    '"\\u0000"',
    "-1",
    '""',
)
_ROW = {"source": "a.png", "audio": "b.wav", "seed": 1, "still": True, "output": "c.mp4", "save-motion": "m.npz"}
_MESSAGES: tuple[dict[str, Any], ...] = (
    {"type": "start", "rate": 16000, "format": "s16le", "video": "jpeg", "fps": 25, "size": 512},
    {"type": "text", "text": "Hello.", "voice": "de", "language": "de"},
    {"type": "emotion", "emotion": "happy", "strength": 0.5},
)
READERS: tuple[Reader, ...] = (
    Reader("picture", "pictures", _picture, seeds.pictures, ".png"),
    Reader("wav-stream", "sound", _wav_stream, seeds.sounds),
    Reader("pipe", "sound", _pipe, seeds.sounds),
    Reader("sound", "sound", _sound, seeds.sounds, ".wav", cost=10),
    Reader("video", "video", _video, seeds.videos, ".bin", cost=25),
    Reader("npz", "motion", _motion, lambda: seeds.motions(".npz"), ".npz", odd=shapes.spoilt_arrays),
    Reader("arkit-csv", "motion", _motion, lambda: seeds.motions(".csv"), ".csv", (*_LINES, "99:99:99:99.9", "00:00:00:00"),
           odd=shapes.spoilt_table),
    Reader("template", "motion", _motion, lambda: seeds.motions(".pkl"), ".pkl", odd=shapes.spoilt_pickle),
    Reader("pickle", "motion", _units, seeds.pickles, ".pkl"),
    Reader("torch", "weights", _weights, seeds.weights, ".pth"),
    Reader("safetensors", "weights", _checkpoint("model.safetensors"),
           lambda: (seeds.tiny_checkpoint()["model.safetensors"],), cost=3),
    Reader("config", "weights", _checkpoint("config.json"), lambda: (seeds.tiny_checkpoint()["config.json"],), "", _JSON, 3,
           odd=lambda: shapes.spoilt_json(json.loads(seeds.tiny_checkpoint()["config.json"]), nested=("encoder",))),
    Reader("onnx", "weights", _checkpoint("model.onnx"), lambda: (seeds.tiny_checkpoint()["model.onnx"],), cost=4),
    Reader("lock", "weights", _lock, seeds.lock, "", _JSON,
           odd=lambda: shapes.spoilt_json(json.loads(seeds.lock()[0]), nested=("files",))),
    Reader("manifest-csv", "texts", _manifest, _texts(
        "source,audio,output,seed,emotion\na.png,b.wav,c.mp4,1,happy\nd.png,e.wav,,2,sad=0.5\n",
        "source,driving,no-audio,driving-box\na.png,b.mp4,yes,\"1,2,3,4\"\n"), ".csv", _LINES),
    Reader("manifest-jsonl", "texts", _manifest, _texts(
        '{"source": "a.png", "audio": "b.wav", "seed": 1, "still": true}\n{"source": "a.png", "text": "Hi.", "voice": "de"}'),
        ".jsonl", _JSON, odd=lambda: shapes.spoilt_json(_ROW)),
    Reader("journal", "texts", _journal, _texts('{"row": 1, "key": "a", "output": "b.mp4", "error": null}\n'), "", _JSON),
    Reader("spoken-text", "texts", _spoken, _texts(
        "[happy] Hello there. [sad=0.5] Dr. Who, 3. Mai; and so on! [neutral] So...", "今日は。[happy] Grüße?\n\n“Da”."), "",
        ("[", "]", " " * 5000, "[a" + " " * 5000, "[happy", "a" * 3000, ". " * 500, "," * 2000, "\n \n", *_LINES)),
    Reader("options", "texts", _options, _texts(
        "fps=30000/1001", "box=1,2,3,4", "emotion=happy=0.5", "background=rgb(1,2,3)", "seed=1", "face=all", "device=cuda:1",
        "happy=0.5"), "", (*_LINES, "1/0", "²", "hsl(", "9" * 5000)),
    Reader("messages", "server", _messages, _texts(
        '{"type": "start", "rate": 16000, "format": "s16le", "video": "jpeg", "fps": 25, "size": 512}',
        '{"type": "text", "text": "Hello.", "voice": "de", "language": "de"}',
        '{"type": "emotion", "emotion": "happy", "strength": 0.5}'), "", _JSON, needs=("fastapi",),
           odd=lambda: st.one_of(*(shapes.spoilt_json(message) for message in _MESSAGES))),
    Reader("http-head", "server", _head, _texts(
        "GET /v1/videos/abc?key=1\nHost: 127.0.0.1\nOrigin: http://127.0.0.1\nContent-Length: 1",
        "POST /v1/avatars\nHost: a\nContent-Type: multipart/form-data; boundary=x\nAuthorization: Bearer a\nRange: bytes=0-1",
        "GET /metrics\nHost: [::1]:80\nOrigin: http://[::1]:80"), "", ("[", "]", "http://[", "²", "9" * 30, "%00", "%", "\xff"),
        needs=("fastapi",)),
    Reader("form", "server", _form, _forms, "", ("\r\n", '"', "\0", "filename=", "; charset=utf-7", "name="), 4,
           ("fastapi", "python_multipart")),
)  # fmt: skip
BY_NAME = {reader.name: reader for reader in READERS}
GROUPS = tuple(dict.fromkeys(reader.group for reader in READERS))
