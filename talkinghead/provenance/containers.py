"""Where XMP and C2PA manifests stand in each kind of file: put there, and found again.

    PNG       chunk iTXt "XML:com.adobe.xmp"      chunk caBX
    JPEG      segment APP1                        segments APP11 (JUMBF)
    GIF       application extension "XMP Data"    application extension "C2PA_GIF"
    WebP      chunk "XMP "                        chunk "C2PA"
    TIFF      tag 700                             tag 0xcd41
    MP4, MOV  box uuid, or moov/udta/XMP_         box uuid

Files are walked by their own structure, a few bytes at a time, and nothing in them is believed that leads beyond them.
"""

from __future__ import annotations

import shutil
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

PNG_XMP = "XML:com.adobe.xmp"
_PNG, _WEBP = b"\x89PNG\r\n\x1a\n", b"WEBP"
_JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_GIF_XMP, _GIF_C2PA = b"XMP DataXMP", b"C2PA_GIF"
# A GIF's reader that does not know XMP goes by lengths: wherever in the packet it lands, this leads it to the end.
_GIF_TRAILER = b"\x01" + bytes(range(255, -1, -1)) + b"\x00"
_UUID_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_UUID_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_MOST_BYTES = 4_000_000  # of a packet: none that people write comes near it
_MOST_PARTS = 100_000
_INNER_BOXES = frozenset({b"moov", b"udta"})


@dataclass(frozen=True, slots=True)
class Found:
    """What a file holds: its XMP packet ("" where there is none), and whether a C2PA manifest is embedded."""

    xmp: str = ""
    has_manifest: bool = False


def xmp_box(packet: bytes) -> bytes:
    """The MP4 box, which stands at the file's top level, wherever there."""
    return struct.pack(">I", 24 + len(packet)) + b"uuid" + _UUID_XMP + packet


def xmp_segment(packet: bytes) -> bytes:
    """The JPEG segment."""
    body = _JPEG_XMP + packet
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def png_text(name: str, value: str) -> bytes:
    """A PNG chunk of international text."""
    body = b"iTXt" + name.encode("latin-1", "replace")[:79] + bytes(5) + value.encode()
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


def add_to_gif(path: Path, comment: str, packet: bytes) -> None:
    """Put a comment and XMP before a GIF's first frame, which its encoder does not write; empty ones are left out."""
    words = comment.encode("ascii", "replace")
    blocks = b"".join(bytes([len(words[i : i + 255])]) + words[i : i + 255] for i in range(0, len(words), 255))
    added = b"!\xfe" + blocks + b"\x00" if words else b""
    if packet:
        added += b"!\xff\x0b" + _GIF_XMP + packet + _GIF_TRAILER
    copy = path.with_name(f"{path.name}.copy")
    try:
        with path.open("rb") as old, copy.open("wb") as new:
            screen = old.read(13)
            new.write(screen + old.read(_gif_colours(screen[10])) + added)
            shutil.copyfileobj(old, new, 1 << 20)
        copy.replace(path)
    finally:
        copy.unlink(missing_ok=True)


def look(path: Path) -> Found:
    """What of the kind a file holds; of a file that is none of these kinds, or damaged, what stands before that."""
    xmp, manifest = "", False
    try:
        with path.open("rb") as file:
            for name, data in _parts(file):
                if name == "xmp" and not xmp:
                    xmp = data.decode("utf-8", "replace")
                manifest = manifest or name == "c2pa"
    except (OSError, struct.error, IndexError, ValueError):
        pass
    return Found(xmp, manifest)


def _parts(file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """("xmp", packet) and ("c2pa", b"") of a file, whatever its kind."""
    head = file.read(12)
    file.seek(0, 2)
    end = file.tell()
    if head.startswith(_PNG):
        yield from _png(file, end)
    elif head.startswith(b"\xff\xd8"):
        yield from _jpeg(file, end)
    elif head.startswith((b"GIF87a", b"GIF89a")):
        yield from _gif(file, end)
    elif head.startswith(b"RIFF") and head[8:] == _WEBP:
        yield from _riff(file, end)
    elif head.startswith((b"II*\0", b"MM\0*")):
        yield from _tiff(file, end, "<" if head.startswith(b"II") else ">")
    elif head[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"uuid"):
        yield from _boxes(file, 0, end)


def _png(file: BinaryIO, end: int) -> Iterator[tuple[str, bytes]]:
    at = len(_PNG)
    for _ in range(_MOST_PARTS):
        if at + 8 > end:
            return
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        if kind == b"iTXt" and length < _MOST_BYTES:
            name, _, rest = file.read(length).partition(b"\0")
            if name.decode("latin-1") == PNG_XMP and len(rest) > 2:
                packed = rest[0] == 1
                text = rest[2:].split(b"\0", 2)[2]
                yield "xmp", zlib.decompressobj().decompress(text, _MOST_BYTES) if packed else text
        elif kind == b"caBX":
            yield "c2pa", b""
        at += length + 12


def _jpeg(file: BinaryIO, end: int) -> Iterator[tuple[str, bytes]]:
    at = 2
    for _ in range(_MOST_PARTS):
        if at + 4 > end:
            return
        file.seek(at)
        mark, kind, length = struct.unpack(">BBH", file.read(4))
        if mark != 0xFF or kind in (0xDA, 0xD9) or length < 2:  # the pixels, the end, no segment
            return
        data = file.read(length - 2) if kind in (0xE1, 0xEB) else b""
        if kind == 0xE1 and data.startswith(_JPEG_XMP):
            yield "xmp", data[len(_JPEG_XMP) :]
        elif kind == 0xEB and b"jumb" in data[:40]:
            yield "c2pa", b""
        at += 2 + length


def _gif_colours(flags: int) -> int:
    """Bytes of a colour table."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _gif(file: BinaryIO, end: int) -> Iterator[tuple[str, bytes]]:
    file.seek(0)
    screen = file.read(13)
    file.seek(13 + _gif_colours(screen[10]))
    there = False
    for _ in range(_MOST_PARTS):
        mark = file.read(1)
        if mark == b",":
            place = file.read(9)
            file.seek(_gif_colours(place[8]) + 1, 1)
        elif mark != b"!":
            return
        elif file.read(1) == b"\xff":
            begin = file.tell()
            name = file.read(12)[1:]
            if name == _GIF_XMP and not there:
                there = True
                data = file.read(min(_MOST_BYTES, end - file.tell()))
                yield "xmp", data[: data.index(_GIF_TRAILER)]
            elif name.startswith(_GIF_C2PA):
                yield "c2pa", b""
            file.seek(begin)
        while (size := file.read(1)) not in (b"", b"\0"):
            file.seek(size[0], 1)


def _riff(file: BinaryIO, end: int) -> Iterator[tuple[str, bytes]]:
    at = 12
    for _ in range(_MOST_PARTS):
        if at + 8 > end:
            return
        file.seek(at)
        kind, length = struct.unpack("<4sI", file.read(8))
        if kind == b"XMP " and length < _MOST_BYTES:
            yield "xmp", file.read(length)
        elif kind == b"C2PA":
            yield "c2pa", b""
        at += 8 + length + length % 2


def _tiff(file: BinaryIO, end: int, order: str) -> Iterator[tuple[str, bytes]]:
    file.seek(4)
    file.seek(struct.unpack(f"{order}I", file.read(4))[0])
    (count,) = struct.unpack(f"{order}H", file.read(2))
    entries = [struct.unpack(f"{order}HHII", file.read(12)) for _ in range(count)]
    for tag, (length, value) in {entry[0]: entry[2:] for entry in entries}.items():
        if tag == 700 and length < min(_MOST_BYTES, end):
            file.seek(value)
            yield "xmp", file.read(length)
        elif tag == 0xCD41:
            yield "c2pa", b""


def _boxes(file: BinaryIO, at: int, end: int, depth: int = 0) -> Iterator[tuple[str, bytes]]:
    """Of an MP4's boxes from `at` to `end`, and those within them that may hold some."""
    for _ in range(_MOST_PARTS):
        if at + 8 > end:
            return
        file.seek(at)
        size, kind = struct.unpack(">I4s", file.read(8))
        header = 8
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
            header = 16
        stop = end if size == 0 else at + size
        if stop > end or stop < at + header:
            return
        if kind == b"uuid":
            name = file.read(16)
            if name == _UUID_C2PA:
                yield "c2pa", b""
            elif name == _UUID_XMP and size < _MOST_BYTES:
                yield "xmp", file.read(stop - at - header - 16)
        elif kind == b"XMP_" and size < _MOST_BYTES:
            yield "xmp", file.read(stop - at - header)
        elif kind in _INNER_BOXES and depth < len(_INNER_BOXES):
            yield from _boxes(file, at + header, stop, depth + 1)
        at = stop
