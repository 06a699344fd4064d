"""Crops and their way back into the picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from talkinghead.core.types import Crop, DrawnCrop, Face, Image, Portrait
from talkinghead.faces import crop as algebra
from talkinghead.faces.paste import covered_rectangle, feathered_square, paste_back


def portrait(image: Image, face: Face, matrix: np.ndarray, size_px: tuple[int, int]) -> Portrait:
    return Portrait(image, face, Crop(matrix, size_px), algebra.resample(image.pixels, matrix, size_px))


def face_square(face: Face, size_px: int, scale: float = 2.0, shift_y: float = -0.1) -> np.ndarray:
    ux, uy = algebra.eye_lip_axes(face.landmarks)
    centre, side = algebra.square_around(face.landmarks, ux, uy, scale=scale, shift_y=shift_y)
    return algebra.matrix_from_square(centre, ux, uy, side, size_px)


def test_axes_follow_the_face(hopper_face: Face) -> None:
    ux, uy = algebra.eye_lip_axes(hopper_face.landmarks)
    assert np.allclose([ux @ ux, uy @ uy, ux @ uy], [1, 1, 0], atol=1e-9)
    assert ux[0] > 0.95
    assert uy[1] > 0.95
    turned = hopper_face.moved(np.array([[0, -1, 600], [1, 0, 0]]))  # a quarter turn clockwise
    tx, ty = algebra.eye_lip_axes(turned.landmarks)
    assert np.allclose(tx, (-ux[1], ux[0]), atol=1e-4)
    assert np.allclose(ty, (-uy[1], uy[0]), atol=1e-4)


def test_the_square_maps_onto_the_crop(hopper_face: Face) -> None:
    matrix = face_square(hopper_face, 512)
    points = hopper_face.moved(matrix).landmarks[:, :2]
    low, high = points.min(0), points.max(0)
    assert np.isclose((high - low).max(), 512 / 2.0, atol=0.1)
    assert np.allclose((low + high) / 2, (256, 256 + 0.1 * 512), atol=0.1)
    back = algebra.compose(matrix, algebra.inverse(matrix))
    assert np.allclose(back, [[1, 0, 0], [0, 1, 0]], atol=1e-9)


def test_a_plain_crop_is_copied_and_only_there(hopper: Image, hopper_face: Face) -> None:
    crop = Crop(np.array([[1.0, 0, -100], [0, 1.0, -50]]), (200, 240))
    frame = DrawnCrop(
        np.zeros((240, 200, 3), np.uint8), Portrait(hopper, hopper_face, crop, hopper.pixels[50:290, 100:300])
    )
    out = paste_back(hopper.pixels, frame)
    assert not out[50:290, 100:300].any()
    changed = (out != hopper.pixels).any(2)
    assert not np.delete(changed, np.s_[50:290], axis=0).any()
    assert not np.delete(changed, np.s_[100:300], axis=1).any()
    place = hopper.pixels.copy()
    assert paste_back(place, frame, out=place) is place
    assert np.array_equal(place, out)
    other = np.empty_like(out)
    paste_back(hopper.pixels, frame, out=other)
    assert np.array_equal(other, out)


@pytest.mark.parametrize("offset", [(-60, -40), (450, 520), (600, 10), (-300, -300)])
def test_a_crop_over_the_border_is_cut(hopper: Image, hopper_face: Face, offset: tuple[int, int]) -> None:
    crop = Crop(np.array([[1.0, 0, -offset[0]], [0, 1.0, -offset[1]]]), (128, 128))
    white = np.full((128, 128, 3), 255, np.uint8)
    out = paste_back(hopper.pixels, DrawnCrop(white, Portrait(hopper, hopper_face, crop, white)))
    expected = np.pad(hopper.pixels, ((400, 400), (400, 400), (0, 0)))
    expected[400 + offset[1] : 528 + offset[1], 400 + offset[0] : 528 + offset[0]] = 255
    assert np.array_equal(out, expected[400:-400, 400:-400])


def test_a_mask_blends(hopper: Image, hopper_face: Face) -> None:
    crop = Crop(np.array([[1.0, 0, -100], [0, 1.0, -50]]), (64, 64))
    mask = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (64, 1))
    black = np.zeros((64, 64, 3), np.uint8)
    out = paste_back(hopper.pixels, DrawnCrop(black, Portrait(hopper, hopper_face, crop, black), mask))
    before = hopper.pixels[50:114, 100:164].astype(float)
    assert np.abs(out[50:114, 100:164] - before * (1 - mask[..., None] / 255)).max() <= 0.51


@pytest.mark.parametrize("size_px", [256, 512, 1024])
def test_an_unchanged_rotated_crop_changes_little(hopper: Image, hopper_face: Face, size_px: int) -> None:
    turned = hopper_face.moved(cv2.getRotationMatrix2D((256, 300), 25, 1.0))
    image = Image(cv2.warpAffine(hopper.pixels, cv2.getRotationMatrix2D((256, 300), 25, 1.0), (512, 600)))
    made = portrait(image, turned, face_square(turned, size_px), (size_px, size_px))
    out = paste_back(image.pixels, DrawnCrop(made.pixels, made))
    x0, y0, x1, y1 = covered_rectangle(made.crop, image.size_px)
    difference = np.abs(out.astype(int) - image.pixels)
    assert difference[y0:y1, x0:x1].mean() < 3
    difference[y0:y1, x0:x1] = 0
    assert difference.max() == 0


def test_the_seam_is_feathered_but_not_at_the_pictures_border(hopper: Image, hopper_face: Face) -> None:
    crop = Crop(np.array([[0.5, 0, -0.25], [0, 0.5, -0.25]]), (256, 150))  # the upper half at half size
    red = np.zeros((150, 256, 3), np.uint8) + np.array([255, 0, 0], np.uint8)
    out = paste_back(np.zeros_like(hopper.pixels), DrawnCrop(red, Portrait(hopper, hopper_face, crop, red)))
    assert (out[:250, :, 0] == 255).all()
    seam = out[250:320, 256, 0].astype(int)
    assert (np.diff(seam) <= 0).all()
    assert np.abs(np.diff(seam)).max() < 40
    assert seam[-1] == 0


def test_feathered_square_is_symmetric_and_full_inside() -> None:
    mask = feathered_square((100, 60), 0.1)
    assert mask.shape == (60, 100)
    assert np.array_equal(mask, mask[::-1])
    assert np.array_equal(mask, mask[:, ::-1])
    assert (mask[0] == 0).all()
    assert (mask[8:-8, 8:-8] == 255).all()


def test_the_whole_picture_as_a_crop(hopper: Image, hopper_face: Face) -> None:
    plain = algebra.whole_picture(hopper)
    assert algebra.integer_offset(plain) == (0, 0)
    halved = algebra.whole_picture(hopper, (256, 300))
    made = portrait(hopper, hopper_face, halved.matrix, halved.size_px)
    reference = cv2.resize(hopper.pixels, (256, 300), interpolation=cv2.INTER_AREA)
    assert np.abs(made.pixels.astype(int) - reference).mean() < 2
    assert np.allclose(made.landmarks[:, :2], hopper_face.landmarks[:, :2] / 2 - 0.25, atol=1e-3)
