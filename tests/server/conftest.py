"""A real server in a process of its own, and clients of the standard library and of `websockets`."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.programs import Program, started

collect_ignore_glob = [] if find_spec("fastapi") and find_spec("uvicorn") and find_spec("websockets") else ["test_*.py"]
_BOUNDARY = "a-boundary-of-the-tests"
File = tuple[str, bytes]


@dataclass
class Client(Program):
    """What talks to one server."""

    key: str = ""

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes, dict[str, str]]:
        """(status, body, headers) of an answer; underscores in names of headers stand for dashes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.key:
            given["Authorization"] = f"Bearer {self.key}"
        connection.request(method, path, body or None, given)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, data, {name.lower(): value for name, value in answer.getheaders()}

    def post(self, path: str, **fields: str | File) -> tuple[int, Any]:
        """(status, JSON or bytes) of a form; underscores in names stand for dashes."""
        body = b""
        for name, value in fields.items():
            head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name.replace("_", "-")}"'
            if isinstance(value, tuple):
                body += f'{head}; filename="{value[0]}"\r\n\r\n'.encode() + value[1] + b"\r\n"
            else:
                body += f"{head}\r\n\r\n{value}\r\n".encode()
        body += f"--{_BOUNDARY}--\r\n".encode()
        kind = f"multipart/form-data; boundary={_BOUNDARY}"
        status, data, headers = self.ask("POST", path, body, Content_Type=kind)
        return status, json.loads(data) if "json" in headers.get("content-type", "") else data


@contextmanager
def running(folder: Path, *arguments: str, **environment: str) -> Iterator[Client]:
    """A server, until the context ends; its temporary files are to be gone then.

    It takes eight streams at a time unless told otherwise: what it measured while other tests run would be what they
    leave.
    """
    usual = {"--state": str(folder.with_name(f"{folder.name}-state")), "--sessions": "8"}
    options = [word for name, value in usual.items() if name not in arguments for word in (name, value)]
    with started("serve", *options, *arguments, folder=folder, environment=environment) as program:
        yield Client(program.port, program.process, program.folder, environment.get("TALKINGHEAD_API_KEY", ""))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with running(tmp_path_factory.mktemp("server")) as client:
        yield client


@pytest.fixture(scope="module")
def picture() -> File:
    path = Path(__file__).parents[2] / "examples" / "astronaut.png"
    return path.name, path.read_bytes()
