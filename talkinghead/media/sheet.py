"""A sheet of pictures side by side, each with a label, for choosing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from talkinghead.core.types import Pixels

CELL_PX = 320
_STRIP_PX = 28


def sheet(rows: Sequence[Sequence[tuple[str, Pixels]]], cell_px: int = CELL_PX) -> Pixels:
    """Rows of (label, picture (H, W, 3), or RGBA, shown on white) as one picture.

    Every cell is `cell_px` high below its label.
    """
    table = [np.concatenate([_labelled(pixels, label, cell_px) for label, pixels in row], axis=1) for row in rows]
    return np.concatenate(table, axis=0)


def _labelled(pixels: Pixels, label: str, height_px: int) -> Pixels:
    import cv2

    if pixels.shape[2] == 4:
        share = pixels[..., 3:].astype(np.float32) / 255
        pixels = np.asarray(255 - share * (255 - pixels[..., :3].astype(np.float32)), np.uint8)
    width_px = max(1, round(pixels.shape[1] * height_px / pixels.shape[0]))
    cell = np.asarray(cv2.resize(pixels, (width_px, height_px), interpolation=cv2.INTER_AREA), np.uint8)
    strip = np.full((_STRIP_PX, width_px, 3), 255, np.uint8)
    cv2.putText(strip, label, (6, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate([strip, cell], axis=0)
