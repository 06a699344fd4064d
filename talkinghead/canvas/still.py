"""A picture as a canvas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from talkinghead.core.settings import Box, Framing
from talkinghead.core.types import DrawnCrop, Face, Image, Pixels, Portrait, TrackReport
from talkinghead.faces import find_face
from talkinghead.faces.paste import paste_back
from talkinghead.motion.protocols import Renderer


@dataclass(frozen=True)
class Still:
    """One portrait for as many frames as are asked for."""

    portrait: Portrait
    report: TrackReport | None = None

    @property
    def is_transparent(self) -> bool:
        """Never."""
        return False

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height) of the whole picture."""
        return self.portrait.image.size_px

    @property
    def file(self) -> Path | None:
        """What the picture was read from."""
        return self.portrait.image.file

    def portraits(self) -> Iterator[Portrait]:
        """None: a still picture's one portrait is `portrait`."""
        return iter(())

    def placed(self, drawn: DrawnCrop) -> Pixels:
        """The whole picture (H, W, 3) with a drawn crop pasted into its place."""
        return paste_back(self.portrait.image.pixels, drawn)

    def cropped(self, drawn: DrawnCrop) -> Pixels:
        """The drawn crop itself."""
        return drawn.pixels

    def at_rest(self, drawn: DrawnCrop) -> Pixels:
        """The picture itself."""
        return self.portrait.image.pixels


def open_still(
    image: Image, renderer: Renderer, *, framing: Framing = "picture", face: int | None = None, box: Box | None = None
) -> Still:
    """Find a face, number `face` counted from 1, the largest, and crop it as `renderer` likes it.

    `box` (x, y, width, height) says where it is, if none is found.

    Raises:
        FaceError: there is no such face.
    """
    return Still(renderer.crop(image, look(image, framing=framing, face=face, box=box), whole=framing == "whole"))


def look(image: Image, *, framing: Framing = "picture", face: int | None = None, box: Box | None = None) -> Face:
    """The face that `open_still` finds, whoever draws it.

    Raises:
        FaceError: there is no such face.
    """
    width, height = image.full_size_px or image.size_px
    # A picture that already is a crop always has its face: where none is found, in the middle of it.
    box = box or ((0.0, 0.0, float(width), float(height)) if framing == "whole" else None)
    return find_face(image, index=face, box=box)
