"""The faces that a server keeps: opened once, shared by any number of streams, forgotten when nobody asks any more."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from talkinghead.avatar import Avatar
from talkinghead.core.settings import Settings
from talkinghead.server.drawing import measure_drawing
from talkinghead.server.limits import Limits, RefusedError


@dataclass
class KeptAvatar:
    """An avatar with its `id`; `frame_s` is what drawing a frame of it takes of one core; `note` tells people of it."""

    id: str
    avatar: Avatar
    size_px: tuple[int, int]
    frame_s: float
    note: str = ""
    users: int = 0
    used_s: float = field(default_factory=time.monotonic)


class AvatarStore:
    """Avatars by id. Safe to use from several threads."""

    def __init__(self, limits: Limits, settings: Settings) -> None:
        self._limits, self._settings = limits, settings
        self._kept: dict[str, KeptAvatar] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def settings(self) -> Settings:
        """What an avatar is opened with where a request says nothing else."""
        return self._settings

    def add(self, picture: Path, settings: Settings) -> KeptAvatar:
        """Open a picture and keep it.

        Raises:
            TalkingHeadError: there is no such face, or no such picture.
            RefusedError: there are as many as may be, all of them in use.
        """
        self._make_room()
        avatar = Avatar(picture, motion_model="embedded", settings=settings)
        drawn = measure_drawing(avatar)
        kept = KeptAvatar(
            secrets.token_urlsafe(12),
            avatar,
            drawn.size_px,
            drawn.frame_s,
            avatar.note.replace(picture.name, "the picture"),
        )
        with self._lock:
            self._kept[kept.id] = kept
        return kept

    def get(self, name: str) -> KeptAvatar:
        """The avatar of this id, whose time starts anew.

        Raises:
            RefusedError: there is none, or no more.
        """
        self._forget_old()
        with self._lock:
            kept = self._kept.get(name)
            if kept is None:
                raise RefusedError(404, "there is no such avatar: it was not made here, or has not been used for long")
            kept.used_s = time.monotonic()
            return kept

    def remove(self, name: str) -> None:
        """Forget it; streams that have it go on.

        Raises:
            RefusedError: there is none.
        """
        self.get(name)
        with self._lock:
            self._kept.pop(name, None)

    def _forget_old(self) -> None:
        now = time.monotonic()
        with self._lock:
            old = [name for name, kept in self._kept.items()
                   if not kept.users and now - kept.used_s > self._limits.avatar_s]  # fmt: skip
            for name in old:
                del self._kept[name]

    def _make_room(self) -> None:
        self._forget_old()
        with self._lock:
            if len(self._kept) < self._limits.avatars:
                return
            idle = [kept for kept in self._kept.values() if not kept.users]
            if not idle:
                raise RefusedError(429, "this server keeps no more avatars: all of them are in use", 30)
            del self._kept[min(idle, key=lambda kept: kept.used_s).id]
