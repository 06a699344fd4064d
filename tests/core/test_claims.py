"""What a process that was killed has left goes with the next run; what one still writes stays."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from talkinghead.core import temporary
from talkinghead.core.output import whole_file
from talkinghead.core.temporary import KeptFile, temporary_folder

_CODE = """
import sys, tempfile
from pathlib import Path
from talkinghead.core.output import whole_file
from talkinghead.core.temporary import KeptFile, temporary_folder
place = Path(sys.argv[1])
tempfile.tempdir = str(place)
kept = KeptFile(".wav")
with temporary_folder() as folder, whole_file(place / "out.mp4") as part:
    (folder / "it.txt").write_text("half")
    part.write_text("half")
    print("there", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path: Path) -> subprocess.Popen[str]:
    """A process in the middle of its work."""
    process = subprocess.Popen(
        [sys.executable, "-c", _CODE, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "there\n"
    return process


def _next_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What lies in the folder while the next run of this program writes there; its own files left out."""
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setattr(temporary, "_swept", set())
    kept = KeptFile()
    with temporary_folder() as own, whole_file(folder / "next.mp4") as part:
        part.write_text("whole")
        found = sorted(path.name for path in folder.iterdir() if path not in (kept.path, own, part))
    kept.close()
    assert (folder / "next.mp4").read_text() == "whole"
    return found


def test_what_a_killed_run_has_left_goes(
    tmp_path: Path, other: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    while_it_runs = _next_run(tmp_path, monkeypatch)
    assert len(while_it_runs) == 3, while_it_runs
    (tmp_path / "next.mp4").unlink()
    other.send_signal(signal.SIGKILL)
    other.communicate()
    assert _next_run(tmp_path, monkeypatch) == []


def test_a_run_that_ends_leaves_nothing_but_its_result(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    other.communicate(input="")
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_files_of_others_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [".out.deadbeef.part.mp4", "talkinghead-notes.txt", ".film.part", "talkinghead-0123456789abcdef-mine"]
    for name in names:
        (tmp_path / name).write_text("mine")
    assert _next_run(tmp_path, monkeypatch) == sorted(names)


def test_a_result_has_the_permissions_of_any_file(tmp_path: Path) -> None:
    with whole_file(tmp_path / "out.mp4") as part:
        part.write_text("whole")
    (tmp_path / "plain").touch()
    assert (tmp_path / "out.mp4").stat().st_mode == (tmp_path / "plain").stat().st_mode


def _descriptors() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def test_no_descriptor_stays_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = _descriptors()
    for _ in range(3):
        KeptFile().close()
        with temporary_folder(), whole_file(tmp_path / "out.mp4", force=True) as part:
            part.write_text("whole")
    after = _descriptors()
    assert after == before
