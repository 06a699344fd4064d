"""The picture or video that an avatar is made of: opened once, drawn upon as often as wanted."""

from __future__ import annotations

import logging
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from talkinghead.canvas import Canvas
from talkinghead.canvas.covered import covered_at_first
from talkinghead.canvas.several import count_faces
from talkinghead.canvas.still import Still, open_still
from talkinghead.core.errors import FaceError
from talkinghead.core.settings import DEFAULT_FPS, Box, Framing
from talkinghead.core.types import Image
from talkinghead.faces.mouth import mouth_covered
from talkinghead.media.containers import is_video
from talkinghead.media.images import open_picture
from talkinghead.motion.protocols import Renderer

if TYPE_CHECKING:
    from talkinghead.media.images import PictureLike

_log = logging.getLogger("talkinghead")


def open_source(picture: PictureLike) -> Image | Path:
    """A picture read from wherever it is, or the path of a video.

    Raises:
        ImageError: the picture cannot be read.
    """
    video = isinstance(picture, str | Path) and is_video(Path(picture))
    return Path(picture) if video else open_picture(picture)  # type: ignore[arg-type]


def first_picture(source: Image | Path) -> Image:
    """The picture, or a video's first frame.

    Raises:
        VideoError: the file is no video that can be decoded.
    """
    if isinstance(source, Image):
        return source
    from talkinghead.media.video import VideoReader

    with VideoReader(source) as reader:
        return Image(next(iter(reader)), name=source.name)


class Source:
    """A picture, whose faces are each found once, or a video, which every canvas begins anew."""

    def __init__(self, source: Image | Path, renderer: Renderer, framing: Framing, box: Box | None) -> None:
        self._source, self._renderer, self._framing, self._box = source, renderer, framing, box
        self._stills: dict[int | None, Still] = {}
        self._covered: dict[int | None, bool] = {}

    @property
    def video(self) -> Path | None:
        """The video's path; None for a picture."""
        return self._source if isinstance(self._source, Path) else None

    @property
    def fps(self) -> Fraction:
        """A video's own frame rate, else 25."""
        if self.video is None:
            return DEFAULT_FPS
        from talkinghead.media.video import VideoReader

        with VideoReader(self.video) as reader:
            return reader.fps

    def count_faces(self) -> int:
        """How many faces the picture, or the video's first frame, shows.

        Raises:
            FaceError: none.
            VideoError: the file is no video that can be decoded.
        """
        return count_faces(first_picture(self._source))

    def check_mouth(self, face: int | None) -> None:
        """Whether the mouth of face number `face` is to be seen, in a video in its first second.

        Raises:
            FaceError: something covers it, or as `canvas`.
        """
        if face not in self._covered:
            if isinstance(self._source, Path):
                self._covered[face] = covered_at_first(self._source, face)
            else:
                portrait = self._still(face).portrait
                # Of an average face that was laid into a box, an animal's or a drawing's, nothing is known.
                told = portrait.face.confidence == 1
                self._covered[face] = not told and mouth_covered(portrait.image.pixels, portrait.face)
        if self._covered[face]:
            whose = "the face" if face is None else f"face {face}"
            raise FaceError(f"something covers the mouth of {whose} in {self._source.name}: choose another picture, "
                            "or draw it all the same (--force-mouth)")  # fmt: skip

    def canvas(self, face: int | None, fps: Fraction | None) -> Canvas:
        """What is drawn upon: the picture with its face number `face` (None: the largest), or the video from its
        beginning at `fps` (None: its own), repeated without end.

        Raises:
            FaceError: there is no such face.
            VideoError: the file is no video that can be decoded.
        """
        if isinstance(self._source, Path):
            from talkinghead.canvas.source_video import SourceVideo

            crop = partial(self._renderer.crop, whole=self._framing == "whole")
            return SourceVideo(self._source, crop, fps=fps, face=face)
        return self._still(face)

    def _still(self, face: int | None) -> Still:
        """The picture, once a face."""
        assert isinstance(self._source, Image)
        if face not in self._stills:
            still = open_still(self._source, self._renderer, framing=self._framing, face=face, box=self._box)
            x, y, width, height = still.portrait.face.box
            _log.info("%s: a face of %.0f x %.0f pixels at %.0f, %.0f", self._source.name, width, height, x, y)
            self._stills[face] = still
        return self._stills[face]
