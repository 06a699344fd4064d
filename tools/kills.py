"""Kill commands with -9 at random moments, and look at what is left.

python tools/kills.py --kills 300              speak, edit, animate, motion, batch, in turn
python tools/kills.py speak batch --kills 20   some of them

After each kill: a result is absent, the old one, or a whole new one; inputs are as they were; nothing else is
to be seen;
no process stays. Every sixteenth time, and at the end, each command runs to its end where it was killed: it works, and
removes what lay hidden. The exit code is 1 where any of that fails.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
_EVERY, _GIVE_UP_S = 16, 15.0
_OLD = b"an old result"


@dataclass
class Command:
    """One command line, run in a folder of its own; `results` are the files it writes, with what shows one whole."""

    name: str
    words: tuple[str, ...]
    results: dict[str, Callable[[Path], bool]]
    takes_s: float = 0.0
    beside: tuple[str, ...] = ()
    faults: list[str] = field(default_factory=list)


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commands", nargs="*")
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        inputs = Path(place, "inputs")
        _make_inputs(inputs)
        commands = [one for one in _commands(inputs) if not asked.commands or one.name in asked.commands]
        faults, killed = _kill_all(commands, Path(place), inputs, asked.kills, random.Random(asked.seed))
    for fault in faults:
        print(fault)
    print(f"{killed} kills, {len(faults)} faults")
    return 1 if faults else 0


def _kill_all(
    commands: list[Command], place: Path, inputs: Path, kills: int, draw: random.Random
) -> tuple[list[str], int]:
    faults, known, killed = list[str](), _hashes(inputs), 0
    for one in commands:
        (place / one.name).mkdir()
        faults += _whole_run(one, place)
    for number in range(kills):
        one = commands[number % len(commands)]
        folder = place / one.name
        old = _lay_out(one, folder, has_old=draw.random() < 0.5)
        killed += _kill(one, folder, draw.random() * 1.1 * one.takes_s)
        found = _look(one, folder, old)
        found += [f"{name} was changed" for name, value in _hashes(inputs).items() if known.get(name) != value]
        if number // len(commands) % _EVERY == _EVERY - 1 or number >= kills - len(commands):
            found += _whole_run(one, place)
        faults += [f"kill {number} of {one.name}: {fault}" for fault in found]
        if found:
            print(faults[-1], flush=True)
    return faults, killed


def _lay_out(one: Command, folder: Path, *, has_old: bool) -> dict[str, str]:
    """Old results, or none, where the new ones will be; their hashes. A batch begins where it was killed, or anew."""
    for name in one.results:
        if has_old and not name.endswith("/") and one.name != "batch":
            (folder / name).write_bytes(_OLD)
    if one.name == "batch" and has_old:
        for path in list(folder.iterdir()):
            if path.is_file() and not path.name.startswith("."):
                path.unlink()
    return _hashes(folder)


def _kill(one: Command, folder: Path, after_s: float) -> bool:
    """Whether it still ran when it was killed."""
    process = _start(one, folder)
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        process.kill()
    process.wait()
    return process.returncode == -9


def _look(one: Command, folder: Path, old: dict[str, str]) -> list[str]:
    faults = []
    give_up = time.monotonic() + _GIVE_UP_S
    while (running := _running_in(folder)) and time.monotonic() < give_up:
        time.sleep(0.05)
    faults += [f"{name} still runs" for name in running]
    for name, value in _hashes(folder).items():
        if name.startswith(".") or name in one.beside or old.get(name) == value:
            continue
        whole = next((check for known, check in one.results.items() if name == known or name.startswith(known)), None)
        if whole is None:
            faults.append(f"{name} is to be seen")
        elif name in one.results and not whole(folder / name):
            faults.append(f"{name} is half written")
    for name, whole in one.results.items():
        if name.endswith("/") and (folder / name).exists() and not whole(folder / name):
            faults.append(f"{name} is half written")
    return faults


def _whole_run(one: Command, place: Path) -> list[str]:
    """Run a command to its end: what is wrong then."""
    folder, begin = place / one.name, time.monotonic()
    process = _start(one, folder)
    code = process.wait()
    one.takes_s = time.monotonic() - begin
    faults = [] if code == 0 else [f"the next run ended with {code}"]
    faults += [f"{name} is not whole" for name, whole in one.results.items() if not whole(folder / name)]
    hidden = [path.name for path in folder.rglob(".*")] + [path.name for path in (folder / "tmp").iterdir()]
    # Another command's temporary files lie elsewhere: what is here is from this one's killed runs.
    return faults + [f"{name} was left by a killed run" for name in hidden if name != "tmp"]


def _start(one: Command, folder: Path) -> subprocess.Popen[bytes]:
    (folder / "tmp").mkdir(exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder / "tmp"), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "talkinghead", *one.words],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _running_in(folder: Path) -> list[str]:
    found = []
    for process in psutil.process_iter(["name", "cwd", "status"]):
        if process.info["cwd"] == str(folder) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process.info["name"])
    return found


def _hashes(folder: Path) -> dict[str, str]:
    """By their names below it; what is temporary is left out."""
    files = [path for path in folder.rglob("*") if path.is_file() and folder / "tmp" not in path.parents]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _make_inputs(folder: Path) -> None:
    """A small portrait, half a second of speech, motion, and a manifest."""
    import soundfile

    from talkinghead.media.image_writing import write_image
    from talkinghead.media.images import read_image
    from talkinghead.motion.controls import controls_to_motion
    from talkinghead.motion.files import save_motion
    from talkinghead.motion.motion import Motion

    folder.mkdir()
    write_image(folder / "face.png", read_image(ROOT / "examples" / "astronaut.png", 160).pixels)
    samples, rate_hz = soundfile.read(ROOT / "examples" / "speech.wav", dtype="float32")
    soundfile.write(folder / "said.wav", samples[: rate_hz // 2], rate_hz)
    save_motion(Motion.concatenate([controls_to_motion({"smile": k / 12}) for k in range(12)]), folder / "m.npz")
    rows = "".join(f"{folder}/face.png,{folder}/said.wav,{k}.mp4,{k}\n" for k in range(3))
    (folder / "jobs.csv").write_text(f"source,audio,output,seed\n{rows}")


def _commands(inputs: Path) -> list[Command]:
    face, said, motion = (str(inputs / name) for name in ("face.png", "said.wav", "m.npz"))
    drawn = ("--seed", "1", "--force", "-q")
    video = _video(12)
    return [
        Command("speak", ("speak", face, said, "-o", "out.mp4", *drawn), {"out.mp4": video}),
        Command(
            "text",
            ("speak", face, "--text", "Hello.", "--tts", "espeak", "-o", "out.mov", *drawn),
            {"out.mov": _video(8)},
        ),
        Command("frames", ("speak", face, said, "-o", "frames/", *drawn), {"frames/": _frames}),
        Command("gif", ("speak", face, said, "-o", "out.gif", *drawn), {"out.gif": video}),
        Command(
            "animate",
            ("animate", face, motion, "-o", "out.mkv", "--save-motion", "out.npz", "--force", "-q"),
            {"out.mkv": video, "out.npz": _motion},
        ),
        Command("edit", ("edit", face, "--smile", "0.5", "-o", "out.png", "--force", "-q"), {"out.png": _picture}),
        Command("motion", ("motion", "convert", motion, "out.pkl", "--force"), {"out.pkl": _motion}),
        Command(
            "batch",
            ("batch", str(inputs / "jobs.csv"), "-o", ".", "--workers", "2", "-q"),
            {f"{k}.mp4": video for k in range(3)},
            beside=("batch-journal.jsonl",),
        ),
    ]


def _video(least: int) -> Callable[[Path], bool]:
    def whole(path: Path) -> bool:
        from talkinghead.core.errors import TalkingHeadError
        from talkinghead.media.video import VideoReader

        try:
            with VideoReader(path) as video:
                return sum(1 for _ in video) >= least
        except TalkingHeadError:
            return False

    return whole


def _picture(path: Path) -> bool:
    from talkinghead.core.errors import TalkingHeadError
    from talkinghead.media.images import read_image

    try:
        return read_image(path).pixels.std() > 1
    except TalkingHeadError:
        return False


def _motion(path: Path) -> bool:
    from talkinghead.core.errors import TalkingHeadError
    from talkinghead.motion.files import load_motion

    try:
        return len(load_motion(path)) == 12
    except TalkingHeadError:
        return False


def _frames(folder: Path) -> bool:
    pictures = sorted(folder.glob("*.png"))
    return len(pictures) >= 12 and all(_picture(path) for path in pictures) and (folder / "audio.wav").is_file()


if __name__ == "__main__":
    sys.exit(main())
