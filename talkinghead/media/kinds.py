"""What a file is: a picture, a video or a recording. Its content says so; its name is asked where that is damaged."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from talkinghead.media.containers import VIDEO_SUFFIXES
from talkinghead.media.probe import demuxer, describe, stream_lines

Kind = Literal["picture", "video", "sound"]

_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM", b"II*\x00", b"MM\x00*", b"II+\x00",
             b"MM\x00+", b"8BPS", b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51",
             b"\x00\x00\x01\x00")  # fmt: skip
_PICTURE_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis"})
# What ffmpeg draws letters as.
_TEXT_CODECS = frozenset({"ansi", "bintext", "xbin", "idf"})


def kind_of(path: Path) -> Kind | None:
    """What the file `path` holds; None where there is no such file, or nothing in it is known.

    An animated GIF, WebP or PNG is a video, one of a single frame a picture.
    """
    head = _head(path)
    if not head:
        return None
    if is_animation(path):
        return "video"
    webp = head.startswith(b"RIFF") and head[8:12] == b"WEBP"
    if webp or head.startswith(_PICTURES) or (head[4:8] == b"ftyp" and head[8:12] in _PICTURE_BRANDS):
        return "picture"
    said = describe(path)
    streams = [codec for codec, _ in stream_lines(said, "Video") if codec not in _TEXT_CODECS]
    if streams:
        reader = demuxer(said)
        return "picture" if reader.endswith("_pipe") or reader.startswith("image2") else "video"
    return "sound" if stream_lines(said, "Audio") else None


def read_as(path: Path) -> Kind | None:
    """What a file is to be read as: what it holds or, where nothing in it is known, a video if its name says so."""
    kind = kind_of(path)
    return "video" if kind is None and path.suffix.lower() in VIDEO_SUFFIXES else kind


def is_video(path: Path) -> bool:
    """Whether a file is to be read as a video."""
    return read_as(path) == "video"


def is_animation(path: Path) -> bool:
    """Whether a file is a GIF, WebP or PNG of more than one frame."""
    head = _head(path)
    webp = head.startswith(b"RIFF") and head[8:16] == b"WEBPVP8X" and len(head) > 20 and head[20] & 2
    if not webp and not head.startswith((b"GIF8", b"\x89PNG")):
        return False
    if head.startswith(b"\x89PNG") and b"acTL" not in head:  # it stands before the pixels
        return False
    from PIL import Image as pillow  # noqa: N813

    try:
        with pillow.open(path) as picture:
            picture.seek(1)
    except Exception:  # no second frame, or damaged: then reading it as a picture says how
        return False
    return True


def _head(path: Path) -> bytes:
    """How a file begins; nothing where it cannot be read. What is no file (a pipe) is left alone."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(4096)
    except OSError:
        return b""
