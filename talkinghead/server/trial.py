"""What this machine is taken to draw: a small trial when a server starts, beside its first listening."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from talkinghead.avatar import Avatar
from talkinghead.core.errors import TalkingHeadError
from talkinghead.core.examples import PORTRAIT, example
from talkinghead.core.settings import Settings
from talkinghead.media.images import read_image
from talkinghead.server.capacity import USUAL_FPS, Capacity, Wanted
from talkinghead.server.drawing import Drawn, measure_drawing
from talkinghead.server.encoding import EncodingCost, measure_encoding

_SIZES_PX = (512, 256)
_JOINING_S = 10.0


@dataclass(frozen=True)
class Taken:
    """What is taken to be drawn in time: so many `streams` at once, by kind, of (width, height)."""

    size_px: tuple[int, int]
    draw_s: float
    streams: dict[str, int]

    @property
    def size(self) -> str:
        """As people write it."""
        return f"{self.size_px[0]}x{self.size_px[1]}"


class Trial:
    """A face drawn and encoded at two sizes, in a thread of its own. Nothing is tried where somebody said how many."""

    def __init__(self, capacity: Capacity, settings: Settings, say: Callable[[str], None]) -> None:
        self._capacity, self._settings, self._say = capacity, settings, say
        self._closed, self._done = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="talkinghead-trial", daemon=True)
        self.taken: list[Taken] = []
        self.failure: str | None = None

    def start(self) -> None:
        """Begin."""
        if self._capacity.is_told:
            self._done.set()
        else:
            self._thread.start()

    def wait(self) -> None:
        """Until it is over."""
        self._done.wait()

    def close(self) -> None:
        """End it, at its next step."""
        self._closed.set()
        if self._thread.ident is not None:
            self._thread.join(_JOINING_S)

    def _run(self) -> None:
        try:
            drawn = self._drawn()
            encoding = measure_encoding(
                drawn[0].frames, [one.size_px for one in reversed(drawn)], lambda: not self._closed.is_set()
            )
            if self._closed.is_set():
                return
            self._capacity.learn(encoding)
            self.taken = [self._taken(one, encoding) for one in drawn]
            self._say(f"this machine is taken to draw {described(self.taken)}")
        except TalkingHeadError as error:
            self.failure = str(error)
            self._say(f"what this machine draws in time could not be measured: {error}")
        finally:
            self._done.set()

    def _drawn(self) -> list[Drawn]:
        pixels = read_image(example(PORTRAIT)).pixels
        side = min(pixels.shape[:2])
        drawn = []
        for size_px in _SIZES_PX:
            avatar = Avatar(pixels[:side, :side], motion_model="embedded",
                            settings=replace(self._settings, max_side=size_px))  # fmt: skip
            drawn.append(measure_drawing(avatar))
        return drawn

    def _taken(self, drawn: Drawn, encoding: dict[str, EncodingCost]) -> Taken:
        costs = {kind: self._capacity.cost(drawn.frame_s, drawn.size_px, Wanted(kind)) for kind in encoding}
        streams = {kind: max(1, int(self._capacity.usable_cores / cost)) for kind, cost in costs.items()}
        return Taken(drawn.size_px, drawn.frame_s, streams)


def described(taken: list[Taken]) -> str:
    """In a line: "2 streams of 512x512, 3 of 256x256 at 25 frames/s (fmp4: 2, 3; calls: 1, 2)"."""
    first, *others = (f"{one.streams['jpeg']} {{}}of {one.size}" for one in taken)
    streams = "stream " if taken[0].streams["jpeg"] == 1 else "streams "
    usual = ", ".join([first.format(streams), *(one.format("") for one in others)])
    dearer = "; ".join(
        f"{'calls' if kind == 'call' else kind}: {', '.join(str(one.streams[kind]) for one in taken)}"
        for kind in taken[0].streams
        if kind != "jpeg"
    )
    return f"{usual} at {USUAL_FPS:g} frames/s ({dearer})"
