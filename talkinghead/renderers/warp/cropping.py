"""The renderer's crop: a plain rectangle of the picture at its own scale, so that paste-back is a copy."""

from __future__ import annotations

import cv2
import numpy as np

from talkinghead.core.errors import FaceError
from talkinghead.core.types import Crop, Face, Image, Portrait
from talkinghead.faces import mesh
from talkinghead.renderers.warp import anatomy

# Study: the crop's side in face heights, and how far up its middle lies, in sides.
CROP_FACE_HEIGHTS, _UP = 2.15, 0.06
# Beyond this the face is drawn smaller and enlarged again by paste-back.
MAX_CROP_SIDE_PX = 1440
# In sides of the picture: a larger face cannot be one that was seen in it.
_LARGEST_FACE = 4.0


def crop_rectangle(image: Image, face: Face, size_px: int | None = None, whole: bool = False) -> Portrait:
    """Crop `image` around `face`: 2.15 face heights a side, cut at the picture's border.

    The crop is the picture's own pixels unless its longer side is over 1440 px, or `size_px` asks for a longer side of
    that many pixels. `whole` takes the whole picture.

    Raises:
        FaceError: the face lies outside the picture.
    """
    width, height = image.size_px
    x, y, wide, tall = face.box
    if x + wide < 0 or y + tall < 0 or x > width or y > height or max(wide, tall) > _LARGEST_FACE * max(width, height):
        raise FaceError(f"the face in {image.name} lies outside the picture: give another with --face or --box")
    if whole:
        x0, y0, x1, y1 = 0, 0, width, height
    else:
        x0, y0, x1, y1 = _rectangle(face, width, height)
    pixels = image.pixels[y0:y1, x0:x1]
    longer = max(x1 - x0, y1 - y0)
    wanted = size_px or min(longer, MAX_CROP_SIDE_PX)
    if wanted == longer:
        matrix = np.array([[1, 0, -x0], [0, 1, -y0]], np.float64)
        return Portrait(image, face, Crop(matrix, (x1 - x0, y1 - y0)), np.ascontiguousarray(pixels))
    out = (max(2, round((x1 - x0) * wanted / longer)), max(2, round((y1 - y0) * wanted / longer)))
    sx, sy = out[0] / (x1 - x0), out[1] / (y1 - y0)
    shrinks = sx < 1
    pixels = cv2.resize(pixels, out, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    # Pixel centres are at integers: the first pixel's centre is half a pixel inside the rectangle's edge.
    matrix = np.array([[sx, 0, (0.5 - x0) * sx - 0.5], [0, sy, (0.5 - y0) * sy - 0.5]], np.float64)
    return Portrait(image, face, Crop(matrix, out), pixels)


def _rectangle(face: Face, width: int, height: int) -> tuple[int, int, int, int]:
    """(x0, y0, x1, y1) in whole pixels, inside the picture."""
    oval = face.landmarks[list(mesh.FACE_OVAL), :2]
    low, high = oval.min(0), oval.max(0)
    tall = float(max(high[1] - low[1], high[0] - low[0]))
    side = CROP_FACE_HEIGHTS * max(tall, 4.0)
    centre = (low + high) / 2 - _UP * side * anatomy.face_down(face.landmarks)
    x0, y0 = np.floor(centre - side / 2).astype(int)
    x1, y1 = np.ceil(centre + side / 2).astype(int)
    x0, y0 = int(np.clip(x0, 0, width - 2)), int(np.clip(y0, 0, height - 2))
    return x0, y0, int(np.clip(x1, x0 + 2, width)), int(np.clip(y1, y0 + 2, height))
