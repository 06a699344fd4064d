"""High dynamic range and fields, as a screen shows them."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as pillow  # noqa: N813

from talkinghead.core.types import Floats
from talkinghead.media.ffmpeg import find_ffmpeg
from talkinghead.media.images import read_image
from talkinghead.media.video import VideoReader, write_video


def run_ffmpeg(*arguments: str | Path) -> None:
    subprocess.run([find_ffmpeg(), "-loglevel", "error", "-y", *map(str, arguments)], check=True)


@pytest.mark.parametrize("transfer", ["arib-std-b67", "smpte2084"])
def test_high_dynamic_range_looks_as_the_picture_that_it_shows(examples: Path, tmp_path: Path, transfer: str) -> None:
    picture = read_image(examples / "astronaut.png", max_side_px=128).pixels
    plain = tmp_path / "plain.mkv"
    write_video(plain, [picture] * 3, Fraction(25), quality=1)
    path = tmp_path / "hdr.mov"
    # As a camera does it: paper white at 203 cd/m2.
    run_ffmpeg(
        "-i", plain, "-vf", "zscale=t=linear:npl=203,format=gbrpf32le,"
        f"zscale=p=2020:t={transfer}:m=2020_ncl:r=tv:npl=203,format=yuv420p10le",
        "-c:v", "libx265", "-x265-params", "log-level=error:crf=4", "-tag:v", "hvc1",
        "-color_primaries", "bt2020", "-color_trc", transfer, "-colorspace", "bt2020nc", path,
    )  # fmt: skip
    with VideoReader(path) as video:
        shown = next(iter(video)).astype(np.float32)
    difference = np.abs(shown - picture).mean()
    assert difference < 10, difference
    assert np.abs(shown.mean((0, 1)) - picture.mean((0, 1))).max() < 5
    assert "standard dynamic range" in video.note


def test_ordinary_pictures_are_read_without_a_word(tmp_path: Path) -> None:
    path = tmp_path / "plain.mp4"
    write_video(path, [np.full((48, 64, 3), 90, np.uint8)] * 3, Fraction(25))
    assert VideoReader(path).note == ""


def combs(pixels: Floats) -> float:
    """How much more neighbouring rows differ than rows of one field, in grey levels."""
    return float(np.abs(pixels[1:-1] - (pixels[:-2] + pixels[2:]) / 2).mean())


@pytest.mark.parametrize("field", ["tff", "bff"])
@pytest.mark.parametrize("kind", [("mpg", "mpeg2video"), ("ts", "libx264"), ("avi", "mpeg4")])
def test_fields_become_whole_pictures(tmp_path: Path, field: str, kind: tuple[str, str]) -> None:
    suffix, codec = kind
    # A bar that moves by 12 pixels from field to field.
    moving = "nullsrc=s=320x240:r=50,geq=lum='if(between(mod(X-12*N\\,320)\\,0\\,80)\\,200\\,40)':cb=128:cr=128"
    path = tmp_path / f"fields.{suffix}"
    tune = ["-x264opts", field] if codec == "libx264" else ["-top", "1" if field == "tff" else "0"]
    order = "tinterlace=interleave_top" if field == "tff" else "tinterlace=interleave_bottom"
    run_ffmpeg("-f", "lavfi", "-i", moving, "-t", "1", "-vf", f"{order},setfield={field}", "-c:v", codec, "-q:v", "2",
               "-flags", "+ildct+ilme", *(tune if codec == "libx264" else []), path)  # fmt: skip
    with VideoReader(path) as video:
        assert video.fps == 25
        frames = [pixels.astype(np.float32).mean(2) for pixels in video]
    assert len(frames) == pytest.approx(25, abs=1)
    assert max(combs(frame) for frame in frames[2:-2]) < 3
    assert video.note == "deinterlaced"


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "mov"])
def test_a_transparent_video_is_shown_on_white(tmp_path: Path, suffix: str) -> None:
    """As a transparent picture is."""
    frames = []
    for k in range(4):
        frame = np.zeros((64, 96, 4), np.uint8)
        frame[16:48, 8 * k + 16 : 8 * k + 48] = (200, 40, 60, 255)
        frames.append(frame)
    path = tmp_path / f"cutout.{suffix}"
    if suffix == "mov":
        raw = tmp_path / "raw"
        raw.write_bytes(b"".join(frame.tobytes() for frame in frames))
        run_ffmpeg("-f", "rawvideo", "-pix_fmt", "rgba", "-s", "96x64", "-r", "10", "-i", raw, "-c:v", "qtrle", path)
    else:
        first, *others = map(pillow.fromarray, frames)
        first.save(path, save_all=True, append_images=others, duration=100, disposal=2, lossless=True)
    with VideoReader(path) as video:
        shown = list(video)
        assert video.fps == 10
    assert len(shown) == 4
    for k, pixels in enumerate(shown):
        assert np.abs(pixels[4:12, 4:12].astype(int) - 255).max() <= 2
        assert np.abs(pixels[24:40, 8 * k + 24 : 8 * k + 40].astype(int) - (200, 40, 60)).max() <= 3
