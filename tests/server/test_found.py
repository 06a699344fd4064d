"""What fuzzing and mistreatment have found in the server."""

from __future__ import annotations

import io
import json
import sqlite3
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from talkinghead.core.errors import InputError, OutputError
from talkinghead.server.jobs import Jobs
from talkinghead.server.limits import Limits
from talkinghead.server.protocol import emotion_of, read_message, read_start, text_of
from tests.server.conftest import Client, File

pytestmark = [pytest.mark.network, pytest.mark.timeout(240)]


def test_an_origin_that_is_no_address(server: Client) -> None:
    assert server.ask("GET", "/healthz", Origin="http://[")[0] == 403


def test_a_form_that_is_none_is_refused_as_the_document_says(server: Client) -> None:
    body = b"--x\r\n[]--x--\r\n"
    status, said, _ = server.ask("POST", "/v1/faces", body, Content_Type="multipart/form-data; boundary=x")
    assert (status, "error" in json.loads(said)) == (400, True)


@pytest.mark.parametrize("changed", [{"format": []}, {"format": {}}, {"video": []}, {"fps": "1/0"}, {"rate": 10**400}])
def test_a_first_message_of_other_types(changed: dict[str, object]) -> None:
    with pytest.raises(InputError):
        read_start(json.dumps({"type": "start", **changed}))


def test_messages_of_half_a_character_and_of_endless_strength() -> None:
    for said in ('"\\ud800"', '"a\\u0000"'):
        with pytest.raises(InputError, match="half a character"):
            text_of(read_message(f'{{"type": "text", "text": {said}}}'), "text", 100)
    with pytest.raises(InputError, match="strength must lie between 0 and 1"):
        emotion_of({"type": "emotion", "emotion": "happy", "strength": 10**400})


def test_a_folder_of_jobs_has_one_server(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "state", Limits(workers=0))
    with pytest.raises(OutputError, match="another server uses"):
        Jobs(tmp_path / "state", Limits(workers=0))
    jobs.close()
    Jobs(tmp_path / "state", Limits(workers=0)).close()


def test_what_a_killed_server_left_is_put_right(tmp_path: Path) -> None:
    state = tmp_path / "state"
    Jobs(state, Limits(workers=0)).close()
    with sqlite3.connect(state / "journal.sqlite") as journal:
        for name, attempts in (("done", 2), ("half", 1)):
            journal.execute(
                "INSERT INTO jobs (id, state, attempts, created_s, changed_s, request) VALUES (?, 'in_progress', "
                "?, 0, 1e12, '{}')",
                (name, attempts),
            )
    journal.close()
    for name in ("done", "half", "of-nobody"):
        (state / name).mkdir()
        (state / name / "picture.png").write_bytes(b"x")
    (state / "done" / "out.mp4").write_bytes(b"a video")
    jobs = Jobs(state, Limits(workers=0))
    assert [jobs.get(name).state for name in ("done", "half")] == ["completed", "queued"]
    assert sorted(str(path.relative_to(state)) for path in state.glob("*/*")) == ["done/out.mp4", "half/picture.png"]
    jobs.close()


def _bomb() -> bytes:
    """A PNG whose few kilobytes unpack to 30 megapixels, and then go on."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 6000, 5000, 8, 2, 0, 0, 0)
    packed = zlib.compress(bytes(100_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def _large_jpeg() -> bytes:
    """A JPEG that says it has 100 megapixels."""
    data = bytearray(cv2.imencode(".jpg", np.full((64, 64, 3), 128, np.uint8))[1].tobytes())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", 10_000, 10_000)
    return bytes(data)


def _hours(number: int) -> bytes:
    """Silence for so many hours, as FLAC."""
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", 8000, 1, "PCM_16", format="FLAC") as out:
        for _ in range(number):
            out.write(np.zeros(3600 * 8000, np.int16))
    return file.getvalue()


def test_hostile_pictures(server: Client, picture: File) -> None:
    for data, statuses, message in (
        (_bomb(), (422,), "face"),  # it is grey, and took no more memory than its pixels
        (_large_jpeg(), (413,), "100 megapixels, and 40 are allowed"),
        (b"%PDF-1.4\n1 0 obj<<>>endobj\n" + _large_jpeg(), (422,), "picture"),
        (b"GIF89a/*" + picture[1], (422,), ""),
        (b"PK\x03\x04" + picture[1], (422,), "picture"),
        (b"#!/bin/sh\nrm -rf /\n", (422,), "picture"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:1\nfile:///etc/passwd\n", (422,), ""),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", (422,), ""),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://127.0.0.1:1/"/></svg>', (422,), "picture"),
    ):
        for name in ("../../../../etc/cron.d/x.png", "a\0b.png", "C:\\x.jpg", "x" * 3000 + ".png", "-o", ""):
            status, said = server.post("/v1/faces", picture=(name, data))
            assert status in statuses, (name, data[:20], said)
            assert message in said["error"]
            if len(data) > 10_000:
                break
    assert not Path("/etc/cron.d/x.png").exists()


def test_sound_that_lasts_for_hours(server: Client, picture: File) -> None:
    status, said = server.post("/v1/videos", picture=picture, audio=("long.flac", _hours(2)))
    assert (status, "7200 s, and 3600 s are allowed" in said["error"]) == (413, True)
    for name in ("audio", "driving"):
        for playlist in (
            b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/x.mp4\n",
            b"ffconcat version 1.0\nfile a.mp4\n",
        ):
            status, said = server.post("/v1/videos", picture=picture, **{name: ("a.mp4", playlist)})
            assert (status, "perhaps a playlist" in said["error"]) == (422, True)
    status, said = server.post("/v1/videos", picture=picture, audio=("a.wav", b"RIFF\xff\xff\xff\xffWAVEfmt "))
    assert status == 422, said


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/mixed",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "a" * 500,
        "image/png",
    ],
)
@pytest.mark.parametrize("path", ["/v1/videos", "/v1/avatars", "/v1/edits"])
def test_bodies_of_other_kinds(server: Client, kind: str, path: str) -> None:
    assert server.ask("POST", path, b'{"picture": "http://127.0.0.1:1/"}', Content_Type=kind)[0] in (400, 415, 422)


def test_the_document_against_the_server(server: Client) -> None:
    schemathesis = pytest.importorskip("schemathesis")
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{server.port}/openapi.json")
    tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path.endswith("/sync"):
            continue
        for case in examples_of(operation.as_strategy(), 8):
            answer = case.call(base_url=f"http://127.0.0.1:{server.port}")
            assert answer.status_code < 500, (operation.label, answer.text)
            tried += 1
    assert tried > 50


def examples_of(strategy: st.SearchStrategy[Any], number: int) -> list[Any]:
    """The same every time."""
    found: list[Any] = []

    def keep(case: Any) -> None:
        found.append(case)

    run = given(strategy)(keep)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        settings(
            max_examples=number,
            database=None,
            deadline=None,
            derandomize=True,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        )(run)()
    return found
