"""The pictures on which the built networks are compared with the published ones: the same on every machine."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pictures = npt.NDArray[np.uint8]

N_NOISE, N_DRAWN = 2, 4


def pictures(size_px: int) -> Pictures:
    """(6, size_px, size_px, 3) RGB: two of coarse noise, four of a drawn face, each with its eyes on another slope."""
    rng = np.random.Generator(np.random.PCG64(11))
    coarse = rng.integers(0, 256, (N_NOISE, 16, 16, 3), np.uint8)
    noise = coarse.repeat(size_px // 16, 1).repeat(size_px // 16, 2)
    return np.concatenate([noise, np.stack([_face(size_px, lean) for lean in range(N_DRAWN)])])


def _face(size_px: int, lean: int) -> npt.NDArray[np.uint8]:
    """Ellipses on a plain ground, in whole numbers, so that no rounding differs from machine to machine."""
    at = (np.arange(size_px) * 192) // size_px - 96
    x, y = np.meshgrid(at, at)
    x, y = 16 * x + lean * y, 16 * y - lean * x  # sixteenths of a 192nd of the side, leaning to the left
    picture = np.full((size_px, size_px, 3), (96, 120, 150), np.uint8)
    parts = (
        (0, -6, 52, 72, (60, 40, 30)), (0, 6, 46, 62, (205, 160, 135)),
        (-20, -8, 10, 5, (240, 240, 240)), (20, -8, 10, 5, (240, 240, 240)), (-20, -8, 4, 4, (50, 30, 20)),
        (20, -8, 4, 4, (50, 30, 20)), (-20, -20, 12, 2, (60, 40, 30)), (20, -20, 12, 2, (60, 40, 30)),
        (0, 14, 7, 4, (180, 130, 110)), (0, 36, 18, 5, (170, 70, 70)), (0, 36, 14, 1, (80, 30, 30)),
    )  # fmt: skip
    for middle_x, middle_y, half_width, half_height, colour in parts:
        inside = ((x - 16 * middle_x) * half_height) ** 2 + ((y - 16 * middle_y) * half_width) ** 2
        picture[inside <= (16 * half_width * half_height) ** 2] = colour
    return picture
