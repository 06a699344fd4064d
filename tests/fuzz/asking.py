"""Requests with damage in them, answered by the server's application itself, in this process."""

from __future__ import annotations

import asyncio
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

BOUNDARY = "seam"


def read_form(path: Path) -> None:
    """Answered by the server's application itself, in this process."""
    for target in ("/v1/edits", "/v1/videos"):
        _ask(
            "POST",
            target,
            path.read_bytes(),
            [(b"content-type", f"multipart/form-data; boundary={BOUNDARY}".encode())],
        )


def read_head(path: Path) -> None:
    """A request's first line and headers, of what a client's HTTP library lets through."""
    first, *lines = path.read_bytes().split(b"\n")
    pairs = [line.partition(b":") for line in lines]
    headers = [(name.strip().lower(), value.strip()) for name, _, value in pairs if name.strip()]
    method, _, target = first.partition(b" ")
    _ask(method.decode("latin-1") or "GET", target.decode("utf-8", "replace"), b"x", headers)


def _ask(method: str, target: str, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    from talkinghead.server.limits import RefusedError

    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": path or "/",
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": headers,
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 9),
        "root_path": "",
        "extensions": {},
    }
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
