"""A hub of our own on this machine."""

from __future__ import annotations

import hashlib
import random
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """Answers HEAD and GET of REPOSITORY/resolve/REVISION/PATH as the real one does: a redirect to a content store,
    with the linked file's size and hash in the headers, and byte ranges.

    `files` maps "repository/path" to bytes. `cut_after`: bytes after which a body breaks off, once. `slow`: seconds
    between blocks. `ranged`: whether byte ranges are known. `log` holds (method, path, range) of every request.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.log: list[tuple[str, str, str | None]] = []
        self.cut_after: int | None = None
        self.slow = 0.0
        self.status: int | None = None
        self.ranged = True
        self.small: set[str] = set()  # paths that git itself holds
        self.lie: dict[str, bytes] = {}  # path -> what the content store serves in place of the file

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def store(self) -> str:
        """Under another host's name, as the real hub's is: a client must not take it for the hub itself."""
        return f"http://localhost:{self.server_address[1]}/store"

    def ranges(self, path: str) -> list[str | None]:
        return [asked for method, place, asked in self.log if method == "GET" and place == f"/store/{path}"]


class Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        hub = self.server
        hub.log.append((self.command, self.path, self.headers.get("Range")))
        if hub.status:
            self._head(hub.status, {"Content-Length": "0"})
        elif self.path.startswith("/store/"):
            self._serve(self.path.removeprefix("/store/"))
        else:
            self._resolve()

    def _resolve(self) -> None:
        repository, _, rest = self.path.strip("/").partition("/resolve/")
        path = f"{repository}/{rest.partition('/')[2]}"
        content = self.server.files.get(path)
        if content is None:
            self._head(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT, "Content-Length": "0"})
        elif path in self.server.small:
            etag = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            self._head(200, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT, "Content-Length": str(len(content))})
            if self.command == "GET":
                self.wfile.write(content)
        else:
            etag = hashlib.sha256(content).hexdigest()
            self._head(302, {"Location": f"{self.server.store}/{path}", "X-Linked-Etag": f'"{etag}"',
                             "X-Linked-Size": str(len(content)), "X-Repo-Commit": COMMIT, "ETag": '"pointer"',
                             "Content-Length": "0"})  # fmt: skip

    def _serve(self, path: str) -> None:
        content = self.server.lie.get(path, self.server.files[path])
        asked = self.headers.get("Range") if self.server.ranged else None
        first = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
        body = content[first:]
        headers = {"Content-Length": str(len(body)), "Accept-Ranges": "bytes", "ETag": '"x"'}
        if asked:
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        self._head(206 if asked else 200, headers)
        if self.command == "HEAD":
            return
        cut, self.server.cut_after = self.server.cut_after, None
        for start in range(0, len(body), 4096):
            if cut is not None and start >= cut:
                self.close_connection = True
                return
            try:
                self.wfile.write(body[start : start + 4096])
            except OSError:
                return
            time.sleep(self.server.slow)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


def random_bytes(count: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(count)


CONTENT = {"one": random_bytes(100_000, 1), "two": random_bytes(3_000, 2), "extra": random_bytes(500, 3)}
