"""What the page asks of the Python API: videos, avatars, faces."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from talkinghead.app.saying import on_page
from talkinghead.avatar import Avatar
from talkinghead.calls import editor
from talkinghead.clip import Clip
from talkinghead.core.background import is_transparent
from talkinghead.core.emotions import NEUTRAL, Emotion, parse_emotion
from talkinghead.core.errors import InputError
from talkinghead.core.settings import Framing, Gains, Settings
from talkinghead.core.types import Pixels
from talkinghead.faces.listing import ListedFace, labelled, list_faces
from talkinghead.media.sources import first_picture, open_source

_KEPT = 4

# Told of a stage, or of frames: (what is done, frames done, frames in all or None).
Tell = Callable[[str, int, int | None], None]


class StoppedError(Exception):
    """Whoever asked for it has stopped it."""


@dataclass(frozen=True)
class Look:
    """What the page asks of every drawing: which `face` (1 is the largest), its `framing`, the
    `background` (None: its own), pixels of the longer side."""

    face: int = 1
    framing: Framing = "picture"
    background: str | None = None
    max_side: int = 512

    @property
    def suffix(self) -> str:
        """Of a video that keeps what is shown: MP4, or WebM, which keeps that there is nothing behind."""
        return ".webm" if is_transparent(self.background) else ".mp4"

    def settings(self, base: Settings) -> Settings:
        """The program's own settings with these instead."""
        return replace(base, face=self.face, framing=self.framing, background=self.background, max_side=self.max_side)


@dataclass(frozen=True)
class Manner:
    """How a face moves: what it feels, how much of each kind of motion, and whether the head keeps still."""

    emotion: str = NEUTRAL
    strength: float = 1.0
    gains: Gains = field(default_factory=Gains)
    still: bool = False

    @property
    def felt(self) -> Emotion | str:
        """As the API wants it: "neutral" is none, whatever the avatar's own."""
        return parse_emotion(self.emotion, self.strength) or NEUTRAL


@dataclass(frozen=True)
class Made:
    """A finished `video`, the `motion` that moved it, and a `note` for people."""

    video: Path
    motion: Path
    note: str


class Avatars:
    """The last few avatars, so that a picture is opened and its face found once."""

    def __init__(self, base: Settings) -> None:
        self._base = base
        self._kept: dict[tuple[Path, Settings, bool], Avatar] = {}
        self._lock = threading.Lock()

    def get(self, picture: Path, look: Look, *, one_picture: bool = False) -> Avatar:
        """The avatar of a picture; `one_picture`: for edits (`calls.editor`).

        Raises:
            TalkingHeadError: it cannot be used.
        """
        settings = look.settings(self._base)
        key = (picture, settings, one_picture)
        with self._lock:
            found = self._kept.pop(key, None)
            if found is None:
                found = editor(picture, settings) if one_picture else Avatar(picture, settings=settings)
            self._kept[key] = found
            while len(self._kept) > _KEPT:
                self._kept.pop(next(iter(self._kept)))
        return found

    def forget(self, picture: Path) -> None:
        """Let go of every avatar of a picture that is gone."""
        with self._lock:
            for key in [key for key in self._kept if key[0] == picture]:
                del self._kept[key]


def speak(avatar: Avatar, audio: Path | None, text: str | None, voice: str | None, manner: Manner) -> Clip:
    """A clip of the avatar speaking `audio` or, where there is none, `text`.

    Raises:
        TalkingHeadError: there is neither, or an input cannot be used.
    """
    words = (text or "").strip()
    if audio is None and not words:
        raise InputError("give a recording, or write a text to speak")
    if audio is not None and words:
        raise InputError("there is a recording and a text: remove one of them")
    return avatar.speak(audio, text=None if audio else words, voice=None if audio else voice or None,
                        gains=manner.gains, emotion=manner.felt, still=manner.still)  # fmt: skip


def animate(avatar: Avatar, driving: Path | None, silent: bool, manner: Manner) -> Clip:
    """A clip of the avatar moved by a video or a motion file.

    Raises:
        TalkingHeadError: there is none, or an input cannot be used.
    """
    if driving is None:
        raise InputError("give a video of a moving face, or a motion file")
    return avatar.animate(driving, silent=silent, gains=manner.gains, emotion=manner.felt, still=manner.still)


def write(clip: Clip, folder: Path, name: str, tell: Tell, stopped: threading.Event) -> Made:
    """Draw a clip into `folder`, with its motion; `name` is the video's, with its suffix.

    Raises:
        StoppedError: `stopped` was set; nothing is left.
        TalkingHeadError: an input cannot be used.
    """

    def each(done: int) -> None:
        if stopped.is_set():
            raise StoppedError
        tell("Drawing", done, clip.frames)

    if stopped.is_set():
        raise StoppedError
    video, motion = folder / name, (folder / name).with_suffix(".npz")
    clip.save(video, progress=each, motion_to=motion)
    return Made(video, motion, on_page(clip.note))


def faces(picture: Path) -> tuple[Pixels, list[ListedFace], list[tuple[float, float, float, float]]]:
    """(the picture with its faces' boxes and numbers, the faces, their boxes in that picture's pixels).

    Raises:
        TalkingHeadError: it is no picture, or shows no face.
    """
    image = first_picture(open_source(picture))
    found = list_faces(image)
    scale = image.size_px[0] / (image.full_size_px or image.size_px)[0]
    boxes = [tuple(scale * value for value in listed.face.box) for listed in found]
    return labelled(image, found), found, cast("list[tuple[float, float, float, float]]", boxes)


def face_at(boxes: list[tuple[float, float, float, float]], x: float, y: float) -> int:
    """The number, from 1, of the face that a point lies in, else of the one whose middle is nearest."""

    def distance(box: tuple[float, float, float, float]) -> tuple[bool, float]:
        left, top, width, height = box
        inside = left <= x <= left + width and top <= y <= top + height
        away = (left + width / 2 - x) ** 2 + (top + height / 2 - y) ** 2
        return not inside, away

    return min(range(len(boxes)), key=lambda number: distance(boxes[number])) + 1
