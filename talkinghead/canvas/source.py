"""The picture or video that an avatar is made of: opened once, drawn upon as often as wanted."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path

from talkinghead.canvas import Canvas
from talkinghead.canvas.alpha import upon
from talkinghead.canvas.covered import covered_at_first
from talkinghead.canvas.cutout import Cutout, behind, cut_out
from talkinghead.canvas.laid import Laid
from talkinghead.canvas.several import count_faces
from talkinghead.canvas.still import Still, look
from talkinghead.core.background import parse_background
from talkinghead.core.errors import FaceError, InputError
from talkinghead.core.settings import DEFAULT_FPS, Box, FaceChoice, Framing
from talkinghead.core.types import Face, Image
from talkinghead.faces import doubtful, find_faces
from talkinghead.faces.mouth import mouth_covered
from talkinghead.motion.protocols import Renderer

_log = logging.getLogger("talkinghead")


class Source:
    """A picture, whose faces are each found once, or a video, which every canvas begins anew.

    `fps`: a video's own frame rate, else 25; `note`: what people should know of how it is read, "" if nothing.
    Faces can be looked for before it is known who draws (`drawn_by`); all else needs that.

    Raises:
        VideoError: the file is no video that can be decoded.
        InputError: it is a video or a transparent picture, whose `background` cannot be replaced by that.
    """

    _renderer: Renderer

    def __init__(
        self, source: Image | Path, framing: Framing, box: Box | None = None, background: str | None = None
    ) -> None:
        self._framing, self._box = framing, box
        self._faces: dict[int | None, Face] = {}
        self._stills: dict[int | None, Still | Laid] = {}
        self._covered: dict[int | None, bool] = {}
        self.fps, self.note, self._colour_name = DEFAULT_FPS, "", background or "white"
        self._background = None if background is None else parse_background(background)
        self._cutout: Cutout | None = None
        self._check_background(source)
        colour = self._background.colour if self._background else None
        self._source = source if isinstance(source, Path) else upon(source, colour or (255, 255, 255))
        self._on_black = None if isinstance(source, Path) or source.alpha is None else upon(source, (0, 0, 0))
        self._on_white = None if isinstance(source, Path) else source
        if isinstance(source, Path):
            from talkinghead.media.video import VideoReader

            with VideoReader(source) as reader:
                self.fps, self.note = reader.fps, f"{source.name}: {reader.note}" if reader.note else ""
        elif source.full_size_px is not None:
            (width, height), (full_width, full_height) = source.size_px, source.full_size_px
            self.note = f"{source.name}: {full_width} x {full_height} drawn as {width} x {height} (--max-side)"

    def _check_background(self, source: Image | Path) -> None:
        if self._background is None:
            return
        if isinstance(source, Path):
            raise InputError(f"{source.name} is a video, whose background stays: --background is for pictures")
        if self._background.blurred and source.alpha is not None:
            raise InputError(f"{source.name} is transparent and has no background to blur: give a colour or a picture")

    def drawn_by(self, renderer: Renderer) -> Source:
        """The same, once it is known who draws.

        Raises:
            InputError: this renderer cannot replace its background by that.
        """
        if self._background is not None and self._background.colour is None and renderer.name != "warp":
            raise InputError(f"the renderer {renderer.name} replaces a background by a colour alone: give a "
                             "colour, or choose --renderer warp")  # fmt: skip
        self._renderer = renderer
        return self

    def look(self, face: FaceChoice) -> None:
        """Look for face number `face` of a picture, so that it is known when it is asked for; of "all" nothing is done.

        Raises:
            FaceError: there is no such face.
        """
        if isinstance(self._source, Image) and face != "all":
            self._face(self._source, face)

    def _face(self, image: Image, face: int | None) -> Face:
        if face not in self._faces:
            self._faces[face] = found = look(image, framing=self._framing, face=face, box=self._box)
            x, y, width, height = found.box
            _log.info("%s: a face of %.0f x %.0f pixels at %.0f, %.0f", image.name, width, height, x, y)
        return self._faces[face]

    @property
    def video_note(self) -> str:
        """What a video shows of a transparent picture, in words; "" where there is nothing to say."""
        if self._on_black is None or (self._background is not None and self._background.colour is None):
            return ""
        return f"; transparent parts are {self._colour_name} in a video"

    def notes(self, face: FaceChoice) -> Iterator[str]:
        """What people should know, of the source and of its face number `face`; of "all" it is told later.

        Raises:
            FaceError: there is no such face.
        """
        if self.note:
            yield self.note
        if not isinstance(self._source, Path) and face != "all":
            portrait = self._still(face).portrait
            if doubtful(portrait.face):
                sure = f"{portrait.face.confidence:.2f}"
                yield f"the face may be none, or not a person's (confidence {sure}): --face, --box choose"
            if self._cutout is not None and self._cutout.doubt:
                yield (f"the background may be cut badly ({self._cutout.doubt}): look at it, or give a picture with "
                       "transparency, e.g. made with rembg")  # fmt: skip

    @property
    def video(self) -> Path | None:
        """The video's path; None for a picture."""
        return self._source if isinstance(self._source, Path) else None

    def count_faces(self) -> int:
        """How many faces the picture, or the first frame of the video that shows any, shows.

        Raises:
            FaceError: none.
            VideoError: the file is no video that can be decoded.
        """
        if not isinstance(self._source, Path):
            return count_faces(self._source)
        from talkinghead.canvas.source_video import now_and_then
        from talkinghead.media.video import VideoReader

        with VideoReader(self._source) as reader:
            for pixels in now_and_then(reader, reader.fps):
                if count := len(find_faces(Image(pixels))):
                    return count
        raise FaceError(f"{self._source.name} shows no face: choose another video")

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

    def _still(self, face: int | None) -> Still | Laid:
        """The picture, once a face."""
        assert isinstance(self._source, Image)
        if face not in self._stills:
            found = self._face(self._source, face)
            plain = Still(self._renderer.crop(self._source, found, whole=self._framing == "whole"))
            self._stills[face] = self._laid(self._source, found) or plain
        return self._stills[face]

    def _laid(self, image: Image, face: Face) -> Still | Laid | None:
        """The picture upon its new background; None where it is upon that already."""
        if self._background is None or (self._background.colour is not None and image.alpha is not None):
            return None
        whole = self._framing == "whole"
        if self._cutout is None:
            self._cutout = cut_out(image, [face, *find_faces(image)])
        if self._background.colour is not None:
            # One colour moves with the head and is the same: nothing more is to be drawn than without it.
            upon_it = replace(image, pixels=self._cutout.upon(self._background.colour))
            return Still(self._renderer.crop(upon_it, face, whole=whole))
        return Laid(self._cutout, behind(self._background, image, self._cutout), face, self._renderer, whole=whole,
                    image=image)  # fmt: skip

    def two_canvases(self, face: int | None) -> tuple[Canvas, Canvas] | None:
        """A transparent picture upon white and upon black, for `talkinghead.canvas.alpha.transparent`; None for others.

        Raises:
            FaceError: there is no such face.
        """
        if self._on_black is None or self._on_white is None or self._background is not None:
            return None
        portrait = self.canvas(face, None).portrait
        assert portrait is not None
        whole = self._framing == "whole"
        white, black = (
            Still(self._renderer.crop(i, portrait.face, whole=whole)) for i in (self._on_white, self._on_black)
        )
        return white, black
