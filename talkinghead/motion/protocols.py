"""The seams of the flow, where what drives meets what draws.

    something that arrives ─▶ Driver ─▶ Motion ─▶ Drawing ─▶ DrawnCrop
                                                    ▲
                                    Portrait ─▶ Renderer.open

They stand beside Motion, since every one of them speaks of it. Both sides are pushed: whatever arrives is handed over
when it is there, and what it completes comes back. Nothing is guessed from the length of a chunk; what a driver is, it
states.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Protocol, TypeVar

from talkinghead.core.types import DrawnCrop, Face, Image, Portrait, TrackReport
from talkinghead.motion.motion import Motion

Chunk = TypeVar("Chunk", contravariant=True)


class Driver(Protocol[Chunk]):
    """Turns something that arrives (sound, pictures, motion) into motion. One stream; make a new one for the next.

    `fps` is the motion's frame rate; `single` says that all there will be is one frame of one picture, which has no
    first frame to be relative to; `report` tells how following a face went, None where none is followed.
    """

    @property
    def fps(self) -> Fraction:
        """Frames per second of the motion."""
        ...

    @property
    def single(self) -> bool:
        """Whether all there will be is one frame of one picture."""
        ...

    @property
    def report(self) -> TrackReport | None:
        """How following a face has gone so far; None where none is followed."""
        ...

    def push(self, chunk: Chunk) -> Motion | None:
        """Take the next chunk; the frames of motion that it completes, or None."""
        ...

    def finish(self) -> Motion | None:
        """The frames that are left: nothing more will come. Frees what the driver holds."""
        ...

    def close(self) -> None:
        """Free what the driver holds, finished or not."""
        ...


class Drawing(Protocol):
    """A renderer at work on one portrait, or on one source video: motion in, drawn crops out, in order.

    `batch` frames are drawn together: longer motion is cut by whoever pushes it, if the frames are to come one by one.
    One stream, for one thread at a time.
    """

    @property
    def batch(self) -> int:
        """Frames that are drawn at once."""
        ...

    def draw(self, motion: Motion, portraits: Sequence[Portrait] = ()) -> Iterable[DrawnCrop]:
        """Draw `motion`: the crops, in order, perhaps only as they are asked for (a smoothed
        source video's come some frames later).

        All of them are to be taken before the next motion is drawn.

        `portraits`: one per frame of motion for a drawing that was opened on a source video, none for a still picture.
        """
        ...

    def finish(self) -> list[DrawnCrop]:
        """The crops that are left."""
        ...


class Renderer(Protocol):
    """Whatever draws. Loaded once; any number of drawings may be open on it at a time, each in a thread of its own.

    A renderer never opens a file.
    """

    @property
    def name(self) -> str:
        """What it is called on the command line and in reports."""
        ...

    @property
    def extractor(self) -> object | None:
        """The networks with which this renderer reads drivers itself, None where the face mesh reads them."""
        ...

    def crop(self, image: Image, face: Face, whole: bool = False) -> Portrait:
        """Cut the face out as this renderer likes it; `whole` takes a picture that already is a face crop."""
        ...

    def open(self, portrait: Portrait | None, *, single: bool = False, keep_mouth: bool = False) -> Drawing:
        """Start drawing `portrait`, or with None a source video, which brings one portrait per frame.

        `single`: as the driver states it. `keep_mouth`: begin with the picture's mouth as it is, open or closed (an
        edit adds to a face), rather than with closed lips (speech replaces its mouth).
        """
        ...
