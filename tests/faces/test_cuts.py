"""Cuts are seen, and motion is not taken for one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from talkinghead.faces.cuts import CutDetector
from talkinghead.media.images import read_image


def test_another_picture_is_a_cut_and_a_moving_one_is_none(examples: Path) -> None:
    pixels = read_image(examples / "astronaut.png", max_side_px=320).pixels
    slide = [np.roll(pixels, 6 * k, axis=1) for k in range(10)]
    fade = [np.asarray(pixels * (1 - k / 12), np.uint8) for k in range(13)]
    detector = CutDetector()
    assert not any(detector.is_cut(picture) for picture in slide)
    assert detector.is_cut(np.full_like(pixels, 30))
    assert not any(detector.is_cut(np.full_like(pixels, 30)) for _ in range(5))
    assert detector.is_cut(pixels)
    assert not any(detector.is_cut(picture) for picture in fade)


def test_another_size_is_no_cut_but_another_video() -> None:
    detector = CutDetector()
    assert not detector.is_cut(np.zeros((64, 64, 3), np.uint8))
    assert not detector.is_cut(np.full((80, 64, 3), 20, np.uint8))
