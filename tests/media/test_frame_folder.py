"""Frames in a folder: whole at any moment, in whatever folder they are asked for."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from talkinghead.core.errors import OutputError
from talkinghead.core.output import swap
from talkinghead.core.types import Pixels
from talkinghead.media.video import write_video
from tests.disks import mounted

_ROOT = Path(__file__).parents[2]
_STOPS = 25
_WRITES_FOR_EVER = """
    import itertools, sys
    from fractions import Fraction
    import numpy as np
    from talkinghead.media.video import write_video
    for run in itertools.count():
        frames = (np.full((8, 8, 3), 10 * (run % 20), np.uint8) for _ in range(150 + 50 * (run % 2)))
        write_video(sys.argv[1], frames, Fraction(25), force=True)
        print(run, flush=True)
"""


def _grey(level: int) -> Pixels:
    return np.full((8, 8, 3), level, np.uint8)


def _runs(folder: Path) -> dict[int, int]:
    """How many frames there are of each run, which has a grey of its own."""
    levels = [int(cv2.imread(str(path))[0, 0, 0]) for path in folder.glob("*.png")]
    return {level: levels.count(level) for level in set(levels)}


@pytest.mark.parametrize("beside", [False, True])
def test_a_folder_never_shows_frames_of_two_runs(tmp_path: Path, beside: bool) -> None:
    """Stopped at any moment (as a kill -9 stops it), it holds one run's; with a stranger's file beside, some of one."""
    out = tmp_path / "out"
    write_video(f"{out}/", [_grey(0)], Fraction(25))
    if beside:
        (out / "notes.txt").write_text("keep me")
    draw = random.Random(0)
    command = [sys.executable, "-c", textwrap.dedent(_WRITES_FOR_EVER), f"{out}/"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(_ROOT)}) as child:
        assert child.stdout is not None
        child.stdout.readline()
        try:
            for _ in range(_STOPS):
                time.sleep(draw.random() * 0.03)
                child.send_signal(signal.SIGSTOP)
                os.waitid(os.P_PID, child.pid, os.WSTOPPED)
                runs = _runs(out)
                assert len(runs) <= 1
                assert beside or all(count in (150, 200) for count in runs.values())
                child.send_signal(signal.SIGCONT)
        finally:
            child.kill()
    write_video(f"{out}/", [_grey(1)] * 3, Fraction(25), force=True)
    assert _runs(out) == {1: 3}
    assert (out / "notes.txt").exists() == beside
    assert [path.name for path in tmp_path.rglob(".*")] == []


def test_into_the_folder_where_one_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for level, count in ((1, 4), (2, 2)):
        write_video(".", [_grey(level)] * count, Fraction(25), force=True)
        assert _runs(Path()) == {level: count}
        assert sorted(path.name for path in Path().iterdir()) == [f"{k:06d}.png" for k in range(count)]


def test_into_a_disk_of_its_own(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "1m") as disk:
        for level, count in ((1, 4), (2, 2)):
            write_video(f"{disk}/", [_grey(level)] * count, Fraction(25), force=True)
            assert _runs(disk) == {level: count}
        noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
        with pytest.raises(OutputError, match="No space left"):
            write_video(f"{disk}/", [noise] * 12, Fraction(25), force=True)
        assert _runs(disk) == {2: 2}
        assert len(list(disk.iterdir())) == 2


def test_a_swap_keeps_both(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    if not swap(tmp_path / "a", tmp_path / "b"):
        pytest.skip("no such system call here")
    assert (tmp_path / "a" / "b").exists()
    assert (tmp_path / "b" / "a").exists()
    assert not swap(tmp_path / "a", tmp_path / "c")
