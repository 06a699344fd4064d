"""The table of readers, each with the small sound files from which damage is made."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from hypothesis import strategies as st

from tests.fuzz import asking, readers, seeds, shapes


def _texts(*texts: str) -> Callable[[], tuple[bytes, ...]]:
    return lambda: tuple(text.encode() for text in texts)


@cache
def _forms() -> tuple[bytes, ...]:
    def part(name: str, value: bytes, more: str = "") -> bytes:
        return (
            f'--{asking.BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode()
            + value
            + b"\r\n"
        )

    end = f"--{asking.BOUNDARY}--\r\n".encode()
    picture = part("picture", seeds.pictures()[0], '; filename="../a.png"')
    file = '; filename="a.wav"'
    return (
        picture + part("smile", b"0.5") + end,
        picture + part("audio", seeds.sounds()[0], file) + part("seed", b"1") + end,
        picture + part("text", b"[happy] Hello.") + part("voice", b"de") + end,
        picture + part("driving", seeds.motions(".npz")[0], '; filename="m.npz"') + end,
    )


_LINES = ("nan", "inf", "-1", "1e400", "1_0", "99999999999999999999", '"', "\\ud800", "\0", "[" * 3000, "٣", "\r", "�")
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
READERS: tuple[readers.Reader, ...] = (
    readers.Reader("picture", "pictures", readers.read_picture, seeds.pictures, ".png"),
    readers.Reader(
        "marks",
        "pictures",
        readers.read_marks,
        seeds.marked,
        "",
        (
            "uuid",
            "moov",
            "XMP_",
            "XMP DataXMP",
            "XML:com.adobe.xmp\0\1",
            "DigitalSourceType=",
            "CreatorTool>",
            "\xff\xe1",
        ),
    ),
    readers.Reader("wav-stream", "sound", readers.read_wav_stream, seeds.sounds),
    readers.Reader("pipe", "sound", readers.read_pipe, seeds.sounds),
    readers.Reader("sound", "sound", readers.read_sound, seeds.sounds, ".wav", cost=10),
    readers.Reader("video", "video", readers.read_video, seeds.videos, ".bin", cost=25),
    readers.Reader(
        "npz", "motion", readers.read_motion, lambda: seeds.motions(".npz"), ".npz", odd=shapes.spoilt_arrays
    ),
    readers.Reader(
        "arkit-csv",
        "motion",
        readers.read_motion,
        lambda: seeds.motions(".csv"),
        ".csv",
        (*_LINES, "99:99:99:99.9", "00:00:00:00"),
        odd=shapes.spoilt_table,
    ),
    readers.Reader(
        "template", "motion", readers.read_motion, lambda: seeds.motions(".pkl"), ".pkl", odd=shapes.spoilt_pickle
    ),
    readers.Reader("pickle", "motion", readers.read_units, seeds.pickles, ".pkl"),
    readers.Reader("torch", "weights", readers.read_weights, seeds.weights, ".pth"),
    readers.Reader(
        "safetensors",
        "weights",
        readers.read_checkpoint("model.safetensors"),
        lambda: (seeds.tiny_checkpoint()["model.safetensors"],),
        cost=3,
    ),
    readers.Reader(
        "config",
        "weights",
        readers.read_checkpoint("config.json"),
        lambda: (seeds.tiny_checkpoint()["config.json"],),
        "",
        _JSON,
        3,
        odd=lambda: shapes.spoilt_json(json.loads(seeds.tiny_checkpoint()["config.json"]), nested=("encoder",)),
    ),
    readers.Reader(
        "onnx",
        "weights",
        readers.read_checkpoint("model.onnx"),
        lambda: (seeds.tiny_checkpoint()["model.onnx"],),
        cost=4,
    ),
    readers.Reader(
        "lock",
        "weights",
        readers.read_lock,
        seeds.lock,
        "",
        _JSON,
        odd=lambda: shapes.spoilt_json(json.loads(seeds.lock()[0]), nested=("files",)),
    ),
    readers.Reader(
        "manifest-csv",
        "texts",
        readers.read_manifest,
        _texts(
            "source,audio,output,seed,emotion\na.png,b.wav,c.mp4,1,happy\nd.png,e.wav,,2,sad=0.5\n",
            'source,driving,no-audio,driving-box\na.png,b.mp4,yes,"1,2,3,4"\n',
        ),
        ".csv",
        _LINES,
    ),
    readers.Reader(
        "manifest-jsonl",
        "texts",
        readers.read_manifest,
        _texts('{"source": "a.png", "audio": "b.wav", "seed": 1, "still": true}\n{"source": "a.png", "text": "Hi"}'),
        ".jsonl",
        _JSON,
        odd=lambda: shapes.spoilt_json(_ROW),
    ),
    readers.Reader(
        "journal",
        "texts",
        readers.read_journal,
        _texts('{"row": 1, "key": "a", "output": "b.mp4", "error": null}\n'),
        "",
        _JSON,
        odd=lambda: shapes.spoilt_json({"key": "a", "output": "b.mp4", "error": None}),
    ),
    readers.Reader(
        "spoken-text",
        "texts",
        readers.read_spoken,
        _texts(
            "[happy] Hello there. [sad=0.5] Dr. Who, 3. Mai; and so on! [neutral] So...",
            "今日は。[happy] Grüße?\n\n“Da”.",
        ),
        "",
        ("[", "]", " " * 5000, "[a" + " " * 5000, "[happy", "a" * 3000, ". " * 500, "," * 2000, "\n \n", *_LINES),
    ),
    readers.Reader(
        "options",
        "texts",
        readers.read_options,
        _texts(
            "fps=30000/1001",
            "box=1,2,3,4",
            "emotion=happy=0.5",
            "background=rgb(1,2,3)",
            "seed=1",
            "face=all",
            "device=cuda:1",
            "happy=0.5",
        ),
        "",
        (*_LINES, "1/0", "²", "hsl(", "9" * 5000),
    ),
    readers.Reader(
        "messages",
        "server",
        readers.read_messages,
        _texts(
            '{"type": "start", "rate": 16000, "format": "s16le", "video": "jpeg", "fps": 25, "size": 512}',
            '{"type": "text", "text": "Hello.", "voice": "de", "language": "de"}',
            '{"type": "emotion", "emotion": "happy", "strength": 0.5}',
        ),
        "",
        _JSON,
        needs=("fastapi",),
        odd=lambda: st.one_of(*(shapes.spoilt_json(message) for message in _MESSAGES)),
    ),
    readers.Reader(
        "http-head",
        "server",
        asking.read_head,
        _texts(
            "GET /v1/videos/abc?key=1\nHost: 127.0.0.1\nOrigin: http://127.0.0.1\nContent-Length: 1",
            "POST /v1/avatars\nHost: a\nContent-Type: multipart/form-data; boundary=x\nRange: bytes=0-1",
            "GET /metrics\nHost: [::1]:80\nOrigin: http://[::1]:80",
        ),
        "",
        ("[", "]", "http://[", "²", "9" * 30, "%00", "%", "\xff"),
        needs=("fastapi",),
    ),
    readers.Reader(
        "form",
        "server",
        asking.read_form,
        _forms,
        "",
        ("\r\n", '"', "\0", "filename=", "; charset=utf-7", "name="),
        4,
        ("fastapi", "python_multipart"),
    ),
)
BY_NAME = {reader.name: reader for reader in READERS}
GROUPS = tuple(dict.fromkeys(reader.group for reader in READERS))
