"""LivePortrait as a renderer: portraits and motion in, frames of the crop out, in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from talkinghead.core.types import Crop, DrawnCrop, Face, Image, Pixels, Portrait
from talkinghead.models.liveportrait import crop as cropping
from talkinghead.models.liveportrait.engine import Engine, Reading
from talkinghead.models.liveportrait.fast.warping import Source
from talkinghead.models.liveportrait.landmarks import LandmarkNet
from talkinghead.motion.motion import Motion
from talkinghead.renderers.liveportrait import rules
from talkinghead.renderers.liveportrait.animate import Animator, SourceState, source_state
from talkinghead.renderers.liveportrait.kalman import KalmanSmoother
from talkinghead.renderers.liveportrait.options import LivePortraitOptions
from talkinghead.renderers.liveportrait.rules import Head

if TYPE_CHECKING:
    from talkinghead.core.settings import Settings

_BATCH = {"cpu": 1, "cuda": 8, "mps": 2}


class _Item(NamedTuple):
    """One frame of a source video on its way: what was read of it, and its frame of the driving motion."""

    portrait: Portrait
    features: Source
    state: SourceState
    motion: Motion
    moved: Head


class LivePortraitRenderer:
    """Draws with LivePortrait's networks (arXiv 2407.03168).

    Args:
        engine: the networks on their device.
        options: of the motion rules.
        landmarks: LivePortrait's own landmarks, for crop and ratios; without them MediaPipe's mesh serves.
        batch: frames drawn at once; None for what suits the device.
    """

    name = "liveportrait"

    def __init__(
        self,
        engine: Engine,
        options: LivePortraitOptions | None = None,
        *,
        landmarks: LandmarkNet | None = None,
        batch: int | None = None,
    ) -> None:
        self.engine, self.options = engine, options or LivePortraitOptions()
        self._landmarks = landmarks
        self._batch = batch or _BATCH.get(engine.device.type, 1)

    def crop(self, image: Image, face: Face, whole: bool = False) -> Portrait:
        """The face as LivePortrait likes it: upright, 512x512, side 2.3 times the face's; or the `whole` picture."""
        if whole:
            matrix = cropping.whole_crop(image).matrix
        elif self._landmarks:
            found = self._landmarks(image.pixels, face.landmarks)
            matrix = cropping.crop_matrix(cropping.points_203(found))
        else:
            matrix = cropping.crop_matrix(cropping.mesh_points(face.landmarks))
        size_px = (cropping.SIZE_PX, cropping.SIZE_PX)
        return Portrait(image, face, Crop(matrix, size_px), cropping.cut(image.pixels, matrix))

    def read(self, pictures: list[Pixels]) -> Reading:
        """What the motion extractor reads off 256x256 pictures: the driver's side of LivePortrait."""
        return self.engine.read(_tensor(pictures))

    def render(self, source: Portrait | Iterable[Portrait], motion: Iterable[Motion]) -> Iterator[DrawnCrop]:
        """Frames (512, 512, 3) of the portrait's crop, one per frame of motion, drawn as they are asked for.

        A source video's own motion is kept and the sum Kalman-smoothed; it draws about a dozen frames behind.
        """
        chunks = iter(motion)
        first = next(chunks, None)
        if first is None:
            return
        second = next(chunks, None) if len(first) == 1 else None
        single = len(first) == 1 and second is None
        chunks = chain([first], [second] if second is not None else [], chunks)
        animator = Animator(self.engine, self.options, first.rest, single)
        if isinstance(source, Portrait):
            yield from self._still(source, _batches(chunks, self._batch), animator)
        else:
            yield from self._video(source, chunks, animator)

    def _still(self, portrait: Portrait, batches: Iterator[Motion], animator: Animator) -> Iterator[DrawnCrop]:
        features, state = self._read([portrait])
        for motion in batches:
            with torch.inference_mode():
                x = animator.keypoints(state, motion, animator.moved(state, motion), still=True)
            for pixels in self.engine.draw(features, x, state.x).numpy():
                yield DrawnCrop(pixels, portrait)

    def _video(
        self, portraits: Iterable[Portrait], chunks: Iterator[Motion], animator: Animator
    ) -> Iterator[DrawnCrop]:
        items = self._smoothed(self._items(iter(portraits), chunks, animator))
        while batch := list(islice(items, self._batch)):
            motion = Motion.concatenate([item.motion for item in batch])
            state, moved = _join_states([item.state for item in batch]), _join([item.moved for item in batch])
            with torch.inference_mode():
                x = animator.keypoints(state, motion, moved, still=False)
            features = _join_sources([item.features for item in batch])
            for item, pixels in zip(batch, self.engine.draw(features, x, state.x).numpy()):
                yield DrawnCrop(pixels, item.portrait)

    def _items(self, portraits: Iterator[Portrait], chunks: Iterator[Motion], animator: Animator) -> Iterator[_Item]:
        """Every frame of a source video with what drives it; the shorter of the two ends it."""
        for motion, portrait in zip(_batches(chunks, 1), portraits):
            features, state = self._read([portrait])
            with torch.inference_mode():
                yield _Item(portrait, features, state, motion, animator.moved(state, motion))

    def _smoothed(self, items: Iterator[_Item]) -> Iterator[_Item]:
        """The items with expression and rotation smoothed over time."""
        smoother, waiting = KalmanSmoother(), []
        for item in items:
            waiting.append(item)
            for values in smoother.push(torch.cat([item.moved.exp[0], item.moved.rotation[0]])):
                yield _with_pose(waiting.pop(0), values)
        for values in smoother.finish():
            yield _with_pose(waiting.pop(0), values)

    def _read(self, portraits: list[Portrait]) -> tuple[Source, SourceState]:
        pictures = _tensor([cropping.network_picture(p.image, p.crop, p.pixels) for p in portraits])
        reading = self.engine.read(pictures)
        ratios = [self._ratios(portrait) for portrait in portraits]
        with torch.inference_mode():
            state = source_state(reading.canonical, reading.head, ratios)
        return self.engine.source(pictures), state

    def _ratios(self, portrait: Portrait) -> cropping.Ratios:
        if self._landmarks:
            return cropping.ratios_203(self._landmarks(portrait.image.pixels, portrait.face.landmarks))
        return cropping.mesh_ratios(portrait.face.landmarks)


def open_renderer(settings: Settings) -> LivePortraitRenderer:
    """The renderer that `settings` ask for, with verified weights.

    Raises:
        CheckpointError: weights are missing or damaged.
        DeviceError: the device or precision does not exist here.
    """
    from talkinghead.checkpoints import resolve
    from talkinghead.core.device import resolve_device, resolve_precision
    from talkinghead.models.liveportrait.weights import load_models

    device = resolve_device(settings.device)
    precision = resolve_precision(settings.precision, device)
    asked = dict(settings.liveportrait)
    compiled = bool(asked.pop("compile", False))
    options = LivePortraitOptions(**asked)
    animals = settings.renderer == "liveportrait-animals"
    paths = resolve("liveportrait-animals" if animals else "liveportrait", settings.checkpoints).paths
    engine = Engine(load_models(paths), device, precision, compiled)
    return LivePortraitRenderer(engine, options, landmarks=_landmark_net(paths.values()))


def _landmark_net(paths: Iterable[Path]) -> LandmarkNet | None:
    """LivePortrait's landmark network, where its file is present and onnxruntime installed."""
    from importlib.util import find_spec

    found = [path for path in paths if path.name == "landmark.onnx" and path.is_file()]
    return LandmarkNet(found[0]) if found and find_spec("onnxruntime") else None


def _tensor(pictures: list[Pixels]) -> Tensor:
    """Pictures (h, w, 3) uint8 -> (B, 3, h, w) in 0..1."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255


def _batches(chunks: Iterable[Motion], size: int) -> Iterator[Motion]:
    """A stream of motion cut to `size` frames, the last batch as long as what is left of its chunk."""
    for chunk in chunks:
        for begin in range(0, len(chunk), size):
            yield chunk[begin : begin + size]


def _with_pose(item: _Item, values: Tensor) -> _Item:
    exp, rotation = values[None, : rules.N_KEYPOINTS], values[None, rules.N_KEYPOINTS :]
    return item._replace(moved=item.moved._replace(exp=exp, rotation=rotation))


def _join(heads: list[Head]) -> Head:
    return Head(*[torch.cat(parts) for parts in zip(*heads)])


def _join_states(states: list[SourceState]) -> SourceState:
    canonical, head, x, eyes, lip = zip(*states)
    return SourceState(torch.cat(canonical), _join(list(head)), torch.cat(x), torch.cat(eyes), torch.cat(lip))


def _join_sources(sources: list[Source]) -> Source:
    compact, table = torch.cat([s.compact for s in sources]), torch.cat([s.table for s in sources])
    return Source(compact, table, sources[0].size)
