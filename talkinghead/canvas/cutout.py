"""A picture's people without what is behind them, and what is put there instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from talkinghead.core.background import Background
from talkinghead.core.errors import InputError
from talkinghead.core.types import Face, Image, Pixels
from talkinghead.faces.matte import matte_of
from talkinghead.faces.matting import filled, own_colours, shares_of

# How far out of focus a blurred background is, in the picture's longer side.
_BLUR = 0.02
# Less of a colour than this share of a pixel is not to be told from rounding.
_LEAST_SHARE = 0.1


@dataclass(frozen=True, eq=False)
class Cutout:
    """People cut out: their `own` colours (H, W, 3) everywhere, continued beyond their edge, and `alpha` (H, W) uint8.

    `doubt`: what is wrong with the matte, in words, "" if nothing seems so.
    """

    own: Pixels
    alpha: Pixels
    doubt: str = ""

    def upon(self, colour: tuple[int, int, int]) -> Pixels:
        """(H, W, 3): the people before one colour."""
        return over(self.own, self.alpha, np.full_like(self.own, colour))


def cut_out(image: Image, faces: Sequence[Face]) -> Cutout:
    """By the picture's own alpha where it has one, else by a matte of the people whose `faces` these are.

    Raises:
        CheckpointError: the installation lacks the network that tells where people are.
    """
    if image.alpha is not None:
        return Cutout(_own_of_transparent(image.pixels, image.alpha), image.alpha)
    matte = matte_of(image.pixels, faces)
    return Cutout(own_colours(image.pixels, shares_of(matte.alpha)), matte.alpha, matte.doubt)


def _own_of_transparent(on_white: Pixels, alpha: Pixels) -> Pixels:
    """The colours of a transparent picture, which shows itself on white; continued where it is all transparent."""
    share = shares_of(alpha)
    own = 255 - (255 - on_white.astype(np.float32)) / np.maximum(share, _LEAST_SHARE)[..., None]
    colours = np.asarray(np.clip(own, 0, 255), np.float32)
    near = np.asarray(np.where(share >= _LEAST_SHARE, share, 0), np.float32)
    known = (near > 0)[..., None]
    return np.asarray(np.where(known, colours, filled(colours, near)).round(), np.uint8)


def over(own: Pixels, alpha: Pixels, behind: Pixels) -> Pixels:
    """alpha * own + (1 - alpha) * behind, rounded; (h, w, 3), alpha (h, w) of 255."""
    share = shares_of(alpha)
    return np.asarray(cv2.blendLinear(own, behind, share, 1 - share), np.uint8)


def behind(background: Background, image: Image, cutout: Cutout) -> Pixels | None:
    """(H, W, 3): what stands behind the people of `image`; None where that is nothing.

    Raises:
        InputError: a transparent picture has no background that could be blurred.
        ImageError: the background's picture cannot be read.
    """
    if background.is_transparent:
        return None
    if background.colour is not None:
        return np.full_like(cutout.own, background.colour)
    width, height = image.size_px
    if background.picture is not None:
        from talkinghead.media.images import read_image

        return _covering(read_image(background.picture, max_side_px=4 * max(width, height)).pixels, (width, height))
    if image.alpha is not None:
        raise InputError(f"{image.name} is transparent and has no background to blur: give a colour or a picture")
    # Without the people, who would be seen around themselves.
    empty = filled(image.pixels.astype(np.float32), 1 - shares_of(cutout.alpha))
    soft = cv2.GaussianBlur(empty, (0, 0), _BLUR * max(width, height))
    return np.asarray(np.clip(np.round(soft), 0, 255), np.uint8)


def _covering(pixels: Pixels, size_px: tuple[int, int]) -> Pixels:
    """The middle of a picture, as large as covers `size_px` (width, height)."""
    (width, height), (tall, wide) = size_px, pixels.shape[:2]
    factor = max(width / wide, height / tall)
    cut_wide, cut_tall = min(wide, max(1, round(width / factor))), min(tall, max(1, round(height / factor)))
    x, y = (wide - cut_wide) // 2, (tall - cut_tall) // 2
    part = np.ascontiguousarray(pixels[y : y + cut_tall, x : x + cut_wide])
    kind = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(part, size_px, interpolation=kind), np.uint8)
