"""`talkinghead speak` on the examples beside another version of itself, each run a fresh process, in turn.

    python benchmarks/beside.py OTHER_PYTHON [--runs 5] [--json FILE]

OTHER_PYTHON is the Python of an environment into which the other version is installed; this one's is the Python that
runs the script. One run of each comes first and does not count: it compiles and reads from disk. Printed are wall and
CPU seconds, the encoder's included, best and median of the runs, and the ratios. On a busy machine the best runs and
their ratio say most.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def speak(python: str, folder: Path) -> tuple[float, float]:
    """(wall, CPU) seconds of one whole process, far from any repository."""
    out = folder / "out.mp4"
    begin, before = time.perf_counter(), os.times()
    done = subprocess.run(
        [python, "-m", "talkinghead", "speak", str(EXAMPLES / "grace_hopper.jpg"), str(EXAMPLES / "speech.wav"),
         "-o", str(out), "--renderer", "warp", "-q"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    wall_s, after = time.perf_counter() - begin, os.times()
    if done.returncode != 0:
        raise SystemExit(f"{python} failed:\n{done.stderr}")
    out.unlink()
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return wall_s, cpu_s


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description="`speak` beside another version, in turn.")
    parser.add_argument("other", help="the other environment's Python")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    pythons = {"other": options.other, "this": sys.executable}
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in pythons}
    with tempfile.TemporaryDirectory() as folder:
        for python in pythons.values():
            speak(python, Path(folder))
        for _ in range(options.runs):
            for name, python in pythons.items():
                seconds[name].append(speak(python, Path(folder)))
    best, median = {}, {}
    for name, runs in seconds.items():
        columns = [*zip(*runs)]
        best[name], median[name] = [min(c) for c in columns], [statistics.median(c) for c in columns]
        (wall, cpu), (wall_m, cpu_m) = best[name], median[name]
        print(f"{name}: wall {wall:.2f} s (median {wall_m:.2f}), CPU {cpu:.2f} s (median {cpu_m:.2f})")
    for what, kind in (("best", best), ("median", median)):
        wall, cpu = (mine / others for mine, others in zip(kind["this"], kind["other"]))
        print(f"{what}: wall {wall:.2f} times the other's, CPU {cpu:.2f} times")
    if options.json:
        options.json.write_text(json.dumps(seconds, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
