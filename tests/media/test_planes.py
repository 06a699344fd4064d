"""Planes for video codecs against the definition of BT.709, and against ffmpeg's own conversion of the same frames."""

from __future__ import annotations

import subprocess
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from talkinghead.core.types import Pixels
from talkinghead.media.ffmpeg import find_ffmpeg
from talkinghead.media.planes import Planes

EXAMPLES = Path(__file__).parents[2] / "examples"
# What wrote the files before: rounded exactly, in the limited range.
BY_FFMPEG = "scale=out_color_matrix=bt709:out_range=tv:flags=bicubic+accurate_rnd,format=yuv420p"
TO_RGB = "scale=in_color_matrix=bt709:in_range=tv:flags=bicubic+accurate_rnd+full_chroma_int,format=rgb24"


def planes(frame: Pixels) -> tuple[Pixels, Pixels, Pixels]:
    """Y (h, w), Cb and Cr (h / 2, w / 2) of a frame."""
    height, width = frame.shape[:2]
    together = Planes((width, height)).of(frame)
    y, chroma = together[: height * width].reshape(height, width), together[height * width :]
    blue, red = chroma.reshape(2, height // 2, width // 2)
    return y, blue, red


def converted(data: bytes, size_px: tuple[int, int], pixels: str, filters: str) -> npt.NDArray[np.uint8]:
    """Raw video of one frame through ffmpeg's filters."""
    command = [find_ffmpeg(), "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", pixels, "-video_size",
               f"{size_px[0]}x{size_px[1]}", "-i", "-", "-vf", filters, "-f", "rawvideo", "-"]  # fmt: skip
    return np.frombuffer(subprocess.run(command, input=data, capture_output=True, check=True).stdout, np.uint8)


def picture(name: str) -> Pixels:
    """One of the examples, even in both directions."""
    read = cv2.cvtColor(np.asarray(cv2.imread(str(EXAMPLES / name))), cv2.COLOR_BGR2RGB)
    return np.ascontiguousarray(read[: len(read) // 2 * 2, : read.shape[1] // 2 * 2])


def test_every_colour_is_what_the_standard_says() -> None:
    steps = np.array([0, 1, 2, 60, 127, 128, 200, 254, 255], np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(1, -1, 3)
    frame = colours.repeat(2, 0).repeat(2, 1)
    red, green, blue = colours[0].astype(float).T / 255
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    expected = 16 + 219 * luma, 128 + 224 * (blue - luma) / 1.8556, 128 + 224 * (red - luma) / 1.5748
    for plane, wanted in zip(planes(frame), expected):
        seen = plane[0] if len(plane[0]) == len(wanted) else plane[0, ::2]
        assert np.abs(seen - wanted).max() < 0.75


def test_greys_have_no_colour_and_keep_their_steps() -> None:
    frame = np.arange(256, dtype=np.uint8)[None, :, None].repeat(2, 0).repeat(3, 2)
    y, blue, red = planes(np.ascontiguousarray(frame))
    assert (y[0, 0], y[0, -1]) == (16, 235)
    assert (np.diff(y[0].astype(int)) >= 0).all()
    assert (blue == 128).all()
    assert (red == 128).all()


@pytest.mark.parametrize("name", ["grace_hopper.jpg", "astronaut.png"])
def test_pictures_look_as_ffmpeg_would_make_them(name: str) -> None:
    frame = picture(name)
    height, width = frame.shape[:2]
    ours = Planes((width, height)).of(frame)
    theirs = converted(frame.tobytes(), (width, height), "rgb24", BY_FFMPEG)
    difference = np.abs(ours.astype(int) - theirs)
    assert difference[: height * width].max() <= 1
    assert difference.mean() < 0.1
    shown = [
        converted(data.tobytes(), (width, height), "yuv420p", TO_RGB).astype(int).reshape(height, width, 3)
        for data in (ours, theirs)
    ]
    off = np.abs(shown[0] - shown[1])
    assert off.mean() < 0.4
    assert np.quantile(off, 0.99) <= 2
    assert np.abs((shown[0] - shown[1]).mean((0, 1))).max() < 0.15  # no tint
    assert np.abs(shown[0] - frame).mean() < np.abs(shown[1] - frame).mean() + 0.04


@pytest.mark.parametrize("at", [16, 17])
@pytest.mark.parametrize("axis", [0, 1])
def test_colour_lies_where_ffmpeg_puts_it(axis: int, at: int) -> None:
    """The middle of a blue line of two pixels, in samples of the chroma planes."""
    frame = np.zeros((32, 32, 3), np.uint8)
    np.moveaxis(frame, axis, 0)[at : at + 2, ..., 2] = 255
    theirs = converted(frame.tobytes(), (32, 32), "rgb24", BY_FFMPEG)[32 * 32 : 32 * 32 * 5 // 4].reshape(16, 16)
    middles = []
    for plane in (planes(frame)[1], theirs):
        profile = plane.astype(float).mean(1 - axis) - 128
        middles.append(float(profile @ np.arange(16) / profile.sum()))
    assert middles[0] == pytest.approx(8 + (at - 16) / 2)
    assert middles[0] == pytest.approx(middles[1], abs=0.01)


def test_an_edge_does_not_bleed() -> None:
    frame = np.zeros((32, 32, 3), np.uint8)
    frame[:, :16], frame[:, 16:] = (200, 30, 30), (30, 30, 200)
    y, blue, red = planes(frame)
    for plane, edge in ((y, 16), (blue, 8), (red, 8)):
        assert len(np.unique(plane[:, :edge])) == len(np.unique(plane[:, edge:])) == 1


def test_memory_is_used_again() -> None:
    made = Planes((8, 4))
    first = made.of(np.full((4, 8, 3), 255, np.uint8)).copy()
    second = made.of(np.zeros((4, 8, 3), np.uint8))
    assert (first[:32] == 235).all()
    assert (second[:32] == 16).all()
    assert (made.of(np.full((4, 8, 3), 255, np.uint8)) == first).all()
