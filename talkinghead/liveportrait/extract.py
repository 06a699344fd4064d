"""What drives, as LivePortrait itself reads it: a face in pictures becomes implicit keypoint motion."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import islice

import cv2
import numpy as np
import numpy.typing as npt
import torch

from talkinghead.liveportrait import crop as cropping
from talkinghead.liveportrait.engine import Engine
from talkinghead.liveportrait.rules import lip_neutral
from talkinghead.types import Face, Motion, Pixels, Rest

_BATCH = 8


def driving_matrix(faces: Iterable[Face]) -> npt.NDArray[np.float64]:
    """The one crop (2, 3) of a driving clip: upright, the mean of what each of its faces asks for.

    One box for all frames lets the head move inside it; a crop that followed the face would take its motion away.

    Raises:
        FaceError: a face is too small.
        ValueError: there is no face.
    """
    wanted = []
    for face in faces:
        points = cropping.mesh_points(face.landmarks)
        matrix = cropping.crop_matrix(points, cropping.DRIVING_SCALE, cropping.DRIVING_SHIFT)
        side = cropping.SIZE_PX / np.sqrt(np.linalg.det(matrix[:, :2]))
        middle = np.full(2, cropping.SIZE_PX / 2)
        wanted.append([*np.linalg.solve(matrix[:, :2], middle - matrix[:, 2]), side])
    if not wanted:
        raise ValueError("a driving crop needs a face")
    x, y, side = np.mean(wanted, axis=0)
    zoom = cropping.SIZE_PX / side
    return np.array([[zoom, 0, cropping.SIZE_PX / 2 - zoom * x], [0, zoom, cropping.SIZE_PX / 2 - zoom * y]])


def extract(
    engine: Engine,
    frames: Iterable[tuple[Pixels, Face]],
    matrix: npt.NDArray[np.float64],
    fps: Fraction,
    *,
    rest: Rest | None = None,
    batch: int = _BATCH,
) -> Iterator[Motion]:
    """Motion (view "expression") of a clip's frames (H, W, 3) and faces, in chunks of `batch` frames, as they come.

    `matrix` is the clip's crop (`driving_matrix`); `rest` the driver's, by default the first frame.
    """
    stream = iter(frames)
    while group := list(islice(stream, batch)):
        small = [_small(pixels, matrix) for pixels, _ in group]
        reading = engine.read(torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).float() / 255)
        ratios = [cropping.mesh_ratios(face.landmarks) for _, face in group]
        exp, t, scale, degrees = (
            value.cpu().numpy() for value in (reading.head.exp, reading.head.t, reading.head.scale, reading.degrees)
        )
        if rest is None:
            rest = Rest(expression=exp[0], rotation=degrees[0], translation=t[0], scale=float(scale[0, 0]))
        yield Motion.from_expression(
            exp, fps, rotation=degrees, translation=t, scale=scale, rest=rest,
            eye_ratio=np.stack([ratio.eyes for ratio in ratios]), lip_ratio=[ratio.lip for ratio in ratios],
        )  # fmt: skip


def extract_picture(engine: Engine, pixels: Pixels, face: Face, fps: Fraction) -> Motion:
    """One frame of motion of a single driving picture.

    It has no first frame to be relative to: its rest has LivePortrait's neutral lips, and its own pose.
    """
    motion = next(extract(engine, [(pixels, face)], driving_matrix([face]), fps))
    own = motion.rest
    rest = Rest(expression=lip_neutral().numpy(), rotation=own.rotation, translation=own.translation, scale=own.scale)
    return Motion.from_expression(
        motion.expression, fps, rotation=motion.rotation, translation=motion.translation, scale=motion.scale,
        rest=rest, eye_ratio=motion.eye_ratio, lip_ratio=motion.lip_ratio,
    )  # fmt: skip


def _small(pixels: Pixels, matrix: npt.NDArray[np.float64]) -> Pixels:
    """The crop as the motion extractor sees it: (256, 256, 3)."""
    size = (cropping.NETWORK_PX, cropping.NETWORK_PX)
    return np.asarray(cv2.resize(cropping.cut(pixels, matrix), size, interpolation=cv2.INTER_AREA), np.uint8)
