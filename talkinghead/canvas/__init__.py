"""What is drawn upon: a still picture, one upon another background, a video, several faces in one of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from talkinghead.core.types import DrawnCrop, Pixels, Portrait, TrackReport


class Canvas(Protocol):
    """A picture or a video with one face found in it."""

    @property
    def portrait(self) -> Portrait | None:
        """The portrait of a still picture; None for a video, whose frames each bring one."""
        ...

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height) of the whole picture."""
        ...

    @property
    def is_transparent(self) -> bool:
        """Whether its pictures are (H, W, 4) RGBA, not premultiplied."""
        ...

    @property
    def file(self) -> Path | None:
        """What it was read from; None where it was handed over."""
        ...

    @property
    def report(self) -> TrackReport | None:
        """How following the face through a video has gone so far; None for a picture."""
        ...

    def portraits(self) -> Iterator[Portrait]:
        """One portrait per frame of a video, until it ends; none of a picture."""
        ...

    def placed(self, drawn: DrawnCrop) -> Pixels:
        """The whole picture with a drawn crop pasted back into its place."""
        ...

    def cropped(self, drawn: DrawnCrop) -> Pixels:
        """A drawn crop alone, as it is to be shown."""
        ...

    def at_rest(self, drawn: DrawnCrop) -> Pixels:
        """The whole picture as it is where this crop is not pasted into it."""
        ...
