"""Drivers as LivePortrait reads them: its motion extractor instead of the face mesh, where its weights are at hand."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from talkinghead.core.ahead import ahead
from talkinghead.core.errors import FaceError, InputError
from talkinghead.core.types import Floats, Image, Pixels, TrackReport
from talkinghead.drivers.driving import Driving
from talkinghead.drivers.picture import eased
from talkinghead.faces import StreamTracker, find_face
from talkinghead.media.sound import Sound
from talkinghead.models.liveportrait.crop import Ratios, mesh_ratios
from talkinghead.models.liveportrait.extract import DrivingCrop, extract, extract_picture
from talkinghead.motion.motion import Motion, Rest

if TYPE_CHECKING:
    from talkinghead.models.liveportrait.engine import Engine

# Pictures that the motion extractor reads at once.
_GROUP = 8


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What a first pass over a clip of T frames found.

    `matrix` (2, 3): the one crop of all frames; `rows` (T, 3): each frame's eye ratios, the eye on the picture's left
    first, and lip ratio; `report`: how following the face went.
    """

    matrix: npt.NDArray[np.float64]
    rows: Floats
    report: TrackReport

    def ratios(self) -> Iterable[Ratios]:
        """The rows as what a driver's chunks hold, one per frame."""
        return (Ratios(row[:2], float(row[2])) for row in self.rows)


def look(pictures: Iterable[Pixels], fps: Fraction, face: int | None = None, name: str = "the driver") -> Look:
    """Follow the face through a clip's pictures (H, W, 3), before its motion is read.

    `face` picks one of several, counted from 1 by size; `name` is for messages. Where no face is found, the last
    ratios hold, and the first stand in for what came before them.

    Raises:
        FaceError: no frame shows a face, or it is too small.
    """
    try:
        return _look(pictures, fps, face)
    except FaceError as error:
        raise FaceError(f"{name}: {error}") from None


def _look(pictures: Iterable[Pixels], fps: Fraction, face: int | None) -> Look:
    crop, flat = DrivingCrop(), array("f")
    lost = gaps = longest = missing = 0
    with StreamTracker(index=face) as tracker, ahead(pictures) as read:
        for _, found, _ in tracker.follow(read):
            missing = 0 if found is not None else missing + 1
            lost, gaps, longest = lost + (missing > 0), gaps + (missing == 1), max(longest, missing)
            if found is None:
                flat.extend(flat[-3:] or (np.nan,) * 3)
                continue
            crop.add(found)
            ratio = mesh_ratios(found.landmarks)
            flat.extend((*ratio.eyes, ratio.lip))
    matrix, rows = crop.matrix, np.array(flat, np.float32).reshape(-1, 3)
    measured = np.isfinite(rows)
    rows = np.where(measured, rows, rows[measured[:, 0]][0])
    return Look(matrix, rows, TrackReport(len(rows), lost, gaps, longest / float(fps)))


class ExtractedVideoDriver:
    """A driving clip's pictures and ratios to motion, relative to its first frame.

    A chunk is one frame: its pixels (H, W, 3) and its ratios; they are read in groups of 8. Where the face is lost, the
    extractor still reads the crop.

    Args:
        engine: LivePortrait's networks.
        matrix: (2, 3), the clip's crop, as `look` gives it.
        fps: the pictures' rate.
        single: the clip is one picture.
        report: of the look ahead.
    """

    def __init__(
        self,
        engine: Engine,
        matrix: npt.NDArray[np.float64],
        fps: Fraction,
        *,
        single: bool = False,
        report: TrackReport | None = None,
    ) -> None:
        self._engine, self._matrix = engine, matrix
        self.fps, self.single, self.report = Fraction(fps), single, report
        self._group: list[tuple[Pixels, Ratios]] = []
        self._rest: Rest | None = None
        self._ended = False

    def push(self, chunk: tuple[Pixels, Ratios]) -> Motion | None:
        """One more frame; the motion of a group of 8 when it is whole.

        Raises:
            InputError: the driver has ended.
        """
        if self._ended:
            raise InputError("this driver has ended: make a new one for the next clip")
        self._group.append(chunk)
        return self._read() if len(self._group) == _GROUP else None

    def finish(self) -> Motion | None:
        """The motion of the frames that make no whole group."""
        motion = self._read() if self._group else None
        self.close()
        return motion

    def close(self) -> None:
        """Forget the frames that wait."""
        self._group, self._ended = [], True

    def _read(self) -> Motion:
        group, self._group = self._group, []
        pictures, ratios = [pixels for pixels, _ in group], [ratio for _, ratio in group]
        motion = extract(self._engine, pictures, ratios, self._matrix, self.fps, self._rest)
        self._rest = motion.rest
        return motion


def extracted(
    pictures: Iterable[Pixels],
    fps: Fraction,
    engine: Engine,
    *,
    name: str = "the driver",
    frames: int | None = None,
    face: int | None = None,
    sound: Sound | None = None,
) -> Driving[tuple[Pixels, Ratios]]:
    """The motion of `pictures` (H, W, 3) RGB at `fps`, which can be iterated as often as needed.

    They are read twice: first for the face, whose mean box over the clip is the crop of all frames, then for its
    motion, which is relative to the first frame. `face` picks one of several, counted from 1 by size.
    """
    single = frames == 1

    def start() -> tuple[ExtractedVideoDriver, Iterable[tuple[Pixels, Ratios]]]:
        found = look(pictures, fps, face, name)
        driver = ExtractedVideoDriver(engine, found.matrix, fps, single=single, report=found.report)
        return driver, zip(pictures, found.ratios())

    return Driving(start, fps, frames=frames, single=single, sound=sound)


def extracted_picture(
    image: Image,
    engine: Engine,
    fps: Fraction,
    clip: bool = False,
    face: int | None = None,
    box: tuple[float, float, float, float] | None = None,
) -> Motion:
    """The motion of one driving picture, against LivePortrait's neutral lips.

    `clip`: False for one frame, True for a short clip that eases into the expression, holds it, and eases back. `face`
    picks one of several faces, counted from 1 by size; `box` (x, y, width, height) says where it is when none is found.

    Raises:
        FaceError: the picture shows no face.
    """
    motion = extract_picture(engine, image.pixels, find_face(image, index=face, box=box), Fraction(fps))
    if not clip:
        return motion
    rest, levels = motion.rest, eased(float(fps))[:, None, None]
    expression = rest.expression + levels * (motion.expression - rest.expression)
    n = len(expression)
    return Motion.from_expression(
        expression, motion.fps, rotation=motion.rotation.repeat(n, 0), rest=rest,
        translation=motion.translation.repeat(n, 0), scale=motion.scale.repeat(n),
    )  # fmt: skip
