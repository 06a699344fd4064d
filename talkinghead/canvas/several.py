"""Several faces in one picture or video: what each of them is drawn to be, in one picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from talkinghead.core.errors import FaceError
from talkinghead.core.types import Image, Pixels
from talkinghead.faces import find_faces


def merge_changes(at_rest: Pixels, pictures: Sequence[Pixels]) -> Pixels:
    """Every picture's changes to the one picture `at_rest`; faces' crops may overlap, their changes rarely do.

    All are (H, W, 3) RGB, or (H, W, 4) RGBA, uint8.
    """
    total = at_rest.astype(np.int16)
    for picture in pictures:
        total += picture.astype(np.int16) - at_rest
    return np.clip(total, 0, 255).astype(np.uint8)


def count_faces(image: Image) -> int:
    """How many faces a picture shows.

    Raises:
        FaceError: none.
    """
    count = len(find_faces(image))
    if count == 0:
        raise FaceError(f"no face was found in {image.name}: choose another picture, or say where it is with --box")
    return count
