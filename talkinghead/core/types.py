"""Pictures, faces and what is cut out of them and drawn: the types that cross the borders between rooms.

Pictures are RGB, uint8, height x width x 3; picture coordinates are pixels, x right, y down, pixel centres at
integers. What drives and what draws meet in `talkinghead.motion.Motion`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
AnyFloats = npt.NDArray[np.floating[Any]]

N_LANDMARKS = 478


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """A picture: `pixels` (H, W, 3) RGB uint8; `alpha` (H, W) uint8 or None; `name` for messages and file names.

    `full_size_px`: (width, height) before it was scaled down, None where it was not. `file`: what it was read from.
    """

    pixels: Pixels
    alpha: Pixels | None = None
    name: str = "picture"
    full_size_px: tuple[int, int] | None = None
    file: Path | None = None

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height)."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def to_original(self) -> Doubles:
        """The map (2, 3) from `pixels` to the picture's own: what people read off it, and are told."""
        (width, height), (own_width, own_height) = self.size_px, self.full_size_px or self.size_px
        sx, sy = own_width / width, own_height / height
        return np.array([[sx, 0, (sx - 1) / 2], [0, sy, (sy - 1) / 2]])


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face in a picture: MediaPipe's face mesh with irises.

    `landmarks` (478, 3) float32: x, y in picture pixels; z in the same unit, negative towards the camera.
    `confidence`: how sure the detector is that this is a face, 0 to 1; 1 where somebody said so.
    """

    landmarks: Floats
    confidence: float = 1.0

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Bounding box of the landmarks: (x, y, width, height) in pixels."""
        low, high = self.landmarks[:, :2].min(0), self.landmarks[:, :2].max(0)
        return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])

    @property
    def pupil_distance_px(self) -> float:
        """Distance between the irises' centres (points 468 and 473): the study's unit D."""
        return float(np.linalg.norm(self.landmarks[468, :2] - self.landmarks[473, :2]))

    def moved(self, matrix: AnyFloats) -> Face:
        """This face under an affine map (2, 3) of the picture plane; z is scaled alike."""
        m = np.asarray(matrix, np.float64)
        scale = np.sqrt(abs(np.linalg.det(m[:, :2])))
        xy = self.landmarks[:, :2] @ m[:, :2].T + m[:, 2]
        return Face(np.column_stack([xy, self.landmarks[:, 2] * scale]).astype(np.float32), self.confidence)


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """A window on a picture: `matrix` (2, 3) float64 maps picture pixels to crop pixels; `size_px` (width, height)."""

    matrix: Doubles
    size_px: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A face as a renderer wants it: the whole `image`, the `face` in its pixels, and the renderer's `crop` of it.

    `pixels` (h, w, 3) is the crop, resampled; `landmarks` are the face's points in crop pixels. `matte` (h, w) uint8:
    where the crop shows the person, 255, and not what is behind; None where nobody asks for it to be drawn.
    """

    image: Image
    face: Face
    crop: Crop
    pixels: Pixels
    matte: Pixels | None = None

    @property
    def landmarks(self) -> Floats:
        """(478, 3) in crop pixels."""
        return self.face.moved(self.crop.matrix).landmarks


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """A piece of a finished picture: `pixels` (h, w, 3), whose top left one is the picture's `corner_px` (x, y)."""

    pixels: Pixels
    corner_px: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class DrawnCrop:
    """What a renderer draws: `pixels` (h, w, 3) in the crop of `portrait`; `mask` (h, w) uint8 says where to paste it.

    Without a mask the whole crop replaces the picture's rectangle. `patch`: the crop already blended with the
    portrait's own picture, where the renderer has done that. `matte` (h, w) uint8: the portrait's, as it is moved.
    """

    pixels: Pixels
    portrait: Portrait
    mask: Pixels | None = None
    patch: Patch | None = None
    matte: Pixels | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame of a session: `pixels` (H, W, 3) RGB uint8 as it is to be shown at `time_s` seconds; (H, W, 4) RGBA,
    not premultiplied, where the background is transparent.

    `number` counts the session's frames from 0, and `time_s` is `number` over the frame rate: the time of the sound
    that was pushed. `drawn` is the face before it was pasted back, for whoever composes pictures of their own.
    """

    pixels: Pixels
    number: int
    time_s: float
    drawn: DrawnCrop


@dataclass
class TrackReport:
    """How following a face went: `frames` in all, `lost` without it, in `gaps` runs, the longest `longest_s` s."""

    frames: int = 0
    lost: int = 0
    gaps: int = 0
    longest_s: float = 0.0
