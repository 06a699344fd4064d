"""Requests that are answered at once, those that are refused, and that nothing of either stays."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.server.conftest import Client, File, running

pytestmark = [pytest.mark.network, pytest.mark.timeout(240)]


def png_of(width: int, height: int) -> bytes:
    """A PNG that says how large it is and holds no more than a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def test_an_avatar_is_made_kept_and_forgotten(server: Client, picture: File) -> None:
    status, made = server.post("/v1/avatars", picture=("../../etc/passwd.png", picture[1]), crop="1", crop_size="256")
    assert status == 201, made
    assert max(made["width"], made["height"]) == 256
    assert 1 < made["frame_ms"] < 1000
    assert "warp" in made["note"]
    status, body, _ = server.ask("GET", f"/v1/avatars/{made['id']}")
    assert (status, json.loads(body)["id"]) == (200, made["id"])
    assert server.ask("DELETE", f"/v1/avatars/{made['id']}")[0] == 204
    assert server.ask("GET", f"/v1/avatars/{made['id']}")[0] == 404
    assert server.ask("DELETE", f"/v1/avatars/{made['id']}")[0] == 404


@pytest.mark.slow
def test_an_avatar_has_a_background_that_is_its_clients_own(server: Client, picture: File) -> None:
    made = server.post("/v1/avatars", picture=picture, background="lime")
    assert made[0] == 201, made
    room = ("room.png", cv2.imencode(".png", np.full((50, 90, 3), (200, 0, 0), np.uint8))[1].tobytes())
    assert server.post("/v1/avatars", picture=picture, background=room)[0] == 201
    for given, message in (
        ("transparent", "JPEG and MP4 keep no transparency"),
        (str(Path(__file__)), "is not a colour"),  # a file of whoever runs the server
        (("room.png", b"no picture"), "background"),
    ):
        status, said = server.post("/v1/avatars", picture=picture, background=given)
        assert status == 422, said
        assert message in said["error"]
        assert str(server.folder) not in said["error"]
    status, cut = server.post("/v1/edits", picture=picture, background="transparent", smile="0.2")
    assert status == 200
    drawn = cv2.imdecode(np.frombuffer(cut, np.uint8), cv2.IMREAD_UNCHANGED)
    assert drawn.shape[2] == 4
    assert drawn[5, -5, 3] == 0
    assert not list(server.folder.glob("talkinghead-*"))


def test_faces_and_edits(server: Client, picture: File) -> None:
    status, found = server.post("/v1/faces", picture=picture)
    assert status == 200
    assert [face["index"] for face in found["faces"]] == [1]
    status, smiling = server.post("/v1/edits", picture=picture, smile="0.8", jawOpen="0.3")
    assert status == 200
    assert smiling[:8] == b"\x89PNG\r\n\x1a\n"
    assert b"Synthetic" in smiling
    before = cv2.imdecode(np.frombuffer(picture[1], np.uint8), cv2.IMREAD_COLOR)
    after = cv2.imdecode(np.frombuffer(smiling, np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(after.astype(int) - before)[140:190, 190:260].mean() > 3
    changed = np.abs(after.astype(int) - before).mean(axis=2)
    assert changed[:40, 300:].mean() < 1
    assert changed[16:36, 16:140].mean() > 30  # the mark that a server draws unless its owner says otherwise


@pytest.mark.parametrize("path", ["/v1/avatars", "/v1/faces", "/v1/edits"])
@pytest.mark.parametrize(
    ("data", "status", "message"),
    [
        (b"", 422, "empty"),
        (b"hello", 422, "is not a picture"),
        (png_of(30_000, 30_000), 422, "too large"),
        (png_of(9_000, 9_000), 413, "81 megapixels, and 40"),
        (png_of(100, 100), 422, "damaged"),
        (b"GIF89a" + bytes(20), 422, ""),
        (b"%PDF-1.4 <html><script>", 422, "is not a picture"),
    ],
)
def test_pictures_that_are_none(server: Client, path: str, data: bytes, status: int, message: str) -> None:
    found, body = server.post(path, picture=("face.png", data))
    assert (found, message in body["error"]) == (status, True), body
    assert "talkinghead-" not in body["error"]


def test_a_picture_without_a_face(server: Client) -> None:
    grey = cv2.imencode(".png", np.full((200, 200, 3), 128, np.uint8))[1].tobytes()
    status, body = server.post("/v1/avatars", picture=("grey.png", grey))
    assert (status, body["error"].startswith("no face was found in the picture:")) == (422, True), body


def test_forms_that_are_none(server: Client, picture: File) -> None:
    assert server.post("/v1/avatars", other="1")[0] == 422
    assert server.post("/v1/avatars", picture="face.png")[0] == 422
    status, body = server.post("/v1/avatars", picture=picture, checkpoints="/etc")
    assert (status, "no option 'checkpoints'" in body["error"]) == (422, True)
    status, body = server.post("/v1/avatars", picture=picture, face="all faces")
    assert status == 422
    status, body = server.post("/v1/edits", picture=picture, smile="wide")
    assert (status, body["error"]) == (422, "smile must be a number, not 'wide'")
    status, body = server.post("/v1/edits", picture=picture, smile="nan")
    assert status == 422
    status, _, _ = server.ask("POST", "/v1/avatars", b"{}", Content_Type="application/json")
    assert status == 415
    assert server.ask("POST", "/v1/avatars", b"--x\r\nrubbish", Content_Type="multipart/form-data; boundary=x")[0] in (
        400,
        422,
    )
    assert server.ask("POST", "/v1/avatars", b"x", Content_Type="multipart/form-data")[0] in (400, 422)
    assert server.ask("GET", "/v1/nothing")[0] == 404
    assert server.ask("PUT", "/v1/avatars")[0] == 405


def test_other_sites_pages_are_not_answered(server: Client) -> None:
    assert server.ask("GET", "/metrics", Origin="https://example.org")[0] == 403
    assert server.ask("GET", "/metrics", Origin=f"http://127.0.0.1:{server.port}")[0] == 200


def test_the_document_describes_what_there_is(server: Client) -> None:
    status, body, _ = server.ask("GET", "/openapi.json")
    assert status == 200
    paths = json.loads(body)["paths"]
    assert {"/v1/avatars", "/v1/avatars/{name}", "/v1/faces", "/v1/edits", "/healthz", "/metrics"} <= paths.keys()
    schema = paths["/v1/avatars"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert schema["required"] == ["picture"]
    assert {"201", "413", "422", "429"} <= paths["/v1/avatars"]["post"]["responses"].keys()


def test_bodies_that_are_too_long_or_too_slow(tmp_path: Path, picture: File) -> None:
    with running(tmp_path / "temporary", "--upload-mb", "1", "--patience-s", "1") as client:
        status, body = client.post("/v1/faces", picture=("a.png", bytes(2 << 20)))
        assert (status, "1 MB" in body["error"]) == (413, True)
        with socket.create_connection(("127.0.0.1", client.port), timeout=30) as slow:
            head = "POST /v1/faces HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
            slow.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
            part = b'--x\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\n\r\n'
            slow.sendall(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            for _ in range(20):
                slow.sendall(b"10000\r\n" + bytes(0x10000) + b"\r\n")
            assert b" 413 " in slow.recv(1000)
        with socket.create_connection(("127.0.0.1", client.port), timeout=30) as slow:
            # A whole request is answered, and the headers of the next one have their own time.
            slow.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = b""
            while not answer.endswith(b"}"):
                answer += slow.recv(1000)
            assert b" 200 " in answer
            begin_s = time.monotonic()
            slow.sendall(b"GET /healthz HTTP/1.1\r\n")
            slow.settimeout(0.2)
            said = b""
            while not said and time.monotonic() < begin_s + 20:
                slow.sendall(b"X-A: b\r\n")
                with contextlib.suppress(TimeoutError):
                    said = slow.recv(1000)
            assert b" 408 " in said
            assert time.monotonic() - begin_s > 0.9
        with socket.create_connection(("127.0.0.1", client.port), timeout=30) as slow:
            slow.sendall(f"{head}Content-Length: 1000\r\n\r\n--x".encode())
            assert b" 408 " in slow.recv(1000)
        assert client.post("/v1/faces", picture=picture)[0] == 200


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--host", "0.0.0.0"), "set TALKINGHEAD_API_KEY to a key"),
        (("--host", "203.0.113.7"), "set TALKINGHEAD_API_KEY to a key"),
        (("--upload-mb", "0"), "not in the range"),
    ],
)
def test_a_server_that_is_not_begun(arguments: tuple[str, ...], message: str) -> None:
    command = [sys.executable, "-m", "talkinghead", "serve", "--port", "0", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (1, 2)
    assert message in " ".join(done.stderr.split())


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        command = [sys.executable, "-m", "talkinghead", "serve", "--port", str(other.getsockname()[1])]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "name another --port" in done.stderr) == (1, True)
