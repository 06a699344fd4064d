"""Transparent pictures: drawn upon white and upon black, of which what they differ by is what shines through."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from talkinghead.core.types import Image, Pixels

_WHITE = (255, 255, 255)


def upon(image: Image, colour: tuple[int, int, int]) -> Image:
    """A picture, which shows itself on white, on another colour (RGB); one without transparency is as it is."""
    if image.alpha is None or colour == _WHITE:
        return image
    through = (255 - image.alpha.astype(np.float32))[..., None] / 255
    pixels = image.pixels - through * (np.float32(255) - np.array(colour, np.float32))
    return replace(image, pixels=np.clip(np.round(pixels), 0, 255).astype(np.uint8))


def transparent(on_white: Pixels, on_black: Pixels) -> Pixels:
    """(H, W, 4) RGBA of the same picture (H, W, 3) drawn upon white and upon black."""
    through = np.clip(on_white.astype(np.int16) - on_black, 0, 255).mean(axis=2, keepdims=True)
    alpha = 255 - np.round(through)
    colour = np.where(alpha > 0, on_black.astype(np.float32) * 255 / np.maximum(alpha, 1), 0)
    return np.concatenate([np.clip(np.round(colour), 0, 255), alpha], axis=2).astype(np.uint8)
