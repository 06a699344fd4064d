"""Parts of the pipeline that note how long they take: a network, a renderer, a canvas, each around a real one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talkinghead.canvas import Canvas
from talkinghead.core.types import DrawnCrop, Face, Floats, Image, Pixels, Portrait, TrackReport
from talkinghead.motion.motion import Motion
from talkinghead.motion.protocols import Drawing, Renderer
from talkinghead.quality.report import Stages

if TYPE_CHECKING:
    from audio2motion import ModelConfig, Predictor


class TimedNetwork:
    """The network of a speech model; its time is "speech"."""

    def __init__(self, predictor: Predictor, stages: Stages) -> None:
        self._network, self._stages = predictor.network, stages

    @property
    def config(self) -> ModelConfig:
        return self._network.config

    def start(self, low_latency: bool = False) -> Any:
        return self._network.start(low_latency)

    def __call__(self, sound: Floats, state: Any) -> tuple[Any, Any]:
        with self._stages.time("speech"):
            return self._network(sound, state)


@dataclass(frozen=True)
class TimedRenderer:
    """A renderer whose drawings' time is "draw"."""

    renderer: Renderer
    stages: Stages

    @property
    def name(self) -> str:
        return self.renderer.name

    @property
    def extractor(self) -> object | None:
        return self.renderer.extractor

    def crop(self, image: Image, face: Face, whole: bool = False) -> Portrait:
        return self.renderer.crop(image, face, whole)

    def open(self, portrait: Portrait | None, *, single: bool = False, keep_mouth: bool = False) -> Drawing:
        with self.stages.time("draw"):
            return _TimedDrawing(self.renderer.open(portrait, single=single, keep_mouth=keep_mouth), self.stages)


@dataclass(frozen=True)
class _TimedDrawing:
    drawing: Drawing
    stages: Stages

    @property
    def batch(self) -> int:
        return self.drawing.batch

    def draw(self, motion: Motion, portraits: Sequence[Portrait] = ()) -> Iterable[DrawnCrop]:
        with self.stages.time("draw"):
            drawn = self.drawing.draw(motion, portraits)
        return self.stages.each("draw", drawn)

    def finish(self) -> list[DrawnCrop]:
        with self.stages.time("draw"):
            return self.drawing.finish()


@dataclass(frozen=True)
class TimedCanvas:
    """A canvas whose pasting back is "paste"."""

    canvas: Canvas
    stages: Stages

    @property
    def portrait(self) -> Portrait | None:
        return self.canvas.portrait

    @property
    def size_px(self) -> tuple[int, int]:
        return self.canvas.size_px

    @property
    def report(self) -> TrackReport | None:
        return self.canvas.report

    @property
    def is_transparent(self) -> bool:
        return self.canvas.is_transparent

    @property
    def file(self) -> Path | None:
        return self.canvas.file

    def portraits(self) -> Iterator[Portrait]:
        return self.canvas.portraits()

    def cropped(self, drawn: DrawnCrop) -> Pixels:
        return self.canvas.cropped(drawn)

    def at_rest(self, drawn: DrawnCrop) -> Pixels:
        return self.canvas.at_rest(drawn)

    def placed(self, drawn: DrawnCrop) -> Pixels:
        with self.stages.time("paste"):
            return self.canvas.placed(drawn)
