"""Draws docs/assets/backgrounds.jpg: both portraits, their heads turned, before each kind of background.

    python examples/background_sheet.py

The columns: the picture as it is, transparent (on a checkerboard), a colour, the own background blurred, a picture.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import cv2
import numpy as np

from talkinghead.avatar import Avatar
from talkinghead.core.types import Pixels
from talkinghead.media.image_writing import write_image

HERE = Path(__file__).parent
OUT = HERE.parent / "docs" / "assets" / "backgrounds.jpg"
CELL_PX = 240
ROWS: tuple[tuple[str, dict[str, float]], ...] = (
    ("astronaut.png", {"yaw": 16, "jaw": 0.5}),
    ("astronaut.png", {"roll": 16, "pitch": -6}),
    ("grace_hopper.jpg", {"yaw": -14, "jaw": 0.3}),
)


def evening() -> Pixels:
    """(600, 600, 3): a painted sky over a sea."""
    y, x = np.indices((600, 600), np.float32) / 600
    sky = np.array([40, 60, 120]) + (y[..., None] ** 2) * 1.9 * np.array([210, 90, 20])
    sun = np.exp(-(((x - 0.75) / 0.06) ** 2 + ((y - 0.5) / 0.06) ** 2))[..., None] * np.array([150, 130, 60])
    waves = np.array([20, 50, 80]) + 25 * np.sin(60 * y / (y - 0.5).clip(0.05))[..., None]
    return np.where(y[..., None] < 0.6, sky + sun, waves).clip(0, 255).astype(np.uint8)


def on_checkerboard(picture: Pixels) -> Pixels:
    """A picture (H, W, 4) as editors show what is transparent."""
    y, x = np.indices(picture.shape[:2])
    board = np.where((x // 16 + y // 16) % 2, 215, 165)[..., None]
    share = picture[..., 3:] / 255
    return np.round(share * picture[..., :3] + (1 - share) * board).astype(np.uint8)


def cell(picture: Pixels) -> Pixels:
    """The upper square of a picture."""
    side = min(picture.shape[:2])
    return np.asarray(cv2.resize(picture[:side, :side], (CELL_PX, CELL_PX), interpolation=cv2.INTER_AREA), np.uint8)


def main() -> None:
    """Draw and write."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        painted = write_image(Path(folder) / "evening.png", evening())
        for name, moved in ROWS:
            row = []
            for background in (None, "transparent", "#00b140", "blur", str(painted)):
                drawn = Avatar(HERE / name, renderer="warp", background=background).edit_rgba(moved)
                row.append(cell(on_checkerboard(drawn) if drawn.shape[2] == 4 else drawn))
            rows.append(np.concatenate(row, axis=1))
    sheet = cv2.cvtColor(np.concatenate(rows), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(OUT), sheet, (cv2.IMWRITE_JPEG_QUALITY, 78))
    print(f"{OUT}: {OUT.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
