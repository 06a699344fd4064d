"""The seams of the flow: what drives, and what draws."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Protocol, runtime_checkable

from talkinghead.core.types import Face, Frame, Image, Portrait
from talkinghead.motion.motion import Motion


@runtime_checkable
class MotionSource(Protocol):
    """Whatever drives: yields chunks of one motion as it has them, and never sees a renderer.

    `fps` is the motion's frame rate; `frames` the total number of frames, or None where only the end will tell.
    """

    @property
    def fps(self) -> Fraction: ...

    @property
    def frames(self) -> int | None: ...

    def __iter__(self) -> Iterator[Motion]: ...


class Renderer(Protocol):
    """Whatever draws: crops a face as it likes it, then turns motion into frames of that crop, lazily.

    `source` is one portrait for a still picture, or one portrait per frame for a source video (which may be longer or
    shorter than the motion: drawing stops with the shorter). `crop` takes the `whole` picture where it already is a
    face crop. A renderer never opens a file.
    """

    @property
    def name(self) -> str: ...

    def crop(self, image: Image, face: Face, whole: bool = False) -> Portrait: ...

    def render(self, source: Portrait | Iterable[Portrait], motion: Iterable[Motion]) -> Iterator[Frame]: ...
