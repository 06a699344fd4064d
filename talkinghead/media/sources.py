"""What is to speak: a picture, from a file or a program, or a video."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from talkinghead.core.errors import ImageError
from talkinghead.core.settings import MAX_PICTURE_SIDE_PX
from talkinghead.core.types import Image
from talkinghead.media.images import open_picture
from talkinghead.media.kinds import read_as

if TYPE_CHECKING:
    from talkinghead.media.images import PictureLike


def open_source(picture: PictureLike, max_side_px: int = MAX_PICTURE_SIDE_PX) -> Image | Path:
    """A picture read from wherever it is, or the path of a video.

    Raises:
        ImageError: the picture cannot be read, or is a recording.
    """
    if not isinstance(picture, str | Path):
        return open_picture(picture, max_side_px)
    path = Path(picture)
    kind = read_as(path)
    if kind == "video":
        return path
    if kind == "sound":
        raise ImageError(
            f"{path} is a recording: the picture comes first, as in `talkinghead speak portrait.png {path.name}`"
        )
    return open_picture(path, max_side_px)


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
