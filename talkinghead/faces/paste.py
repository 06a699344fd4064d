"""Putting a drawn crop back into its picture, touching only the crop's rectangle."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from talkinghead.core.types import Crop, DrawnCrop, Pixels
from talkinghead.faces.crop import Matrix, compose, integer_offset, inverse

# Width of the feathered border, as a share of the crop's side.
FEATHER = 0.06
_SAMPLED = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP


Sides = tuple[bool, bool, bool, bool]


@lru_cache(maxsize=8)
def feathered_square(
    size_px: tuple[int, int], feather: float = FEATHER, sides: Sides = (True, True, True, True)
) -> Pixels:
    """A mask (h, w) uint8 for `size_px` (width, height): 255 inside, falling smoothly to 0 at the border; read-only.

    Only the `sides` (left, top, right, bottom) that are true fall.
    """
    width, height = size_px
    edge = max(1.0, feather * min(width, height))

    def ramp(length: int, low: bool, high: bool) -> npt.NDArray[np.float64]:
        at = np.arange(length)
        far = np.full(length, length)
        inside = np.minimum(at if low else far, at[::-1] if high else far)
        t = np.clip(inside / edge, 0, 1)
        return np.asarray(t * t * (3 - 2 * t))

    left, top, right, bottom = sides
    mask: Pixels = np.round(255 * np.outer(ramp(height, top, bottom), ramp(width, left, right))).astype(np.uint8)
    mask.setflags(write=False)
    return mask


def paste_back(background: Pixels, frame: DrawnCrop, out: Pixels | None = None) -> Pixels:
    """The picture `background` (H, W, 3) with `frame` in its place: mask * frame + (1 - mask) * background.

    A crop whose pixels are the picture's own is copied, or blended where the frame has a mask; any other is warped
    through the inverse of its crop, within the rectangle it covers, with a feathered square for want of a mask.
    Where a renderer has blended the crop with its portrait's own picture, and that is the background, the result is
    copied. `out` (H, W, 3) receives the result instead of a new array; it may be `background` itself.
    """
    if out is None:
        out = background.copy()
    elif out is not background:
        np.copyto(out, background)
    if frame.patch is not None and background is frame.portrait.image.pixels:
        (x, y), patch = frame.patch.corner_px, frame.patch.pixels
        out[y : y + patch.shape[0], x : x + patch.shape[1]] = patch
        return out
    offset = integer_offset(frame.portrait.crop)
    if offset is not None:
        _paste_plain(out, frame.pixels, frame.mask, offset)
    else:
        crop, mask = frame.portrait.crop, frame.mask
        if mask is None:
            mask = _feathered(crop, (out.shape[1], out.shape[0]))
        _paste_affine(out, frame.pixels, mask, crop)
    return out


def _inner_sides(crop: Crop, picture_size_px: tuple[int, int]) -> Sides:
    """Which sides of the crop have picture beyond them: along the others there is nothing to blend with."""
    corners = _corners(crop)

    def inner(a: int, b: int) -> bool:
        low, high = corners[[a, b]] < 1.0, corners[[a, b]] > np.array(picture_size_px) - 2.0
        return not (low.all(0).any() or high.all(0).any())

    return inner(0, 2), inner(0, 1), inner(1, 3), inner(2, 3)


def _corners(crop: Crop) -> npt.NDArray[np.float64]:
    """The crop's corners (4, 2) in the picture: top left, top right, bottom left, bottom right."""
    width, height = crop.size_px
    corners = np.array([[-0.5, -0.5], [width - 0.5, -0.5], [-0.5, height - 0.5], [width - 0.5, height - 0.5]])
    back = inverse(crop.matrix)
    return np.asarray(corners @ back[:, :2].T + back[:, 2])


def covered_rectangle(crop: Crop, picture_size_px: tuple[int, int]) -> tuple[int, int, int, int]:
    """(x0, y0, x1, y1): the pixels of a picture of `picture_size_px` that the crop touches; may be empty."""
    there = _corners(crop)
    low = np.clip(np.floor(there.min(0) + 0.5).astype(int), 0, picture_size_px)
    high = np.clip(np.ceil(there.max(0) + 0.5).astype(int), 0, picture_size_px)
    return int(low[0]), int(low[1]), int(max(low[0], high[0])), int(max(low[1], high[1]))


def _paste_plain(out: Pixels, pixels: Pixels, mask: Pixels | None, offset: tuple[int, int]) -> None:
    (x, y), (height, width) = offset, out.shape[:2]
    x0, y0 = max(x, 0), max(y, 0)
    x1, y1 = min(x + pixels.shape[1], width), min(y + pixels.shape[0], height)
    if x1 <= x0 or y1 <= y0:
        return
    inside = slice(y0 - y, y1 - y), slice(x0 - x, x1 - x)
    place = out[y0:y1, x0:x1]
    if mask is None:
        place[:] = pixels[inside]
    else:
        place[:] = _blend(pixels[inside], place, mask[inside])


def _paste_affine(out: Pixels, pixels: Pixels, mask: Pixels, crop: Crop) -> None:
    at = placement(mask, crop, (out.shape[1], out.shape[0]))
    if at is None:
        return
    x0, y0, x1, y1 = at.rectangle
    if at.shrunk_px is not None:
        pixels = np.asarray(cv2.resize(pixels, at.shrunk_px, interpolation=cv2.INTER_AREA), np.uint8)
    warped = cv2.warpAffine(pixels, at.to_crop, (x1 - x0, y1 - y0), flags=_SAMPLED, borderMode=cv2.BORDER_REPLICATE)
    place = out[y0:y1, x0:x1]
    place[:] = _blend(warped, place, at.weights)


class Placement(NamedTuple):
    """Where and how a crop goes back into its picture.

    `rectangle` (x0, y0, x1, y1): the picture's pixels that it touches; `to_crop` (2, 3): from the rectangle's pixels to
    the crop's; `weights` (h, w) uint8: 255 where the crop alone is seen. `shrunk_px` (width, height): the size to which
    the crop is brought first, None where it keeps its own.
    """

    rectangle: tuple[int, int, int, int]
    to_crop: Matrix
    weights: Pixels
    shrunk_px: tuple[int, int] | None


def placement(mask: Pixels, crop: Crop, picture_size_px: tuple[int, int]) -> Placement | None:
    """How a crop with this mask (h, w) is placed; None where it lies beside the picture."""
    x0, y0, x1, y1 = covered_rectangle(crop, picture_size_px)
    if x1 <= x0 or y1 <= y0:
        return None
    # From the rectangle's own pixels to the crop's: only the rectangle is warped.
    to_crop: Matrix = compose(crop.matrix, np.array([[1.0, 0.0, x0], [0.0, 1.0, y0]]))
    shrunk_px = None
    if np.sqrt(abs(np.linalg.det(crop.matrix[:, :2]))) > 2:
        shrunk_px, mask, to_crop = _shrunk(mask, to_crop)
    # The crop ends half a pixel beyond its outermost centres: the mask holds that far, and nowhere outside.
    wider = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    to_wider = to_crop + np.array([[0, 0, 1.0], [0, 0, 1.0]])
    weights = cv2.warpAffine(
        wider, to_wider, (x1 - x0, y1 - y0), flags=_SAMPLED, borderMode=cv2.BORDER_CONSTANT, borderValue=0
    )
    return Placement((x0, y0, x1, y1), to_crop, np.asarray(weights, np.uint8), shrunk_px)


def feathered_placement(crop: Crop, picture_size_px: tuple[int, int]) -> Placement | None:
    """How a crop without a mask is placed, one that is not the picture's own pixels; None where it lies beside it."""
    return placement(_feathered(crop, picture_size_px), crop, picture_size_px)


def _feathered(crop: Crop, picture_size_px: tuple[int, int]) -> Pixels:
    return feathered_square(crop.size_px, sides=_inner_sides(crop, picture_size_px))


def _shrunk(mask: Pixels, to_crop: Matrix) -> tuple[tuple[int, int], Pixels, Matrix]:
    """The crop's size, mask and map at about the picture's own resolution: sampling a larger one would alias."""
    height, width = mask.shape
    factor = 1 / np.sqrt(abs(np.linalg.det(to_crop[:, :2])))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    sx, sy = size[0] / width, size[1] / height
    smaller = np.array([[sx, 0, (sx - 1) / 2], [0, sy, (sy - 1) / 2]])
    return size, np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), np.uint8), compose(smaller, to_crop)


def _blend(over: Pixels, under: Pixels, mask: Pixels) -> Pixels:
    """mask * over + (1 - mask) * under, rounded; all (h, w, 3) but the mask (h, w)."""
    weights = mask.astype(np.float32) * (1 / 255)
    return np.asarray(cv2.blendLinear(over, under, weights, 1 - weights), np.uint8)
