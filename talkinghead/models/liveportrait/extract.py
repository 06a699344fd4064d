"""What drives, as LivePortrait itself reads it: a face in pictures becomes implicit keypoint motion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import numpy.typing as npt

from talkinghead.core.errors import FaceError
from talkinghead.core.types import Face, Pixels
from talkinghead.models.liveportrait import crop as cropping
from talkinghead.models.liveportrait.crop import Ratios
from talkinghead.models.liveportrait.engine import Engine
from talkinghead.models.liveportrait.head import lip_neutral
from talkinghead.models.liveportrait.reading import as_tensor
from talkinghead.motion.motion import Motion, Rest


class DrivingCrop:
    """The one crop of a driving clip: upright, the mean of what each of its faces asks for.

    One box for all frames lets the head move inside it; a crop that followed the face would take its motion away.
    """

    def __init__(self) -> None:
        self.faces = 0
        self._sum = np.zeros(3)

    def add(self, face: Face) -> None:
        """One more frame's face.

        Raises:
            FaceError: it is too small.
        """
        points = cropping.mesh_points(face.landmarks)
        matrix = cropping.crop_matrix(points, cropping.DRIVING_SCALE, cropping.DRIVING_SHIFT)
        side = cropping.SIZE_PX / np.sqrt(np.linalg.det(matrix[:, :2]))
        middle = np.full(2, cropping.SIZE_PX / 2)
        self._sum += [*np.linalg.solve(matrix[:, :2], middle - matrix[:, 2]), side]
        self.faces += 1

    @property
    def matrix(self) -> npt.NDArray[np.float64]:
        """(2, 3): from the clip's pixels to the crop's.

        Raises:
            FaceError: there was no face.
        """
        if not self.faces:
            raise FaceError("no frame shows a face: choose another driver")
        x, y, side = self._sum / self.faces
        zoom = cropping.SIZE_PX / side
        return np.array([[zoom, 0, cropping.SIZE_PX / 2 - zoom * x], [0, zoom, cropping.SIZE_PX / 2 - zoom * y]])


def extract(
    engine: Engine,
    pictures: Sequence[Pixels],
    ratios: Sequence[Ratios],
    matrix: npt.NDArray[np.float64],
    fps: Fraction,
    rest: Rest | None = None,
) -> Motion:
    """Motion (view "expression") of T >= 1 pictures (H, W, 3) of one clip, and the ratios of their T faces.

    `matrix` (2, 3) is the clip's crop (`DrivingCrop`); `rest` the driver's, by default the first of these frames.
    """
    reading = engine.read(as_tensor([_small(pixels, matrix) for pixels in pictures]))
    exp, t, scale, degrees = (
        value.cpu().numpy() for value in (reading.head.exp, reading.head.t, reading.head.scale, reading.degrees)
    )
    if rest is None:
        rest = Rest(expression=exp[0], rotation=degrees[0], translation=t[0], scale=float(scale[0, 0]))
    return Motion.from_expression(
        exp, fps, rotation=degrees, translation=t, scale=scale, rest=rest,
        eye_ratio=np.stack([ratio.eyes for ratio in ratios]), lip_ratio=[ratio.lip for ratio in ratios],
    )  # fmt: skip


def extract_picture(engine: Engine, pixels: Pixels, face: Face, fps: Fraction) -> Motion:
    """One frame of motion of a single driving picture (H, W, 3).

    It has no first frame to be relative to: its rest has LivePortrait's neutral lips, and its own pose.

    Raises:
        FaceError: the face is too small.
    """
    crop = DrivingCrop()
    crop.add(face)
    motion = extract(engine, [pixels], [cropping.mesh_ratios(face.landmarks)], crop.matrix, fps)
    rest = replace(motion.rest, expression=lip_neutral().numpy())
    return Motion.from_expression(
        motion.expression, fps, rotation=motion.rotation, translation=motion.translation, scale=motion.scale,
        rest=rest, eye_ratio=motion.eye_ratio, lip_ratio=motion.lip_ratio,
    )  # fmt: skip


def _small(pixels: Pixels, matrix: npt.NDArray[np.float64]) -> Pixels:
    """The crop as the motion extractor sees it: (256, 256, 3)."""
    size = (cropping.NETWORK_PX, cropping.NETWORK_PX)
    return np.asarray(cv2.resize(cropping.cut(pixels, matrix), size, interpolation=cv2.INTER_AREA), np.uint8)
