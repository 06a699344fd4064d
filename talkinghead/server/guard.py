"""What every request passes first: the key, the page that it comes from, and bounds on its body's length and pace."""

from __future__ import annotations

import asyncio
import hmac
import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from talkinghead.core.addresses import KEY
from talkinghead.server.limits import MEGABYTE, Limits, RefusedError
from talkinghead.server.own_page import PATH

# What a health check and the page, which asks for the key, need none for.
_OPEN = ("/healthz", "/")
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Guard:
    """ASGI middleware. The key is what the environment variable TALKINGHEAD_API_KEY holds; without one, all may ask."""

    def __init__(self, app: Any, limits: Limits) -> None:
        self._app, self._limits = app, limits
        self._key = os.environ.get(KEY, "")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
            self._check(scope, headers)
            heard = receive if scope["type"] == "websocket" else self._bounded(receive, headers)
            await self._app(scope, heard, watched)
        except RefusedError as refused:
            if started:
                raise
            await _refuse(scope, send, refused)

    def _check(self, scope: Scope, headers: dict[str, str]) -> None:
        origin = headers.get("origin")
        # A page of another site must not use a server that its reader's machine reaches.
        if origin is not None and _place(origin) != headers.get("host"):
            raise RefusedError(403, "this server answers no pages of other sites")
        if self._key and not _is_open(scope["path"]):
            query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
            given = headers.get("authorization", "").removeprefix("Bearer ") or headers.get("x-api-key", "")
            given = given or (query.get("key", [""])[0] if scope["type"] == "websocket" else "")
            if not hmac.compare_digest(given.encode(), self._key.encode()):
                raise RefusedError(401, "this server wants a key: Authorization: Bearer KEY")

    def _bounded(self, receive: Receive, headers: dict[str, str]) -> Receive:
        most, read = self._limits.upload_mb * MEGABYTE, 0
        too_large = RefusedError(413, f"a request may have {self._limits.upload_mb} MB")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > most:
            raise too_large

        async def bounded() -> MutableMapping[str, Any]:
            nonlocal read
            ended = read < 0
            try:
                # Once the body is there, the next thing that comes is the client's going.
                message = await asyncio.wait_for(receive(), None if ended else self._limits.patience_s)
            except TimeoutError:
                raise RefusedError(408, f"nothing came for {self._limits.patience_s} s") from None
            if message["type"] == "http.request" and not ended:
                read += len(message.get("body", b""))
                if read > most:
                    raise too_large
                if not message.get("more_body", False):
                    read = -1
            return message

        return bounded


def _is_open(path: str) -> bool:
    return path in _OPEN or path.startswith(PATH)


def _place(origin: str) -> str | None:
    """Host and port of a page's origin; None where it is no address."""
    try:
        return urlsplit(origin).netloc
    except ValueError:  # http://[
        return None


async def _refuse(scope: Scope, send: Send, refused: RefusedError) -> None:
    body = json.dumps({"error": refused.message}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if refused.retry_after_s is not None:
        headers.append((b"retry-after", str(refused.retry_after_s).encode()))
    if refused.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if refused.status in (408, 413):
        headers.append((b"connection", b"close"))
    kind = "http" if scope["type"] == "http" else "websocket.http"
    if kind == "websocket.http" and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": refused.message[:100]})
        return
    await send({"type": f"{kind}.response.start", "status": refused.status, "headers": headers})
    await send({"type": f"{kind}.response.body", "body": body})
