"""Mattes of pictures whose true mattes are known, and of the examples."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from talkinghead.core.types import Face, Floats, Image, Pixels
from talkinghead.faces import find_face, find_faces
from talkinghead.faces.guided import GuidedFilter
from talkinghead.faces.matte import matte_of
from talkinghead.faces.matting import filled, own_colours, shares_of, solve_alpha

SIZE = 120


def disc(soft_px: float) -> Floats:
    """(SIZE, SIZE): 1 within a circle, falling to 0 over about `soft_px` around it."""
    y, x = np.indices((SIZE, SIZE)) - (SIZE - 1) / 2
    return np.asarray(np.clip((0.3 * SIZE - np.hypot(x, y)) / soft_px + 0.5, 0, 1), np.float32)


def composed(alpha: Floats) -> Pixels:
    """Orange shades over green ones."""
    x = np.linspace(0, 1, SIZE)[None, :, None]
    front = (1 - x) * (230, 120, 40) + x * (200, 80, 20)
    back = (1 - x) * (20, 140, 60) + x * (40, 180, 90)
    return np.asarray((alpha[..., None] * front + (1 - alpha[..., None]) * back).round(), np.uint8)


def test_the_guided_filter_keeps_what_is_linear_in_its_guide_and_smooths_the_rest() -> None:
    rng = np.random.default_rng(3)
    guide = rng.random((40, 50, 3)).astype(np.float32)
    smooth = GuidedFilter(guide, 3, 1e-6)
    linear = np.asarray(guide @ np.array([0.2, -0.5, 0.7], np.float32) + np.float32(0.1))
    assert np.abs(smooth(linear) - linear).max() < 2e-3
    noise = rng.random((40, 50)).astype(np.float32)
    assert smooth(noise).std() < 0.7 * noise.std()


def test_a_soft_edge_is_solved_from_its_colours() -> None:
    truth = disc(12)
    known = np.where(truth == 1, 1, np.where(truth == 0, 0, -1)).astype(np.float32)
    known[cv2.dilate((known < 0).astype(np.uint8), np.ones((9, 9))) > 0] = -1
    likely = disc(30)
    found = solve_alpha(composed(truth), known, likely, 10)
    guessed, solved = (np.abs(one - truth)[known < 0].mean() for one in (likely, found))
    assert guessed > 0.09
    assert solved < guessed / 2
    assert np.array_equal(found[known >= 0], known[known >= 0])
    sure = np.ones_like(truth)
    assert np.array_equal(solve_alpha(composed(truth), sure, likely, 10), sure)


def test_nothing_of_the_old_background_is_left_at_the_edge_or_beyond() -> None:
    alpha = disc(12)
    picture = composed(alpha)
    own = own_colours(picture, alpha).astype(int)
    # Orange all over, where the picture's edge is half green.
    edge = (alpha > 0.2) & (alpha < 0.8)
    assert (picture[edge][:, 1].astype(int) - picture[edge][:, 0]).max() > 20
    assert (own[..., 0] - own[..., 1]).min() > 60
    assert np.array_equal(own[alpha == 1], picture[alpha == 1])
    black = np.zeros_like(picture)
    black[alpha == 0] = (0, 0, 255)
    assert own_colours(black, (alpha == 1).astype(np.float32))[0, 0, 2] == 0


def test_filling_goes_on_from_what_is_known() -> None:
    picture = np.zeros((31, 17, 3), np.float32)
    picture[:, :8], picture[:, 8:] = (200, 100, 50), (0, 0, 255)
    weight = np.zeros((31, 17), np.float32)
    weight[:, :8] = 1
    assert np.abs(filled(picture, weight) - (200, 100, 50)).max() < 1


@pytest.fixture(scope="module")
def astronaut_matte(astronaut: Image, astronaut_face: Face) -> Pixels:
    matte = matte_of(astronaut.pixels, [astronaut_face])
    assert matte.doubt == ""
    return matte.alpha


def test_a_person_is_cut_out_of_a_room(astronaut_matte: Pixels, astronaut_face: Face) -> None:
    assert astronaut_matte.dtype == np.uint8
    assert astronaut_matte.shape == (512, 512)
    x, y = astronaut_face.landmarks[:, :2].round().astype(int).T
    assert (astronaut_matte[y, x] > 250).mean() > 0.97  # the mesh reaches a little beyond the jaw
    assert astronaut_matte[10:20, 160:220].min() < 10  # above her hair
    assert astronaut_matte[:200, 330:].max() == 0  # the model of a shuttle
    assert astronaut_matte[:120, :120].max() == 0  # the flag
    assert astronaut_matte[330:400, 100:250].min() > 250  # the suit
    soft = (astronaut_matte > 20) & (astronaut_matte < 235)
    assert 0.002 < soft.mean() < 0.08


def test_an_edge_against_another_background_has_no_halo(astronaut: Image, astronaut_matte: Pixels) -> None:
    """Around the hair the wall behind is light: on black, no pixel may be as light as it."""
    share = shares_of(astronaut_matte)
    own = own_colours(astronaut.pixels, share)
    around = (slice(0, 140), slice(130, 290))
    edge = (share[around] > 0.1) & (share[around] < 0.9)
    before, after = astronaut.pixels[around][edge].mean(1), own[around][edge].mean(1)
    assert edge.sum() > 100
    assert after.mean() < before.mean() - 15


def test_two_people_are_both_cut_out(astronaut: Image, hopper: Image) -> None:
    pixels = np.hstack([hopper.pixels[:400, :400], astronaut.pixels[:400, 50:400]])
    matte = matte_of(pixels, find_faces(Image(pixels)))
    assert matte.alpha[180:260, 200:260].min() > 250  # her cheeks
    assert matte.alpha[100:140, 400 + 160 : 400 + 190].min() > 250  # and hers
    assert matte.alpha[:200, 660:].max() == 0


def test_what_is_no_person_is_doubted() -> None:
    wall = np.full((300, 300, 3), 127, np.uint8)
    face = find_face(Image(wall), box=(90, 60, 120, 150))
    assert "do not look like a person's" in matte_of(wall, [face]).doubt
