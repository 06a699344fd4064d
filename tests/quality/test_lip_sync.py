"""What is done around SyncNet: distances, scores, crops."""

from __future__ import annotations

import numpy as np
import pytest

from talkinghead.quality.lip_sync import distances, face_crop, scores


@pytest.mark.parametrize("late", [-4, 0, 7])
def test_the_offset_is_found(late: int) -> None:
    """Sound vectors that are the faces', some frames earlier where the picture is behind."""
    faces = np.random.default_rng(3).normal(size=(80, 16)).astype(np.float32)
    sounds = np.roll(faces, -late, axis=0)
    apart = distances(faces, sounds)
    assert apart.shape == (80, 31)
    least, confidence, offset = scores(apart[20:60])
    assert offset == late
    assert least == pytest.approx(0, abs=1e-4)
    assert confidence == pytest.approx(np.sqrt(2 * 16), rel=0.1)


def test_beyond_the_ends_there_is_nothing() -> None:
    faces = np.full((2, 4), 3, np.float32)
    apart = distances(faces, faces, 1)
    assert apart[0] == pytest.approx([6, 0, 0], abs=1e-4)
    assert apart[1] == pytest.approx([0, 0, 6], abs=1e-4)


def test_the_crop_reaches_where_the_authors_does() -> None:
    """Half side 20 around (50, 40): rows 20 to 76, columns 22 to 78."""
    rows, columns = np.mgrid[:100, :100]
    picture = np.stack([columns, rows, np.zeros_like(rows)], axis=2).astype(np.uint8)
    crop = face_crop(picture, 50, 40, 20)
    assert crop.shape == (224, 224, 3)
    assert crop[0, 0].tolist() == [0, 20, 22]  # blue, green, red
    assert crop[-1, -1].tolist() == [0, 75, 77]


def test_outside_of_the_picture_it_is_grey() -> None:
    crop = face_crop(np.zeros((60, 60, 3), np.uint8), 5, 5, 20)
    assert crop[0, 0].tolist() == [110, 110, 110]
    assert crop[-1, -1].tolist() == [0, 0, 0]
