"""The page as an ASGI application, with all that it needs while it is shown."""

from __future__ import annotations

import logging
import socket
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fastapi
import gradio as gr
import uvicorn

from talkinghead.app.desk import Desk
from talkinghead.app.making import Avatars
from talkinghead.app.page import CSS, page, theme
from talkinghead.app.visits import Visits
from talkinghead.core.settings import Settings

_WAITING = 32
Scope = MutableMapping[str, Any]
Exchange = Callable[..., Awaitable[Any]]


class OwnPagesAlone:
    """ASGI middleware: a page of another site must not use what its reader's machine reaches."""

    def __init__(self, app: Callable[[Scope, Exchange, Exchange], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Exchange, send: Exchange) -> None:
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            origin = headers.get(b"origin")
            if origin is not None and urlsplit(origin).netloc != headers.get(b"host"):
                await send({"type": "http.response.start", "status": 403, "headers": []})
                await send({"type": "http.response.body", "body": b"this page answers no pages of other sites"})
                return
        await self._app(scope, receive, send)


class Server(uvicorn.Server):  # type: ignore[misc]  # uvicorn is not there for everybody who checks types
    """What answers. Every open page holds a request: that these are cut off at the end is no error to tell."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        await super().shutdown(sockets)


def server(app: Any) -> Server:
    """What answers for the application."""
    return Server(uvicorn.Config(app, log_level="warning", access_log=False, server_header=False,
                                 timeout_graceful_shutdown=1))  # fmt: skip


@contextmanager
def serving(
    folder: Path, settings: Settings, jobs: int, upload_mb: int, auth: Callable[[str, str], bool] | None
) -> Iterator[Any]:
    """The application; uploads and results lie in `folder`, which the environment variable GRADIO_TEMP_DIR names too.

    At the end what is being made is stopped. `auth` says who may come in.
    """
    avatars = Avatars(settings)
    with Visits(folder, avatars.forget) as visits:
        blocks = page(Desk(settings, folder, avatars, visits, jobs))
        blocks.queue(max_size=_WAITING)
        app = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        app.add_middleware(OwnPagesAlone)
        yield gr.mount_gradio_app(
            app, blocks, path="/", auth=auth, footer_links=[], run_history=False, show_error=True, ssr_mode=False,
            max_file_size=f"{upload_mb}mb", enable_monitoring=False, pwa=False, mcp_server=False, theme=theme(),
            css=CSS,
        )  # fmt: skip
