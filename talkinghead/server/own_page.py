"""The server's own page at `/`: plain files of this package. They hold nothing that is anybody's, and need no key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse, Response

from talkinghead.server.limits import RefusedError

FOLDER = Path(__file__).with_name("page")
PATH = "/page/"
_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".jpg": "image/jpeg"}
# Whatever a text or a name could smuggle into the page, nothing of another site is loaded, run or told.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def add_page(app: FastAPI) -> None:
    """Answer at `/`, and with what the page needs below `/page/`."""
    app.add_api_route("/", _index, methods=["GET"], include_in_schema=False)
    app.add_api_route(PATH + "{name}", _file, methods=["GET"], include_in_schema=False)


async def _index() -> Response:
    return _answer(FOLDER / "index.html", "text/html")


async def _file(name: str) -> Response:
    path = FOLDER / name
    kind = _KINDS.get(path.suffix)
    if kind is None or name not in {file.name for file in FOLDER.iterdir()}:
        raise RefusedError(404, "there is no such file")
    return _answer(path, kind)


def _answer(path: Path, kind: str) -> Any:
    return FileResponse(path, media_type=kind, headers=_HEADERS)
