"""A visible mark in a frame's upper left corner: white letters on a dark badge, legible on bright and dark pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from talkinghead.core.errors import InputError
from talkinghead.core.types import Floats, Pixels

if TYPE_CHECKING:
    from PIL import ImageFont

    Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

# Of the picture's shorter side, and no letter smaller than can be read.
_LETTERS, _MARGIN = 0.042, 0.025
_SMALLEST_PX = 9
_WIDEST = 0.9  # of the picture's width
# In letter heights: between the letters and the badge's edge, and the radius of its corners.
_PADDING, _ROUND = 0.45, 0.45
_BADGE_OPACITY = 0.7
# Beside Pillow's own letters, which are Latin: what systems have for others.
_FONTS = ("DejaVuSans.ttf", "NotoSansCJK-Regular.ttc", "NotoSans-Regular.ttf", "Arial Unicode.ttf", "arial.ttf",
          "msyh.ttc", "PingFang.ttc", "wqy-microhei.ttc")  # fmt: skip
_NO_LETTER = "\uffff"


class Label:
    """Draws `text` into frames; made anew for every size of them.

    Raises:
        InputError: no font of this system has its letters.
    """

    def __init__(self, text: str) -> None:
        self._text = text.strip()
        self._font_name = _font_for(self._text)
        self._size_px: tuple[int, int] | None = None
        self._colour: Floats = np.zeros((0, 0, 1), np.float32)
        self._through: Floats = np.zeros((0, 0, 1), np.float32)
        self._at = (0, 0)

    def drawn(self, pixels: Pixels) -> Pixels:
        """A copy of a frame (H, W, 3) RGB uint8, or (H, W, 4) RGBA not premultiplied, with the badge."""
        if self._size_px != (pixels.shape[1], pixels.shape[0]):
            self._prepare(pixels.shape[1], pixels.shape[0])
        out: Pixels = pixels.copy()
        x, y = self._at
        place = out[y : y + self._colour.shape[0], x : x + self._colour.shape[1]]
        height, width = place.shape[:2]
        through, colour = self._through[:height, :width], self._colour[:height, :width]
        if pixels.shape[2] == 3:
            place[:] = np.round(place * through + colour).astype(np.uint8)
            return out
        seen = place[..., 3:] / np.float32(255) * through
        alpha = seen + 1 - through
        place[..., :3] = np.round((place[..., :3] * seen + colour) / np.maximum(alpha, 1e-6)).astype(np.uint8)
        place[..., 3:] = np.round(255 * alpha).astype(np.uint8)
        return out

    def _prepare(self, width: int, height: int) -> None:
        """The badge as what it adds to the picture, and how much of that it lets through."""
        from PIL import Image, ImageDraw

        shorter = min(width, height)
        letters_px = max(_SMALLEST_PX, round(_LETTERS * shorter))
        font = _font(self._font_name, letters_px)
        while font.getlength(self._text) + 2 * _PADDING * letters_px > _WIDEST * width and letters_px > 5:
            letters_px -= 1
            font = _font(self._font_name, letters_px)
        left, top, right, bottom = font.getbbox(self._text)
        padding = max(2, round(_PADDING * letters_px))
        size = round(right - left) + 2 * padding, round(bottom - top) + 2 * padding
        badge, letters = Image.new("L", size), Image.new("L", size)
        ImageDraw.Draw(badge).rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), round(_ROUND * letters_px), fill=255)
        ImageDraw.Draw(letters).text((padding - left, padding - top), self._text, fill=255, font=font)
        dark = np.asarray(badge, np.float32)[..., None] / 255 * _BADGE_OPACITY
        white = np.asarray(letters, np.float32)[..., None] / 255
        self._through = np.asarray((1 - dark) * (1 - white), np.float32)
        self._colour = np.asarray(white * 255, np.float32)
        margin = max(2, round(_MARGIN * shorter))
        self._at, self._size_px = (margin, margin), (width, height)


def _font(name: str | None, size_px: int) -> Font:
    from PIL import ImageFont

    return ImageFont.load_default(size_px) if name is None else ImageFont.truetype(name, size_px)


def _font_for(text: str) -> str | None:
    """The first font that has every letter of a text; None is Pillow's own."""
    for name in (None, *_FONTS):
        try:
            font = _font(name, 16)
        except OSError:
            continue
        missing = _drawn(font, _NO_LETTER)
        if all(letter.isspace() or _drawn(font, letter) != missing for letter in text):
            return name
    raise InputError(f"no font of this system has the letters of the label {text!r}: choose other words (--label-text)")


def _drawn(font: Font, letter: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(letter)
    return mask.size, bytes(mask)
