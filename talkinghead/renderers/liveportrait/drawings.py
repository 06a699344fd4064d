"""LivePortrait at work on one portrait, or on one source video."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from talkinghead.core.types import DrawnCrop, Portrait
from talkinghead.models.liveportrait.engine import Engine
from talkinghead.models.liveportrait.fast.warping import Source
from talkinghead.models.liveportrait.head import N_KEYPOINTS, Head
from talkinghead.models.liveportrait.pending import Pending
from talkinghead.motion.motion import Motion, Rest
from talkinghead.renderers.liveportrait.animate import Animator, SourceState
from talkinghead.renderers.liveportrait.kalman import KalmanSmoother
from talkinghead.renderers.liveportrait.patches import patcher
from talkinghead.renderers.liveportrait.sources import ReadSource, SourceReader

# Pieces of motion that are being drawn while the crops of earlier ones are used.
_IN_FLIGHT = 2


class StillDrawing:
    """One picture: every frame of motion is drawn as soon as it comes, `at_once` frames in one piece.

    The rules see `batch` frames together, and later pieces are begun before earlier ones are given out, so that a GPU
    does not wait.
    """

    def __init__(
        self, engine: Engine, animator: Animator, portrait: Portrait, source: ReadSource, at_once: int, batch: int
    ) -> None:
        self._engine, self._animator, self._portrait, self._source = engine, animator, portrait, source
        self.batch, self._at_once = batch, at_once
        self._patcher = patcher(portrait, engine.device)

    def draw(self, motion: Motion, portraits: Sequence[Portrait] = ()) -> Iterator[DrawnCrop]:
        """The crops (512, 512, 3) of T frames of motion, as they are ready."""
        waiting: deque[Pending] = deque()
        for begin in range(0, len(motion), self.batch):
            for x in torch.split(self._keypoints(motion[begin : begin + self.batch]), self._at_once):
                waiting += self._engine.submit(self._source.features, x, self._source.state.x, self._patcher)
                while len(waiting) > _IN_FLIGHT:
                    yield from self._crops(waiting.popleft())
        while waiting:
            yield from self._crops(waiting.popleft())

    def _keypoints(self, motion: Motion) -> Tensor:
        """(T, K, 3): what the rules make of T frames."""
        state = self._source.state
        with torch.inference_mode():
            return self._animator.keypoints(state, motion, self._animator.moved(state, motion))

    def _crops(self, pending: Pending) -> Iterator[DrawnCrop]:
        frames, patches = pending.wait()
        for i, pixels in enumerate(frames):
            patch = None if self._patcher is None or patches is None else self._patcher.patch(patches[i])
            yield DrawnCrop(pixels, self._portrait, patch=patch)

    def finish(self) -> list[DrawnCrop]:
        """Nothing: a still picture's crops never wait."""
        return []


class _Item(NamedTuple):
    """One frame of a source video on its way: what was read of it, and its frame of the driving motion."""

    portrait: Portrait
    source: ReadSource
    motion: Motion
    moved: Head


class VideoDrawing:
    """A source video: every frame's own motion is kept, and the sum with the driver's is Kalman-smoothed.

    The smoother looks a dozen frames ahead, so that crops come that much later, and `batch` of them at once.
    """

    def __init__(self, engine: Engine, animator: Animator, reader: SourceReader, batch: int) -> None:
        self._engine, self._animator, self._reader, self.batch = engine, animator, reader, batch
        self._smoother = KalmanSmoother()
        self._waiting: deque[_Item] = deque()
        self._settled: list[_Item] = []

    def draw(self, motion: Motion, portraits: Sequence[Portrait] = ()) -> list[DrawnCrop]:
        """Take T frames of motion and the T portraits that they move; the crops that are settled.

        Frames beyond the shorter of the two are left out.
        """
        drawn: list[DrawnCrop] = []
        for i, (portrait, source) in enumerate(self._read(portraits[: len(motion)])):
            frame = motion[i : i + 1]
            with torch.inference_mode():
                moved = self._animator.moved(source.state, frame)
                values = self._smoother.push(torch.cat([moved.exp[0], moved.rotation[0]]))
            self._waiting.append(_Item(portrait, source, frame, moved))
            self._settle(values)
            if len(self._settled) == self.batch:
                drawn += self._take()
        return drawn

    def _read(self, portraits: Sequence[Portrait]) -> Iterator[tuple[Portrait, ReadSource]]:
        """Portraits with what is read of them, `batch` at once."""
        for begin in range(0, len(portraits), self.batch):
            piece = portraits[begin : begin + self.batch]
            yield from zip(piece, self._reader.read(piece))

    def finish(self) -> list[DrawnCrop]:
        """The crops of the frames that were still waiting for later ones."""
        with torch.inference_mode():
            values = self._smoother.finish()
        drawn: list[DrawnCrop] = []
        for value in values:
            self._settle([value])
            if len(self._settled) == self.batch:
                drawn += self._take()
        return drawn + self._take()

    def _settle(self, values: list[Tensor]) -> None:
        """Smoothed expressions and rotations (K + 3, 3) for the frames that waited longest."""
        with torch.inference_mode():
            for value in values:
                item = self._waiting.popleft()
                exp, rotation = value[None, :N_KEYPOINTS], value[None, N_KEYPOINTS:]
                moved = self._animator.smoothed(item.source.state, item.motion, item.moved, exp, rotation)
                self._settled.append(item._replace(moved=moved))

    def _take(self) -> list[DrawnCrop]:
        """Draw what is settled, as many frames at once as share their driver's rest."""
        settled, self._settled = self._settled, []
        drawn: list[DrawnCrop] = []
        for items in _runs(settled):
            motion = Motion.concatenate([item.motion for item in items])
            state, moved = _joined_states([item.source.state for item in items]), _joined([i.moved for i in items])
            with torch.inference_mode():
                x = self._animator.keypoints(state, motion, moved)
            features = _joined_sources([item.source.features for item in items])
            pictures = self._engine.draw(features, x, state.x).numpy()
            drawn += [DrawnCrop(pixels, item.portrait) for item, pixels in zip(items, pictures)]
        return drawn


def _runs(items: Sequence[_Item]) -> list[list[_Item]]:
    """`items` in order, cut where a batch of motion, which has one rest and one view, has to end."""
    runs: list[list[_Item]] = []
    for item in items:
        if runs and _alike(runs[-1][0].motion, item.motion):
            runs[-1].append(item)
        else:
            runs.append([item])
    return runs


def _alike(a: Motion, b: Motion) -> bool:
    measured = [(m.eye_ratio is None, m.lip_ratio is None) for m in (a, b)]
    return a.view == b.view and measured[0] == measured[1] and _same(a.rest, b.rest)


def _same(a: Rest, b: Rest) -> bool:
    """Whether two rests hold the same numbers."""
    if a is b:
        return True
    arrays = ((a.blendshapes, b.blendshapes), (a.expression, b.expression), (a.rotation, b.rotation),
              (a.translation, b.translation))  # fmt: skip
    plain = a.scale == b.scale and a.replaced_keypoints == b.replaced_keypoints
    return plain and all(np.array_equal(left, right) for left, right in arrays)


def _joined(heads: list[Head]) -> Head:
    return Head(*[torch.cat(parts) for parts in zip(*heads)])


def _joined_states(states: list[SourceState]) -> SourceState:
    canonical, head, x, eyes, lip = zip(*states)
    return SourceState(torch.cat(canonical), _joined(list(head)), torch.cat(x), torch.cat(eyes), torch.cat(lip))


def _joined_sources(sources: list[Source]) -> Source:
    compact, table = torch.cat([s.compact for s in sources]), torch.cat([s.table for s in sources])
    return Source(compact, table, sources[0].size)
