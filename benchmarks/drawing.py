"""How fast the embedded renderer draws: frames per second of drawing and paste-back, nothing else running beside it.

    python benchmarks/drawing.py [--picture P] [--sound S] [--rounds 5] [--against CHECKOUT] [--json OUT.json]

The motion of `--sound` is worked out first. Then a process draws it on `--picture`, a second time with everything warm,
and only the second time counts. `--against` names another checkout of this project (`git worktree add ../before
f50fe72`): both draw in turn, round after round, so that a machine's moods meet both; their ratio is the median of the
rounds', and the frames of both are compared. `cpu_ms` is what all of the process's threads took for one frame.
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
from fractions import Fraction
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"


def draw(picture: Path, motion: Path, frames: Path) -> dict[str, float]:
    """Frames per second and CPU milliseconds a frame in this process; the finished pictures go to `frames`."""
    from talkinghead.canvas.still import open_still
    from talkinghead.core.settings import Settings
    from talkinghead.media.images import read_image
    from talkinghead.motion.files import load_motion
    from talkinghead.renderers.select import select

    renderer, _ = select(Settings(renderer="warp"))
    begin = time.perf_counter()
    still = open_still(read_image(picture), renderer)
    opened_s = time.perf_counter() - begin
    moved = load_motion(motion)
    pictures: list[np.ndarray] = []
    for turn in ("warm up", "measure"):
        drawing, begin, cpu_begin = renderer.open(still.portrait), time.perf_counter(), time.process_time()
        for at in range(0, len(moved), drawing.batch):
            for crop in drawing.draw(moved[at : at + drawing.batch]):
                pixels = still.placed(crop)
                if turn == "warm up":
                    pictures.append(pixels)
        seconds, cpu_s = time.perf_counter() - begin, time.process_time() - cpu_begin
    np.save(frames, np.stack(pictures))
    return {
        "frames_per_s": len(moved) / seconds,
        "cpu_ms": 1000 * cpu_s / len(moved),
        "open_s": opened_s,
    }


def measured(checkout: Path, picture: Path, motion: Path, frames: Path) -> dict[str, float]:
    """`draw` in a process of its own that runs a checkout's code."""
    command = [sys.executable, __file__, "--draw", str(picture), str(motion), str(frames)]
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def write_motion(sound: Path, path: Path) -> None:
    """What the embedded model makes of a recording, at 25 frames per second."""
    from talkinghead.drivers.opening import SpeechModel
    from talkinghead.media.sound import open_sound
    from talkinghead.motion.files import save_motion
    from talkinghead.motion.motion import Motion

    model = SpeechModel("embedded")
    model.load()
    save_motion(Motion.concatenate(list(model.driving(open_sound(sound), Fraction(25)))), path)


def differences(here: Path, there: Path) -> dict[str, float]:
    """By how many grey levels two checkouts' frames differ at most, and which share of their pixels differs at all."""
    ours, theirs = np.load(here, mmap_mode="r"), np.load(there, mmap_mode="r")
    most, differing = 0, 0
    for one, other in zip(ours, theirs, strict=True):
        off = np.abs(one.astype(np.int16) - other).max(2)
        most, differing = max(most, int(off.max())), differing + int((off > 0).sum())
    return {"most_levels": most, "differing_share": differing / (ours.size / 3)}


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", type=Path, default=EXAMPLES / "grace_hopper.jpg")
    parser.add_argument("--sound", type=Path, default=EXAMPLES / "speech.wav")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--against", type=Path, metavar="CHECKOUT")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--draw", type=Path, nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.draw:
        print(json.dumps(draw(*asked.draw)))
        return
    checkouts = {"here": ROOT} | ({"there": asked.against.resolve()} if asked.against else {})
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in checkouts}
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_motion(asked.sound, folder / "motion.npz")
        for _ in range(asked.rounds):
            for which, checkout in checkouts.items():
                frames = folder / f"{which}.npy"
                rounds[which].append(measured(checkout, asked.picture.resolve(), folder / "motion.npz", frames))
        for which, found in rounds.items():
            figures[which] = {
                "frames_per_s": round(max(one["frames_per_s"] for one in found), 1),
                "cpu_ms": round(min(one["cpu_ms"] for one in found), 2),
                "open_s": round(min(one["open_s"] for one in found), 3),
            }
        if asked.against:
            pairs = list(zip(rounds["here"], rounds["there"]))
            figures["times_as_fast"] = round(
                statistics.median(a["frames_per_s"] / b["frames_per_s"] for a, b in pairs), 2
            )
            figures["of_its_cpu"] = round(statistics.median(a["cpu_ms"] / b["cpu_ms"] for a, b in pairs), 2)
            figures |= differences(folder / "here.npy", folder / "there.npy")
    print(json.dumps(figures, indent=1))
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
