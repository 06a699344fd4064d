"""How soon an agent's face answers, and what it takes of a processor: what LiveKit and Pipecat have in common of it.

    python benchmarks/agents.py [--runs 7] [--sizes 256 512] [--seconds 8]

Printed for each size are best, median and worst of the time from the first sound pushed to the first frame with its
sound out, on the clock and of the processor (nothing in it waits for the clock, so that both are the same where nothing
else runs), of the time from an interruption to the first and to the last frame in which the mouth closes, and the share
of one core that the process takes while the face idles and while it speaks, at 25 frames per second. Nothing else
should run; the processor's time is less sensitive to that than the clock's.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from pathlib import Path

import numpy as np
import soundfile

from talkinghead.avatar import Avatar
from talkinghead.integrations.face import AgentFace
from talkinghead.integrations.outlet import Samples, Shown

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
CLOSING_FRAMES = 5


class Watched:
    """A face, and when each frame came out."""

    def __init__(self, face: AgentFace) -> None:
        self.face = face
        self.shown: list[tuple[float, Shown]] = []
        self._new = asyncio.Event()
        self._task = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        async for item in self.face:
            if isinstance(item, Shown):
                self.shown.append((time.perf_counter(), item))
                self._new.set()

    async def frame(self, after: int, spoken: bool | None) -> tuple[int, float]:
        """(number, moment) of the first frame from number `after` on, with speech, without sound, or any (None)."""
        while True:
            for number in range(after, len(self.shown)):
                moment, item = self.shown[number]
                if spoken is None or (bool(item.sound.any()) if spoken else not len(item.sound)):
                    return number, moment
            self._new.clear()
            await self._new.wait()

    async def close(self) -> None:
        await self.face.aclose()
        await self._task


async def measured(size: int, runs: int, seconds: float, speech: Samples, rate_hz: int) -> None:
    """Print what one size takes."""
    avatar = Avatar(EXAMPLES / "astronaut.png", motion_model="embedded", max_side=size)
    watched = Watched(AgentFace(avatar))
    names = ("sound to speech", "processor's part", "interrupt to closing", "to closed")
    found: dict[str, list[float]] = {name: [] for name in names}
    await watched.frame(25, None)
    for _ in range(runs):
        begin_s, cpu_s, count = time.perf_counter(), time.process_time(), len(watched.shown)
        watched.face.hear(speech, rate_hz)
        watched.face.end_utterance()
        _, moment = await watched.frame(count, True)
        found["processor's part"].append(time.process_time() - cpu_s)
        found["sound to speech"].append(moment - begin_s)
        await asyncio.sleep(1.0)
        begin_s, count = time.perf_counter(), len(watched.shown)
        watched.face.interrupt()
        number, moment = await watched.frame(count, False)
        found["interrupt to closing"].append(moment - begin_s)
        found["to closed"].append((await watched.frame(number + CLOSING_FRAMES - 1, None))[1] - begin_s)
        await asyncio.sleep(1.2)
    for name, values_s in found.items():
        best, middle, worst = (1000 * value for value in (min(values_s), statistics.median(values_s), max(values_s)))
        print(f"{size} px, {name:21} best {best:4.0f} ms, median {middle:4.0f} ms, worst {worst:4.0f} ms")
    for name in ("idle", "speaking"):
        if name == "speaking":
            for _ in range(1 + round((seconds + 2) * rate_hz / len(speech))):
                watched.face.hear(speech, rate_hz)
            await asyncio.sleep(1.0)
        begin_s, cpu_s, count = time.perf_counter(), time.process_time(), len(watched.shown)
        await asyncio.sleep(seconds)
        wall_s, cpu_s = time.perf_counter() - begin_s, time.process_time() - cpu_s
        frames = len(watched.shown) - count
        print(f"{size} px, {name:21} {100 * cpu_s / wall_s:4.0f} % of a core, {frames / wall_s:4.1f} frames/s, "
              f"{1000 * cpu_s / max(1, frames):4.1f} ms a frame: "
              f"{100 * 25 * cpu_s / max(1, frames):3.0f} % at 25 frames/s")  # fmt: skip
    await watched.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512])
    parser.add_argument("--seconds", type=float, default=8)
    given = parser.parse_args()
    samples, rate_hz = soundfile.read(EXAMPLES / "speech.wav", dtype="int16")
    speech = np.asarray(samples[int(np.flatnonzero(np.abs(samples) > 500)[0]) :])
    for size in given.sizes:
        asyncio.run(measured(size, given.runs, given.seconds, speech, rate_hz))


if __name__ == "__main__":
    main()
