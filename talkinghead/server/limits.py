"""What one server gives to its clients, and the refusal of more."""

from __future__ import annotations

from dataclasses import dataclass

MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Bounds of one server; every one of them is an option of `talkinghead serve`.

    - `upload_mb`: of one request; `picture_mp`: megapixels of a picture; `sound_s`: of a recording; `text_chars`: of a
      text; `avatars`: kept at a time, each for `avatar_s` after its last use;
    - `sessions`: streams at a time, 0 for as many as this machine draws in time (`Capacity`);
    - `queue`: jobs that wait; `workers`: jobs that run at a time; `result_s`: how long a finished one is kept;
    - `waiting_s`: sound that a stream may hold which is not yet drawn; `patience_s`: how long
      a client may keep the server waiting for a message, or for taking one.
    """

    upload_mb: int = 64
    picture_mp: int = 40
    sound_s: int = 3600
    text_chars: int = 20_000
    avatars: int = 16
    avatar_s: int = 3600
    sessions: int = 0
    queue: int = 100
    workers: int = 1
    result_s: int = 86_400
    waiting_s: int = 120
    patience_s: int = 30


class RefusedError(Exception):
    """A request that is refused: the HTTP `status`, a `message` for people, and when to try again, if ever."""

    def __init__(self, status: int, message: str, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.retry_after_s = status, message, retry_after_s
