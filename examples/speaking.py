"""What the examples of voice agents share: a text said by our own speech engines, and a video of what was shown."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from talkinghead.core.temporary import temporary_folder
from talkinghead.core.types import Pixels
from talkinghead.media.video import write_video
from talkinghead.tts.engines import stream
from talkinghead.tts.opening import Voice, choose

TEXT = "Good morning. I am a portrait, and I speak while I am told what to say."
Samples = npt.NDArray[np.int16]


def add_options(parser: argparse.ArgumentParser, output: str) -> None:
    """What both agents are told: the text, the picture, the voice, the size, and where the video goes."""
    parser.add_argument("text", nargs="?", default=TEXT)
    parser.add_argument("--picture", default=str(Path(__file__).parent / "astronaut.png"))
    parser.add_argument("--voice", help="as talkinghead voices lists them")
    parser.add_argument("--size", type=int, default=256, help="longer side in pixels")
    parser.add_argument("-o", "--output", type=Path, default=Path(output))


async def spoken(text: str, voice: str | None = None) -> AsyncIterator[tuple[Samples, int]]:
    """(samples (n,), rate in Hz) of a text, sentence by sentence; no key, no network."""
    pieces = stream(choose(text, Voice(voice)).engine, text)
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield np.rint(np.clip(piece.samples, -1, 1) * 32_767).astype(np.int16), piece.rate_hz


class Recording:
    """Pictures and sound at the times at which they were shown, in seconds of any clock; a video of them at the end."""

    def __init__(self, fps: int = 25) -> None:
        self._fps = fps
        self._pictures: list[tuple[float, Pixels]] = []
        self._sound: list[tuple[float, Samples, int]] = []

    def see(self, time_s: float, pixels: Pixels) -> None:
        """A picture (H, W, 3), shown until the next one."""
        self._pictures.append((time_s, pixels))

    def hear(self, time_s: float, samples: Samples, rate_hz: int) -> None:
        """Sound that begins then, or where the sound before it ends."""
        self._sound.append((time_s, samples, rate_hz))

    def save(self, path: Path) -> float:
        """Write it; how many seconds it lasts."""
        begin_s, end_s = self._pictures[0][0], self._pictures[-1][0]
        frames = []
        for number in range(max(1, round((end_s - begin_s) * self._fps))):
            while len(self._pictures) > 1 and self._pictures[1][0] <= begin_s + (number + 0.5) / self._fps:
                self._pictures.pop(0)
            frames.append(self._pictures[0][1])
        rate_hz = self._sound[0][2] if self._sound else 24_000
        track = np.zeros(0, np.int16)
        for time_s, samples, _ in self._sound:
            silence = max(0, round((time_s - begin_s) * rate_hz) - len(track))
            # What is sent in time is not always written in time: gaps of less than 60 ms are none.
            silence = silence if silence > 0.06 * rate_hz or not len(track) else 0
            track = np.concatenate([track, np.zeros(silence, np.int16), samples])
        with temporary_folder() as folder:
            soundfile.write(folder / "sound.wav", track, rate_hz)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_video(path, frames, Fraction(self._fps), folder / "sound.wav", force=True)
        return len(frames) / self._fps
