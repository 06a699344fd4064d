"""XMP in every kind of file: where other programs look for it, beside the same frames, and damage is borne."""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from talkinghead import __version__
from talkinghead.core.marking import Marking
from talkinghead.core.types import Pixels
from talkinghead.media.image_writing import write_image
from talkinghead.media.images import read_image
from talkinghead.media.inspection import inspect_file
from talkinghead.media.probe import describe
from talkinghead.media.video import VideoReader, write_video
from talkinghead.provenance.containers import look, png_text, xmp_box
from talkinghead.provenance.making import Making
from talkinghead.provenance.xmp import DIGITAL_SOURCE_TYPE, is_synthetic, packet, source_type_in, tool_in

PICTURES = (".png", ".jpg", ".webp", ".tif")
VIDEOS = (".mp4", ".mov", ".gif")


def written(folder: Path, suffix: str, pixels: Pixels, making: Making | None = None) -> Path:
    path = folder / f"a{suffix}"
    if suffix in (*PICTURES, ".bmp"):
        return write_image(path, pixels, making=making or Making())
    return write_video(path, [np.roll(pixels, k, 1) for k in range(15)], Fraction(25), making=making).path


@pytest.mark.parametrize("suffix", [*PICTURES, *VIDEOS])
def test_everything_made_says_what_it_is(made: Path, pixels: Pixels, suffix: str) -> None:
    said = look(written(made, suffix, pixels)).xmp
    assert source_type_in(said) == DIGITAL_SOURCE_TYPE
    assert tool_in(said) == f"talkinghead {__version__}"
    assert [path.name for path in made.iterdir()] == [f"a{suffix}"]


@pytest.mark.parametrize("suffix", [".mkv", ".webm"])
def test_matroska_says_it_in_a_tag(made: Path, pixels: Pixels, suffix: str) -> None:
    path = written(made, suffix, pixels)
    assert f"DIGITAL_SOURCE_TYPE: {DIGITAL_SOURCE_TYPE}" in describe(path)
    assert inspect_file(path).stated_in == ("tag", "comment")


def test_numbered_frames_say_it_each(made: Path, frames: Iterator[Pixels]) -> None:
    write_video(f"{made}/out/", frames, Fraction(25))
    for path in sorted((made / "out").iterdir()):
        assert source_type_in(look(path).xmp) == DIGITAL_SOURCE_TYPE


@pytest.mark.parametrize("suffix", [*PICTURES, ".bmp", *VIDEOS, ".mkv"])
def test_nothing_is_said_where_that_is_asked_for(made: Path, pixels: Pixels, suffix: str) -> None:
    data = written(made, suffix, pixels, Making(Marking(metadata=False))).read_bytes().lower()
    assert b"talkinghead" not in data
    assert b"digitalsourcetype" not in data


@pytest.mark.parametrize("suffix", VIDEOS)
def test_a_marked_video_shows_the_same_frames(made: Path, pixels: Pixels, suffix: str) -> None:
    (made / "plain").mkdir()
    plain = written(made / "plain", suffix, pixels, Making(Marking(metadata=False)))
    with VideoReader(written(made, suffix, pixels)) as one, VideoReader(plain) as other:
        pairs = list(zip(one, other, strict=True))
    assert len(pairs) == 15
    assert all(np.array_equal(a, b) for a, b in pairs)


def test_programs_that_know_nothing_of_xmp_in_a_gif_come_through_it(made: Path, pixels: Pixels) -> None:
    with Pillow.open(written(made, ".gif", pixels)) as picture:
        assert getattr(picture, "n_frames", 0) == 15


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_pillow_finds_the_packet_where_it_looks(made: Path, pixels: Pixels, suffix: str) -> None:
    with Pillow.open(written(made, suffix, pixels)) as picture:
        found = picture.info["XML:com.adobe.xmp" if suffix == ".png" else "xmp"]
    assert (found.encode() if isinstance(found, str) else found) == packet()


def test_the_same_result_is_the_same_file(tmp_path: Path, pixels: Pixels) -> None:
    one, other = (write_image(tmp_path / f"{name}.png", pixels, making=Making()) for name in "ab")
    assert one.read_bytes() == other.read_bytes()


def test_packets_of_others_are_understood(tmp_path: Path) -> None:
    words = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    as_attribute = f'<rdf:Description Iptc4xmpExt:DigitalSourceType="{words}" xmp:CreatorTool="A &amp; B"/>'
    as_resource = f'<Iptc4xmpExt:DigitalSourceType rdf:resource="{words}"/>'
    assert (source_type_in(as_attribute), tool_in(as_attribute)) == (words, "A & B")
    assert source_type_in(as_resource) == words
    assert source_type_in("<x/>") is None
    assert is_synthetic(words)
    assert not is_synthetic("http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture")
    body = b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(as_attribute.encode())
    chunk = struct.pack(">I", len(body)) + b"iTXt" + body + struct.pack(">I", zlib.crc32(b"iTXt" + body))
    plain = png_text("Title", "not this")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + plain + chunk)
    assert look(tmp_path / "a.png").xmp == as_attribute


@pytest.mark.parametrize("suffix", [*PICTURES, *VIDEOS])
def test_damage_is_borne(made: Path, pixels: Pixels, suffix: str) -> None:
    data = written(made, suffix, pixels[:16, :16]).read_bytes()
    path, rng = made / "damaged", np.random.default_rng(1)
    for cut in rng.integers(0, len(data), 60):
        path.write_bytes(data[:cut])
        look(path)
    for _ in range(100):
        broken = np.frombuffer(data, np.uint8).copy()
        broken[rng.integers(0, len(broken), 12)] = rng.integers(0, 256, 12)
        path.write_bytes(broken.tobytes())
        look(path)


def test_what_was_made_to_hang_does_not(tmp_path: Path) -> None:
    nested = b""
    for _ in range(5000):
        nested = struct.pack(">I4s", 8 + len(nested), b"udta") + nested
    trailer = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    gif = b"GIF89a" + bytes(7) + (b"!\xff\x0bXMP DataXMP\0" * 60_000) + packet() + trailer
    path, begin = tmp_path / "a", time.monotonic()
    for data in (struct.pack(">I4s", 8, b"ftyp") + nested, gif, xmp_box(b"x") * 90_000):
        path.write_bytes(data)
        look(path)
    assert time.monotonic() - begin < 20


def test_a_pictures_pixels_are_as_without(made: Path, pixels: Pixels) -> None:
    assert np.array_equal(read_image(written(made, ".png", pixels)).pixels, pixels)
