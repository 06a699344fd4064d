"""What is read of a portrait before it is drawn, once for all drawings of it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import torch
from torch import Tensor

from talkinghead.core.types import Portrait
from talkinghead.models.liveportrait import crop as cropping
from talkinghead.models.liveportrait.engine import Engine
from talkinghead.models.liveportrait.fast.warping import Source
from talkinghead.models.liveportrait.head import Head
from talkinghead.models.liveportrait.landmarks import LandmarkNet
from talkinghead.models.liveportrait.reading import Reading, as_tensor
from talkinghead.renderers.liveportrait.animate import SourceState, source_state

# Portraits whose reading is kept, about 10 MB each: those of one picture with several faces.
_KEPT = 4


class ReadSource(NamedTuple):
    """One portrait as the networks read it: `features` for drawing, `state` for the motion rules."""

    features: Source
    state: SourceState


class SourceReader:
    """Reads portraits; any number of threads may ask it at a time.

    Args:
        engine: the networks on their device.
        landmarks: LivePortrait's own landmarks, for the ratios; without them MediaPipe's mesh serves.
    """

    def __init__(self, engine: Engine, landmarks: LandmarkNet | None) -> None:
        self._engine, self._landmarks = engine, landmarks
        self._lock = threading.Lock()
        self._kept: list[tuple[Portrait, ReadSource]] = []

    def read(self, portraits: Sequence[Portrait]) -> list[ReadSource]:
        """What the networks say of portraits' crops, read together."""
        if not portraits:
            return []
        pictures = as_tensor([cropping.network_picture(p.image, p.crop, p.pixels) for p in portraits])
        reading, features = self._asked(pictures)
        with torch.inference_mode():
            return [
                ReadSource(
                    features.part(i, i + 1),
                    source_state(reading.canonical[i : i + 1], Head(*[part[i : i + 1] for part in reading.head]),
                                 [self._ratios(portrait)]),
                )
                for i, portrait in enumerate(portraits)
            ]  # fmt: skip

    def _asked(self, pictures: Tensor) -> tuple[Reading, Source]:
        """What M and F say of pictures (B, 3, h, w)."""
        if self._engine.device.type != "cuda" or len(pictures) > 1:
            return self._engine.read(pictures), self._engine.source(pictures)
        # M reads a single picture on the CPU: the GPU can have its part meanwhile.
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="talkinghead-reading") as pool:
            reading = pool.submit(self._engine.read, pictures)
            features = self._engine.source(pictures)
            return reading.result(), features

    def kept(self, portrait: Portrait) -> ReadSource:
        """The same, read once for the last few portraits, whoever asks."""
        with self._lock:
            found = next((source for known, source in self._kept if known is portrait), None)
            if found is None:
                (found,) = self.read([portrait])
                self._kept = [*self._kept[1 - _KEPT :], (portrait, found)]
            return found

    def _ratios(self, portrait: Portrait) -> cropping.Ratios:
        if self._landmarks:
            return cropping.ratios_203(self._landmarks(portrait.image.pixels, portrait.face.landmarks))
        return cropping.mesh_ratios(portrait.face.landmarks)
