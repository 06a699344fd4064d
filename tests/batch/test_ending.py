"""A batch that is told to end, or whose parent dies: no orphan, no part file, a journal that stays true."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from talkinghead.batch.journal import JOURNAL

ROWS = 4


@pytest.fixture
def manifest(examples: Path, tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    rows = [f"{examples / 'astronaut.png'},{examples / 'speech.wav'},{k}.mp4" for k in range(ROWS)]
    path.write_text("\n".join(["source,audio,output", *rows]) + "\n")
    return path


def heed_signals() -> None:
    """`nohup`, under which tests may run, passes on that SIGHUP is ignored."""
    for number in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def begin(manifest: Path, out: Path) -> subprocess.Popen[str]:
    """A batch in a process of its own, of which a worker has begun to write a video."""
    command = [sys.executable, "-m", "talkinghead", "batch", str(manifest), "-o", str(out), "--workers", "2"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heed_signals
    )
    give_up = time.monotonic() + 120
    while not list(out.glob(".*.part*")) and time.monotonic() < give_up:
        time.sleep(0.1)
    assert list(out.glob(".*.part*"))
    return process


def wait_for_the_end(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=30)
    left = [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
    for process in left:
        process.kill()
    assert not left


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_nothing_runs_on_and_nothing_half_made_stays(manifest: Path, tmp_path: Path, number: signal.Signals) -> None:
    out = tmp_path / "out"
    process = begin(manifest, out)
    family = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, number)
    process.wait(timeout=30)
    wait_for_the_end(family)
    process.communicate()
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number)
    assert list(out.glob(".*.part*")) == []
    entries = [json.loads(line) for line in (out / JOURNAL).read_text().splitlines()]
    finished = {entry["output"] for entry in entries if entry["error"] is None}
    assert {str(path) for path in out.glob("*.mp4")} >= finished
    assert len({entry["output"] for entry in entries if entry["error"] == "begun"}) == ROWS
