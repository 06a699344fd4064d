"""Moonshine's first three layers (arXiv 2410.15608), streaming: sound in, speech features at 50 steps a second out.

The weights, which are not ours, lie in `checkpoints/moonshine` with their licence. The encoder was made for whole
utterances: it normalises its first convolution over all of the sound, and every frame attends to every other. Here it
runs over windows at fixed places: a window's new frames attend to `past` frames before them, as those were heard in
their own windows, and to `ahead` after them; the normalisation knows the last two seconds. Frame k (24 ms) is centred
on sample 384 k + 447; steps (20 ms) lie between two frames. The convolutions run once over the sound; the layers once,
and once more over the frames that a window hears ahead. Every layer that is asked for tells 288 features of a step.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from audio2motion.checkpoint import embedded_encoder
from audio2motion.config import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from audio2motion.network.layout import MOONSHINE_CENTRE as CENTRE
from audio2motion.network.layout import MOONSHINE_HOP as HOP
from audio2motion.network.layout import MOONSHINE_SIZE as SIZE
from audio2motion.network.layout import MOONSHINE_WINDOW as WINDOW
from audio2motion.network.layout import MoonshineWindows, moonshine_windows
from audio2motion.network.protocol import Floats
from audio2motion.runtime import cpu_session

if TYPE_CHECKING:
    import onnxruntime

_LAYERS = 3
_COLUMNS = 6  # of the first convolution, 4 ms each, to a frame
_NORMALISED = 2 * SAMPLE_RATE_HZ // (HOP // _COLUMNS)  # columns that the normalisation knows


class MoonshineState(NamedTuple):
    """Streaming state: the `layers` told, of the last two; `sound` (n,) whose frames are not convolved; `heard` (m, 2)
    of the columns before it; the convolved frames `before` (a, 288) that were only heard ahead; of the frames
    before them what the layers attend to, `past` (6, p, 288); `frames` and `steps` that came out; what is told of the
    `last` frame (0 or 1, layers * 288), between which and the next one a step may lie."""

    windows: MoonshineWindows
    layers: tuple[int, ...]
    sound: Floats
    heard: Floats
    before: Floats
    past: Floats
    frames: int
    steps: int
    last: Floats


def nothing_before() -> dict[str, Floats]:
    """What the network is given of earlier windows where there were none."""
    shapes = {"heard": (0, 2), "before": (0, SIZE), "past": (2 * _LAYERS, 0, SIZE)}
    return {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}


class Moonshine:
    """The encoder; any number of streams may run on it, also in different threads."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session

    @classmethod
    def load(cls, path: Path | None = None) -> Moonshine:
        """Read the encoder (by default the embedded one); Audio2MotionError where it is missing or damaged."""
        return cls(cpu_session(path or embedded_encoder(), fused=True))

    def whole(self, sound: Floats) -> Floats:
        """Frames (T, 288) of the last layer of a whole recording (N,) at once, every one of which sees all others."""
        (frames,) = self._session.run([f"layer_{_LAYERS}"], {"sound": sound} | nothing_before())
        return np.asarray(frames, np.float32)

    def start(self, low_latency: bool = False, layers: tuple[int, ...] = (_LAYERS,)) -> MoonshineState:
        """The streaming state before any sound, of a stream that tells these layers one beside the other."""
        nothing, windows = nothing_before(), moonshine_windows(low_latency)
        heard, before, past = nothing["heard"], nothing["before"], nothing["past"]
        last = np.zeros((0, len(layers) * SIZE), np.float32)
        return MoonshineState(windows, layers, heard[:, 0], heard, before, past, 0, 0, last)

    def push(self, sound: Floats, state: MoonshineState) -> tuple[Floats, MoonshineState]:
        """The steps (T, layers * 288) that `sound` (N,) completes, if any, the first being time 0; and the state."""
        state = state._replace(sound=np.concatenate([state.sound, sound]))
        parts = [state.last[:0]]
        while True:
            windows, known = state.windows, max(0, (len(state.sound) - WINDOW) // HOP + 1)
            convolved = state.frames + windows.ahead if state.frames else 0
            end = windows.next_end(state.frames)
            new = end + windows.ahead - convolved
            if known < new:
                return np.concatenate(parts), state
            steps, state = self._window(new, end, state)
            parts.append(steps)

    def _window(self, new: int, end: int, state: MoonshineState) -> tuple[Floats, MoonshineState]:
        """One window, of `new` convolved frames, which gives the frames from `state.frames` to `end`."""
        sound = state.sound[: (new - 1) * HOP + WINDOW]
        given = {"sound": sound, "heard": state.heard, "before": state.before, "past": state.past}
        names = ["convolved", "columns", "seen", *(f"layer_{layer}" for layer in state.layers)]
        convolved, columns, seen, *told = self._session.run(names, given)
        windows = state.windows
        frames = np.concatenate([state.last, np.concatenate(told, 1)[: end - state.frames]])
        # Where steps lie between frames: before the centre of frame 0 nothing is known but that frame.
        steps = -(-((end - 1) * HOP + CENTRE) // SAMPLES_PER_FRAME)
        places = (np.arange(state.steps, steps) * SAMPLES_PER_FRAME - CENTRE).clip(min=0)
        low = places // HOP - (end - len(frames))
        part = ((places % HOP) / np.float32(HOP)).astype(np.float32)[:, None]
        high = np.minimum(low + 1, len(frames) - 1)
        between = frames[low] * (1 - part) + frames[high] * part
        heard = np.concatenate([state.heard, columns[: new * _COLUMNS]])[-_NORMALISED:]
        before = np.concatenate([state.before, convolved])[-windows.ahead :]
        past = seen[:, : -windows.ahead][:, -windows.past :].copy()
        sound, last = state.sound[new * HOP :].copy(), frames[-1:].copy()
        after = MoonshineState(windows, state.layers, sound, heard, before, past, end, steps, last)
        return np.asarray(between, np.float32), after
