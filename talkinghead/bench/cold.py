"""A cold start: the program in a process of its own, from nothing to the finished file."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from talkinghead.core.errors import InputError

_LOOK_EVERY_S = 0.02
_PEAK = re.compile(rb"^VmHWM:\s+(\d+) kB", re.M)


class Cold(NamedTuple):
    """Seconds from the start of the process to its end, and the most memory that it held; None where Linux's /proc,
    which tells that, is missing. Memory of the ffmpeg that it starts is not counted."""

    seconds: float
    peak_memory_mb: float | None


def cold_start(arguments: Sequence[str]) -> Cold:
    """Run `python -m talkinghead` with these arguments.

    Raises:
        InputError: it failed; the message is its own.
    """
    begin = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "talkinghead", *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        peak = None
        try:
            while process.poll() is None:
                # The figure only grows, so that the last look before the end counts.
                peak = _peak_mb(process.pid) or peak
                time.sleep(_LOOK_EVERY_S)
        except BaseException:
            process.terminate()
            raise
        seconds = time.perf_counter() - begin
        said = process.stderr.read().decode(errors="replace").strip()
    if process.returncode:
        lines = said.splitlines() or ["it said nothing"]
        raise InputError(f"the program could not be measured, it stopped: {lines[-1].removeprefix('talkinghead: ')}")
    return Cold(seconds, peak)


def _peak_mb(pid: int) -> float | None:
    try:
        found = _PEAK.search(Path(f"/proc/{pid}/status").read_bytes())
    except OSError:
        return None
    return None if found is None else int(found[1]) * 1024 / 1e6
