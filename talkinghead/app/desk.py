"""What the page's functions share: the avatars, who has the page open, and how an error is told there."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr

from talkinghead.app.making import Avatars, Look, Made, StoppedError, write
from talkinghead.app.saying import on_page
from talkinghead.app.visits import Visits
from talkinghead.avatar import Avatar
from talkinghead.clip import Clip
from talkinghead.core.errors import InputError, TalkingHeadError
from talkinghead.core.settings import Settings

Function = TypeVar("Function", bound=Callable[..., Any])
# What waits for its turn together: videos, and the quick rest.
MAKES, LOOKS = "makes", "looks"
_OPENED = 0.05


@dataclass(frozen=True)
class Desk:
    """`base`: the program's own settings; `folder`: where uploads and results lie; `jobs`: videos made at a time."""

    base: Settings
    folder: Path
    avatars: Avatars
    visits: Visits
    jobs: int

    def told(self, function: Function) -> Function:
        """`function`, whose errors of the tree become one line on the page."""

        @functools.wraps(function)
        def answer(*values: Any, **named: Any) -> Any:
            try:
                return function(*values, **named)
            except TalkingHeadError as error:
                raise gr.Error(self._readable(str(error)), duration=None, print_exception=False) from None
            except MemoryError:
                raise gr.Error("not enough memory: try a smaller picture", print_exception=False) from None

        return answer  # type: ignore[return-value]

    def make(
        self,
        request: gr.Request,
        progress: gr.Progress,
        name: str,
        picture: str | None,
        look: Look,
        open_clip: Callable[[Avatar], Clip],
        *uploads: Path | None,
    ) -> Made | None:
        """A video of a picture, with its stages told; None where it was stopped."""
        who = visitor_name(request)
        with self.visits.job(who) as stopped:
            path = self.picture(who, picture)
            self.visits.uses(who, *uploads)
            progress(0.0, desc="Opening the picture")
            avatar = self.avatars.get(path, look)
            progress(_OPENED, desc="Listening and looking")
            try:
                clip = open_clip(avatar)
                made = write(clip, self.visits.result(who, "video"), name + look.suffix, _teller(progress), stopped)
            except StoppedError:
                return None
            self.visits.keep_motion(who, made.motion)
            return made

    def picture(self, who: str, picture: str | None) -> Path:
        """The uploaded picture.

        Raises:
            InputError: there is none.
        """
        if picture is None:
            raise InputError("choose a picture first")
        path = Path(picture).resolve()
        self.visits.uses(who, path)
        return path

    def _readable(self, said: str) -> str:
        """A message in the page's words, with the names of uploads instead of where they lie here."""
        return re.sub(re.escape(str(self.folder)) + r"/(?:[\w-]+/)*", "", on_page(" ".join(said.split())))


def visitor_name(request: gr.Request) -> str:
    """What tells one open page from another."""
    return str(request.session_hash or "a program")


def _teller(progress: gr.Progress) -> Callable[[str, int, int | None], None]:
    """What shows stages and frames on the page."""

    def tell(stage: str, done: int, total: int | None) -> None:
        if total:
            progress(_OPENED + (1 - _OPENED) * done / total, desc=f"{stage}: {done} of {total} frames")
        else:
            progress(None, desc=f"{stage}: {done} frames")

    return tell
