"""Drivers as LivePortrait reads them: its motion extractor instead of the face mesh, where its weights are at hand."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from talkinghead.core.errors import FaceError
from talkinghead.core.types import Floats, Image, Pixels, TrackReport
from talkinghead.drivers.picture import eased
from talkinghead.faces import FaceTracker, find_face
from talkinghead.models.liveportrait.crop import Ratios, mesh_ratios
from talkinghead.models.liveportrait.extract import DrivingCrop, extract, extract_picture
from talkinghead.motion.motion import Motion

if TYPE_CHECKING:
    from talkinghead.models.liveportrait.engine import Engine


class ExtractedMotionSource:
    """A MotionSource over pictures of one face, relative to its first frame.

    `pictures` (H, W, 3) RGB at `fps` are read twice: first for the face, whose mean box over the clip is the crop of
    all frames, then for its motion. `face` picks one of several, counted from 1 by size. Where no face is found, the
    extractor still reads the crop; `report` counts such frames.

    Raises (when iterated):
        FaceError: no frame shows a face.
    """

    def __init__(
        self,
        pictures: Iterable[Pixels],
        fps: Fraction,
        engine: Engine,
        *,
        name: str = "the driver",
        frames: int | None = None,
        face: int | None = None,
    ) -> None:
        self._pictures, self._fps, self._engine = pictures, Fraction(fps), engine
        self._name, self._frames, self._face = name, frames, face
        self.report = TrackReport()

    @property
    def fps(self) -> Fraction:
        return self._fps

    @property
    def frames(self) -> int | None:
        return self._frames

    def __iter__(self) -> Iterator[Motion]:
        try:
            matrix, rows = self._look()
        except FaceError as error:
            raise FaceError(f"{self._name}: {error}") from None
        ratios = (Ratios(row[:2], float(row[2])) for row in rows)
        yield from extract(self._engine, zip(self._pictures, ratios), matrix, self._fps)

    def _look(self) -> tuple[npt.NDArray[np.float64], Floats]:
        """The clip's crop, and every frame's ratios (T, 3): both eyes' and the lips'."""
        crop, tracker, flat = DrivingCrop(), FaceTracker(index=self._face), array("f")
        lost = gaps = longest = missing = 0
        for pixels in self._pictures:
            face = tracker.track(pixels)
            missing = 0 if face is not None else missing + 1
            lost, gaps, longest = lost + (missing > 0), gaps + (missing == 1), max(longest, missing)
            if face is None:
                # Nothing was measured: the last ratios hold, and the first stand in for what came before them.
                flat.extend(flat[-3:] or (np.nan,) * 3)
                continue
            crop.add(face)
            ratio = mesh_ratios(face.landmarks)
            flat.extend((*ratio.eyes, ratio.lip))
        rows = np.array(flat, np.float32).reshape(-1, 3)
        self.report = TrackReport(len(rows), lost, gaps, longest / float(self._fps))
        matrix = crop.matrix
        found = rows[np.isfinite(rows[:, 0])]
        return matrix, np.where(np.isfinite(rows), rows, found[0])


class ExtractedPictureSource:
    """A MotionSource over one picture, against LivePortrait's neutral lips.

    `clip`: False for one frame, True for a short clip that eases into the expression, holds it, and eases back.

    Raises:
        FaceError: the picture shows no face.
    """

    def __init__(
        self,
        image: Image,
        engine: Engine,
        *,
        fps: Fraction = Fraction(25),
        clip: bool = False,
        face: int | None = None,
        box: tuple[float, float, float, float] | None = None,
    ) -> None:
        self._fps = Fraction(fps)
        self._motion = extract_picture(engine, image.pixels, find_face(image, index=face, box=box), self._fps)
        self._levels = eased(float(fps)) if clip else None

    @property
    def fps(self) -> Fraction:
        return self._fps

    @property
    def frames(self) -> int | None:
        return 1 if self._levels is None else len(self._levels)

    def __iter__(self) -> Iterator[Motion]:
        if self._levels is None:
            yield self._motion
            return
        rest, levels = self._motion.rest, self._levels[:, None, None]
        expression = rest.expression + levels * (self._motion.expression - rest.expression)
        n = len(expression)
        yield Motion.from_expression(
            expression, self._fps, rotation=self._motion.rotation.repeat(n, 0), rest=rest,
            translation=self._motion.translation.repeat(n, 0), scale=self._motion.scale.repeat(n),
        )  # fmt: skip
