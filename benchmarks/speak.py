"""`talkinghead speak` from start to file: time, stages, memory.

    python benchmarks/speak.py [--runs 3] [--seconds 10] [--side 1000] [--memory] [--json FILE]

Printed:

- whole process: wall seconds, CPU seconds and peak memory (the process and its encoder together) of
  `python -m talkinghead speak` on a portrait of `--side` pixels and `--seconds` of speech, best and median of `--runs`;
- stages, measured apart and one after the other in a process of their own: what each costs when nothing else runs.
  Their sum is more than the whole where the whole overlaps them;
- with --memory: peak memory for one minute and for one hour of sound and their ratio, at 1 frame per second on a small
  picture (frames leave as they are drawn; it is the sound and its motion that could pile up).

Figures of one run belong together; two machines, or two loads of one machine, compare by their ratios.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from talkinghead.core.types import Pixels

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
STAGES = ("command line", "picture and face", "speech model", "speech to motion", "drawing", "paste-back", "encoding")
_SAMPLE_EVERY_S = 0.05


@dataclass
class Run:
    """One process: wall and CPU seconds, peak memory in MiB (all its processes at once)."""

    wall_s: float
    cpu_s: float
    peak_mib: float


@dataclass
class Result:
    """Everything that is printed."""

    seconds: float
    side_px: int
    runs: list[Run] = field(default_factory=list)
    stages_s: dict[str, tuple[float, float]] = field(default_factory=dict)
    memory_mib: dict[str, float] = field(default_factory=dict)


def make_portrait(path: Path, side_px: int) -> None:
    """An example portrait as a square picture of `side_px`."""
    from PIL import Image

    with Image.open(EXAMPLES / "astronaut.png") as picture:
        picture.convert("RGB").resize((side_px, side_px), Image.Resampling.LANCZOS).save(path)


def make_speech(path: Path, seconds: float) -> None:
    """The example recording, repeated up to `seconds`, written in blocks."""
    import soundfile

    samples, rate_hz = soundfile.read(EXAMPLES / "speech.wav", dtype="int16")
    left = int(seconds * rate_hz)
    with soundfile.SoundFile(path, "w", rate_hz, 1 if samples.ndim == 1 else samples.shape[1], "PCM_16") as file:
        while left > 0:
            file.write(samples[:left])
            left -= min(left, len(samples))


def run(command: list[str]) -> Run:
    """Run a command to its end, its family's memory sampled 20 times a second."""
    import psutil

    begin = time.perf_counter()
    child = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    peak, cpu = 0, {}
    errors: list[bytes] = []
    # A full pipe would stop the child: its messages are read while it runs.
    reader = threading.Thread(target=lambda: errors.append(child.stderr.read()), daemon=True)
    reader.start()
    while child.poll() is None:
        try:
            family = [child, *child.children(recursive=True)]
            resident = 0
            for process in family:
                resident += process.memory_info().rss
                times = process.cpu_times()
                cpu[process.pid] = times.user + times.system
            peak = max(peak, resident)
        except psutil.NoSuchProcess:
            pass
        time.sleep(_SAMPLE_EVERY_S)
    wall_s = time.perf_counter() - begin
    reader.join(timeout=5)
    child.stderr.close()
    if child.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{b''.join(errors).decode(errors='replace')}")
    return Run(wall_s, sum(cpu.values()), peak / 2**20)


def speak(folder: Path, side_px: int, seconds: float, *more: str) -> Run:
    """`talkinghead speak` on a portrait and a recording made for it."""
    portrait, speech = folder / f"portrait{side_px}.png", folder / f"speech{seconds:g}.wav"
    if not portrait.exists():
        make_portrait(portrait, side_px)
    if not speech.exists():
        make_speech(speech, seconds)
    return run([sys.executable, "-m", "talkinghead", "speak", str(portrait), str(speech),
                "-o", str(folder / "out.mp4"), "--force", "-q", *more])  # fmt: skip


class Clock:
    """(wall, CPU) seconds by stage; the encoder's own process is not in the CPU seconds."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, (0.0, 0.0))
        # Starting the interpreter belongs to the first stage; its CPU time is known, its wall time about the same.
        self._last = (time.perf_counter() - time.process_time(), 0.0)

    def lap(self, stage: str) -> None:
        """What has passed since the last lap was spent on `stage`."""
        now = (time.perf_counter(), time.process_time())
        wall, cpu = self.seconds[stage]
        self.seconds[stage] = (wall + now[0] - self._last[0], cpu + now[1] - self._last[1])
        self._last = now


def stages(portrait: Path, speech: Path, out: Path) -> dict[str, tuple[float, float]]:
    """Seconds by stage in this process, one after the other, with no overlap between motion and drawing."""
    clock = Clock()
    from talkinghead.canvas.still import open_still
    from talkinghead.core.settings import Settings
    from talkinghead.drivers.opening import SpeechModel
    from talkinghead.media.images import read_image
    from talkinghead.media.sound import open_sound
    from talkinghead.media.video import write_video
    from talkinghead.renderers.select import select

    fps = Fraction(25)
    clock.lap("command line")
    renderer, _ = select(Settings())
    still = open_still(read_image(portrait), renderer)
    clock.lap("picture and face")
    model = SpeechModel("embedded")
    model.load()
    clock.lap("speech model")
    sound = open_sound(speech)
    motion = list(model.driving(sound, fps))
    clock.lap("speech to motion")

    def frames() -> Iterator[Pixels]:
        drawing = renderer.open(still.portrait)
        clock.lap("encoding")
        for chunk in motion:
            for at in range(0, len(chunk), drawing.batch):
                drawn = drawing.draw(chunk[at : at + drawing.batch])
                clock.lap("drawing")
                for crop in drawn:
                    pixels = still.placed(crop)
                    clock.lap("paste-back")
                    yield pixels
                    clock.lap("encoding")

    write_video(out, frames(), fps, speech, duration_s=sound.duration_s, force=True)
    clock.lap("encoding")
    return clock.seconds


def child_stages(folder: Path, side_px: int, seconds: float) -> dict[str, tuple[float, float]]:
    """`stages` in a fresh process, interpreter's start included in the command line's."""
    done = subprocess.run(
        [sys.executable, __file__, "--stages-of", str(folder), "--side", str(side_px), "--seconds", f"{seconds:g}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def lines(result: Result) -> list[str]:
    """The result as text."""
    out = []
    if result.runs:
        walls = [r.wall_s for r in result.runs]
        out += [
            f"{result.seconds:g} s of speech on {result.side_px} pixels, whole process: best {min(walls):.1f} s, "
            f"median {statistics.median(walls):.1f} s; CPU {min(r.cpu_s for r in result.runs):.1f} s; peak memory "
            f"{max(r.peak_mib for r in result.runs):.0f} MiB",
            f"  that is {min(walls) / result.seconds:.2f} of real time",
        ]
    if result.stages_s:
        out.append("stages, one after the other (CPU):")
        out += [f"  {name:<18} {wall:6.2f} s ({cpu:.2f} s)" for name, (wall, cpu) in result.stages_s.items()]
        wall, cpu = (sum(column) for column in zip(*result.stages_s.values()))
        out.append(f"  {'together':<18} {wall:6.2f} s ({cpu:.2f} s)")
    if result.memory_mib:
        minute, hour = result.memory_mib["minute"], result.memory_mib["hour"]
        out.append(f"peak memory: {minute:.0f} MiB for a minute, {hour:.0f} MiB for an hour: {hour / minute:.2f} times")
    return out


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description="Time and memory of `talkinghead speak`.")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--side", type=int, default=1000, metavar="PX")
    parser.add_argument("--memory", action="store_true", help="one minute against one hour; takes minutes")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--stages-of", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stages_of:
        folder = options.stages_of
        speech = folder / f"speech{options.seconds:g}.wav"
        print(json.dumps(stages(folder / f"portrait{options.side}.png", speech, folder / "stages.mp4")))
        return
    result = Result(options.seconds, options.side)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result.runs = [speak(folder, options.side, options.seconds) for _ in range(options.runs)]
        if options.runs:
            result.stages_s = child_stages(folder, options.side, options.seconds)
        if options.memory:
            for label, seconds in (("minute", 60.0), ("hour", 3600.0)):
                result.memory_mib[label] = speak(folder, 256, seconds, "--fps", "1").peak_mib
    print("\n".join(lines(result)))
    if options.json:
        options.json.write_text(json.dumps(asdict(result), indent=1) + "\n")


if __name__ == "__main__":
    main()
