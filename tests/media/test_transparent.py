"""Videos that keep transparency: what is written is what is decoded."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage

from talkinghead.core.errors import OutputError
from talkinghead.core.types import Pixels
from talkinghead.media.ffmpeg import find_ffmpeg
from talkinghead.media.video import check_target, write_video

FPS = Fraction(25)


def frame(number: int, width: int, height: int) -> Pixels:
    """RGBA: a soft disc that moves, of one colour, on nothing."""
    y, x = np.indices((height, width))
    far = np.hypot(x - width / 2 - number, y - height / 2)
    alpha = np.clip((height / 3 - far) / 6 + 0.5, 0, 1)
    colour = np.broadcast_to(np.array([200, 90, 40]), (height, width, 3))
    return np.dstack([colour, np.round(255 * alpha)]).astype(np.uint8)


def decoded(path: Path, width: int, height: int) -> Pixels:
    """(n, height, width, 4) RGBA, by a decoder that knows VP9's second plane."""
    decoder = ["-c:v", "libvpx-vp9"] if path.suffix == ".webm" else []
    said = subprocess.run(
        [find_ffmpeg(), "-v", "error", *decoder, "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgba", "-"],
        capture_output=True, check=True,
    )  # fmt: skip
    return np.frombuffer(said.stdout, np.uint8).reshape(-1, height, width, 4)


@pytest.mark.parametrize(
    ("suffix", "width", "height", "alpha_off", "colour_off"),
    [(".webm", 96, 64, 12, 12), (".webm", 97, 65, 12, 12), (".mov", 96, 64, 1, 6), (".mov", 97, 65, 1, 6)],
)
def test_alpha_and_colours_come_back(
    tmp_path: Path, suffix: str, width: int, height: int, alpha_off: int, colour_off: int
) -> None:
    path = tmp_path / f"a{suffix}"
    result = write_video(path, (frame(k, width, height) for k in range(8)), FPS, transparent=True)
    wide, tall = result.size_px
    assert (wide, tall) == ((width + 1) // 2 * 2, (height + 1) // 2 * 2) if suffix == ".webm" else (width, height)
    found = decoded(path, wide, tall)[:, :height, :width].astype(int)
    assert len(found) == 8
    for number, picture in enumerate(found):
        wanted = frame(number, width, height).astype(int)
        assert np.abs(picture[..., 3] - wanted[..., 3]).max() <= alpha_off
        seen = wanted[..., 3] > 20
        assert np.abs(picture - wanted)[seen][:, :3].max() <= colour_off  # at the edge too: no fringe of black


def test_a_gif_pixel_is_there_or_not(tmp_path: Path) -> None:
    write_video(tmp_path / "a.gif", (frame(k, 61, 47) for k in range(14)), FPS, transparent=True)
    with PillowImage.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == 14
        gif.seek(13)
        picture = np.asarray(gif.convert("RGBA"))
    wanted = frame(13, 61, 47)
    solid, gone = wanted[..., 3] > 200, wanted[..., 3] < 50
    assert (picture[solid][:, 3] == 255).all()
    assert (picture[gone][:, 3] == 0).all()
    assert np.abs(picture.astype(int) - wanted)[solid][:, :3].mean() < 8


def test_a_folder_keeps_every_bit(tmp_path: Path) -> None:
    write_video(f"{tmp_path}/out/", [frame(k, 33, 27) for k in range(2)], FPS, transparent=True)
    written = cv2.imread(str(tmp_path / "out" / "000001.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(written, frame(1, 33, 27)[..., [2, 1, 0, 3]])


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.m3u8", "-", "rtmp://127.0.0.1/live/key"])
def test_what_keeps_no_transparency_says_what_does(tmp_path: Path, name: str) -> None:
    path = str(tmp_path / name) if name.startswith("a.") else name
    with pytest.raises(OutputError, match=r"no transparency: write a \.webm") as refused:
        write_video(path, [frame(0, 32, 32)], FPS, transparent=True)
    assert "key" not in str(refused.value)
    with pytest.raises(OutputError, match="no transparency"):
        check_target(path, transparent=True)
    assert not list(tmp_path.iterdir())


def test_frames_of_the_other_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"\(height, width, 4\)"):
        write_video(tmp_path / "a.webm", [frame(0, 32, 32)[..., :3]], FPS, transparent=True)
    with pytest.raises(OutputError, match=r"\(height, width, 3\)"):
        write_video(tmp_path / "a.webm", [frame(0, 32, 32)], FPS)
