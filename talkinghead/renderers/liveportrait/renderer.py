"""LivePortrait as a renderer: it crops portraits and opens drawings on them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from talkinghead.core.renderer_options import LivePortraitOptions
from talkinghead.core.types import Crop, Face, Image, Portrait
from talkinghead.models.liveportrait import crop as cropping
from talkinghead.models.liveportrait.engine import Engine
from talkinghead.models.liveportrait.landmarks import LandmarkNet
from talkinghead.motion.protocols import Drawing
from talkinghead.renderers.liveportrait.animate import Animator
from talkinghead.renderers.liveportrait.drawings import StillDrawing, VideoDrawing
from talkinghead.renderers.liveportrait.sources import SourceReader

if TYPE_CHECKING:
    from talkinghead.core.settings import Settings

# Frames drawn at once: what keeps a device busy. More than 4 gain nothing with fused kernels, and take memory.
_AT_ONCE = {"cpu": 1, "cuda": 4, "mps": 2}
# In single precision a GPU is busy with fewer, and cuDNN asks for tens of gigabytes for more.
_AT_ONCE_FP32 = 2
# Pieces of that many frames whose rules are followed together on a GPU.
_PIECES = 8


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
        self._landmarks, self._reader = landmarks, SourceReader(engine, landmarks)
        self._at_once = batch or _at_once(engine)

    @property
    def extractor(self) -> Engine:
        """The networks, whose motion extractor reads drivers as LivePortrait does."""
        return self.engine

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

    def open(self, portrait: Portrait | None, *, single: bool = False, keep_mouth: bool = False) -> Drawing:
        """Start drawing a portrait, or a source video (None); crops are (512, 512, 3).

        A portrait is read here, once for all drawings of it. `keep_mouth` changes nothing: motion whose view is
        "expression" adds to the portrait's own mouth in any case.
        """
        animator = Animator(self.engine, self.options, single)
        if portrait is None:
            return VideoDrawing(self.engine, animator, self._reader, self._at_once)
        batch = self._at_once * (_PIECES if self.engine.device.type == "cuda" else 1)
        return StillDrawing(self.engine, animator, portrait, self._reader.kept(portrait), self._at_once, batch)


def _at_once(engine: Engine) -> int:
    """How many frames suit the engine's device and precision."""
    most = _AT_ONCE.get(engine.device.type, 1)
    return min(most, _AT_ONCE_FP32) if engine.precision == "fp32" else most


def open_renderer(settings: Settings) -> LivePortraitRenderer:
    """The renderer that `settings` ask for, with verified weights.

    Raises:
        CheckpointError: weights are missing or damaged.
        DeviceError: the device or precision does not exist here.
    """
    from talkinghead.checkpoints import resolve
    from talkinghead.core.device import resolve_device, resolve_precision
    from talkinghead.models.liveportrait.weights import ModelFiles

    options = settings.liveportrait
    animals = settings.renderer == "liveportrait-animals"
    paths = resolve("liveportrait-animals" if animals else "liveportrait", settings.checkpoints).paths
    device = resolve_device(settings.device)
    precision = resolve_precision(settings.precision, device)
    engine = Engine(ModelFiles(paths), device, precision, options.acceleration)
    return LivePortraitRenderer(engine, options, landmarks=_landmark_net(paths.values()))


def _landmark_net(paths: Iterable[Path]) -> LandmarkNet | None:
    """LivePortrait's landmark network, where its file is present."""
    found = [path for path in paths if path.name == "landmark.onnx" and path.is_file()]
    return LandmarkNet(found[0]) if found else None
