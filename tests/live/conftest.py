"""A file that stands in for a camera, and an output that stands in for a window."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from talkinghead.core.types import Image, Pixels
from talkinghead.media.images import read_image
from talkinghead.media.video import write_video

FPS = Fraction(10)


@pytest.fixture(scope="module")
def camera_file(examples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a portrait that moves across the picture."""
    return _camera(examples, tmp_path_factory, 20)


@pytest.fixture(scope="module")
def lasting_file(examples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same for so long that a busy machine has drawn some frames of it before it ends."""
    return _camera(examples, tmp_path_factory, 120)


@pytest.fixture(scope="module")
def hopper(examples: Path) -> Image:
    return read_image(examples / "grace_hopper.jpg", max_side_px=320)


class Keys:
    """An output that presses keys and keeps what it was shown: one real implementation more of `Output`."""

    def __init__(self, keys: dict[int, str] | None = None) -> None:
        self.keys, self.closed = keys or {}, False
        self.frames: list[Pixels] = []
        self.times: list[int] = []

    def show(self, pixels: Pixels, times: int) -> str:
        self.frames.append(pixels.copy())
        self.times.append(times)
        return self.keys.get(len(self.frames), "")

    def close(self) -> None:
        self.closed = True


def _camera(examples: Path, folders: pytest.TempPathFactory, frames: int) -> Path:
    pixels = read_image(examples / "astronaut.png", max_side_px=320).pixels
    path = folders.mktemp("camera") / "camera.mp4"
    write_video(path, (np.roll(pixels, 2 * (i % 8), axis=1) for i in range(frames)), FPS)
    return path
