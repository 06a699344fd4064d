"""Many jobs on a server that is mistreated: none lost, none done twice, no file left.

python tools/server_trial.py --jobs 200 --cancelled 20

Jobs are queued, some cancelled; a worker is killed with -9, then the server itself, which is started again on the same
folder; then all are waited for, looked at, and removed. Needs what `talkinghead[serve]` installs.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
_FRAMES = 5


class Server:
    """One server process on a folder of jobs."""

    def __init__(self, state: Path, temporary: Path, queue: int, workers: int) -> None:
        words = [
            sys.executable,
            "-m",
            "talkinghead",
            "serve",
            "--port",
            "0",
            "--state",
            str(state),
            "--queue",
            str(queue),
            "--workers",
            str(workers),
        ]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)}
        self.process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment)
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        assert "listening at" in line, line + self.process.stderr.read()
        self._port = int(line.rsplit(":", 1)[1])

    def ask(self, method: str, path: str, body: bytes = b"", kind: str = "") -> tuple[int, bytes]:
        """(status, body)"""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        connection.request(method, path, body or None, {"Content-Type": kind} if kind else {})
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, data

    def submit(self, picture: bytes, driving: bytes) -> str:
        """The id of a new job."""
        body = b""
        for name, data in (("picture", picture), ("driving", driving)):
            head = f'--seam\r\nContent-Disposition: form-data; name="{name}"; filename="../{name}.bin"\r\n\r\n'
            body += head.encode() + data + b"\r\n"
        body += b'--seam\r\nContent-Disposition: form-data; name="crop"\r\n\r\n1\r\n--seam--\r\n'
        status, said = self.ask("POST", "/v1/videos", body, "multipart/form-data; boundary=seam")
        assert status == 202, said
        return str(json.loads(said)["id"])

    def job(self, name: str) -> dict[str, Any]:
        """What it says of a job."""
        status, said = self.ask("GET", f"/v1/videos/{name}")
        assert status == 200, said
        found: dict[str, Any] = json.loads(said)
        return found

    def workers(self) -> list[psutil.Process]:
        """Its processes that make videos."""
        children = psutil.Process(self.process.pid).children()
        return [child for child in children if "talkinghead.server.worker" in " ".join(child.cmdline())]


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--cancelled", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        faults = _trial(Path(folder), asked.jobs, asked.cancelled, asked.workers)
    print("\n".join(faults) or "none lost, none done twice, no file left")
    return 1 if faults else 0


def _trial(folder: Path, jobs: int, cancelled: int, workers: int) -> list[str]:
    state, temporary = folder / "state", folder / "tmp"
    temporary.mkdir()
    picture, driving = _inputs(folder)
    server = Server(state, temporary, jobs + 1, workers)
    names = [server.submit(picture, driving) for _ in range(jobs)]
    gone = set(random.Random(0).sample(names, cancelled))
    for name in sorted(gone):
        server.ask("DELETE", f"/v1/videos/{name}")
    begin = time.monotonic()
    victim = _first_worker(server)
    victim.kill()
    print(f"{jobs} jobs, {cancelled} cancelled, worker {victim.pid} killed", flush=True)
    _wait_for(server, names, jobs // 3)
    server.process.send_signal(signal.SIGKILL)
    server.process.communicate()
    print(f"the server killed after {time.monotonic() - begin:.0f} s", flush=True)
    server = Server(state, temporary, jobs + 1, workers)
    _wait_for(server, names, jobs)
    faults = _look(server, names, gone, state, kills=1 + workers)
    for name in names:
        server.ask("DELETE", f"/v1/videos/{name}")
    server.process.terminate()
    server.process.communicate()
    faults += [
        f"{path.name} is left"
        for path in (*temporary.iterdir(), *state.iterdir())
        if path.is_dir() or path.parent == temporary
    ]
    print(f"all ended after {time.monotonic() - begin:.0f} s", flush=True)
    return faults


def _look(server: Server, names: list[str], gone: set[str], state: Path, kills: int) -> list[str]:
    """What is wrong when all have ended: `kills` jobs may have begun twice."""
    from talkinghead.media.video import VideoReader

    faults = []
    for name in names:
        job = server.job(name)
        ended_before = name in gone and job["status"] == "completed"
        if job["status"] != ("cancelled" if name in gone and not ended_before else "completed"):
            faults.append(f"{name} is {job}")
        elif job["status"] == "completed":
            files = [path.name for path in (state / name).iterdir()]
            with VideoReader(state / name / "out.mp4") as video:
                frames = sum(1 for _ in video)
            if files != ["out.mp4"] or frames != _FRAMES:
                faults.append(f"{name} has {files}, {frames} frames")
        elif (state / name).exists():
            faults.append(f"{name} is cancelled and has files")
    with sqlite3.connect(state / "journal.sqlite") as journal:
        count, attempts = journal.execute(
            "SELECT count(*), sum(attempts) FROM jobs WHERE state = 'completed'"
        ).fetchone()
        known = {row[0] for row in journal.execute("SELECT id FROM jobs")}
    print(f"{count} completed in {attempts} attempts, {len(known)} in the journal", flush=True)
    if known != set(names):
        faults.append(f"the journal has {len(known)} jobs, not {len(names)}")
    if attempts > count + kills:
        faults.append(f"{attempts} attempts at {count} jobs")
    return faults


def _wait_for(server: Server, names: list[str], number: int) -> None:
    while sum(server.job(name)["status"] in ("completed", "failed", "cancelled") for name in names) < number:
        time.sleep(2)


def _first_worker(server: Server) -> psutil.Process:
    while not (found := server.workers()):
        time.sleep(0.05)
    return found[0]


def _inputs(folder: Path) -> tuple[bytes, bytes]:
    """A small face crop and a few frames of motion."""
    from talkinghead.media.image_writing import write_image
    from talkinghead.media.images import read_image
    from talkinghead.motion.controls import controls_to_motion
    from talkinghead.motion.files import save_motion
    from talkinghead.motion.motion import Motion

    picture = write_image(folder / "face.png", read_image(ROOT / "examples" / "astronaut.png", 160).pixels)
    parts = [controls_to_motion({"smile": k / _FRAMES}) for k in range(_FRAMES)]
    motion = save_motion(Motion.concatenate(parts), folder / "m.npz")
    return picture.read_bytes(), motion.read_bytes()


if __name__ == "__main__":
    sys.exit(main())
