"""Commands where disks are full or closed, nobody reads on, names are no text, and locales are odd."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import cv2
import pytest
import soundfile

from tests.cli.conftest import EXAMPLES
from tests.disks import mounted

_ROOT = Path(__file__).parents[2]
# Each command line in a file, one word a line; for each, how it ended, and what it said.
_RUNS_ALL = """
    import contextlib, io, os, sys
    from talkinghead.cli import main
    for line in sys.stdin.buffer.read().split(b"\\n\\n"):
        words = [os.fsdecode(word) for word in line.split(b"\\n") if word]
        said, code = io.StringIO(), 0
        try:
            with contextlib.redirect_stderr(said):
                main.main(words, prog_name="talkinghead", standalone_mode=False)
        except SystemExit as end:
            code = int(end.code or 0)
        print(words[0], code, ascii(said.getvalue()), flush=True)
"""
_NAMES = ("speak ", "animate ", "edit ", "faces ", "motion ", "inspect ")
# What a place that cannot be written to is to be called.
_REASONS = {
    "full": ("No space left on device", "the disk is full"),
    "read-only": ("Read-only file system", "ermission"),
    "immutable": ("not permitted", "ermission"),
}
_COMMANDS: dict[str, tuple[str | bytes, ...]] = {
    "speak": ("speak", "{face}", "{said}", "-o", "{out}/a.mp4", "-q"),
    "speak into frames": ("speak", "{face}", "{said}", "-o", "{out}/frames/", "-q"),
    "animate": ("animate", "{face}", "{motion}", "-o", "{out}/b.mov", "--save-motion", "{out}/b.npz", "-q"),
    "edit": ("edit", "{face}", "--smile", "0.5", "-o", "{out}/c.png", "-q"),
    "faces": ("faces", "{face}", "-o", "{out}/d.png", "-q"),
    "motion": ("motion", "convert", "{motion}", "{out}/e.csv", "-q"),
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with face.png, said.wav (half a second) and m.npz."""
    from talkinghead.motion.controls import controls_to_motion
    from talkinghead.motion.files import save_motion
    from talkinghead.motion.motion import Motion

    folder = tmp_path_factory.mktemp("inputs")
    picture = cv2.imread(str(EXAMPLES / "astronaut.png"))
    cv2.imwrite(str(folder / "face.png"), cv2.resize(picture, (160, 160), interpolation=cv2.INTER_AREA))
    samples, rate_hz = soundfile.read(EXAMPLES / "speech.wav", dtype="float32")
    soundfile.write(folder / "said.wav", samples[: rate_hz // 2], rate_hz)
    save_motion(Motion.concatenate([controls_to_motion({"smile": k / 6}) for k in range(6)]), folder / "m.npz")
    return folder


def _environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHON"))}
    return {**kept, "PYTHONPATH": str(_ROOT), **more}


def _run_all(lines: list[list[bytes]], **more: str) -> list[tuple[str, int, str]]:
    """(the command, its exit code, what it said) of several commands, run in one process."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_RUNS_ALL)], input=b"\n\n".join(b"\n".join(line) for line in lines),
        capture_output=True, env=_environment(**more), check=False,
    )  # fmt: skip
    found = [
        line.split(" ", 2) for line in done.stdout.decode("latin-1").splitlines() if line.startswith(tuple(_NAMES))
    ]
    assert len(found) == len(lines), done.stderr.decode()[-2000:]
    return [(name, int(code), said.strip("'\"")) for name, code, said in found]


def _lines(inputs: Path, out: Path, *commands: str) -> list[list[bytes]]:
    places = {"{face}": inputs / "face.png", "{said}": inputs / "said.wav", "{motion}": inputs / "m.npz"}

    def placed(word: str) -> bytes:
        return os.fsencode(places[word]) if word in places else word.encode().replace(b"{out}", os.fsencode(out))

    return [[placed(str(word)) for word in _COMMANDS[name]] for name in commands or _COMMANDS]


def _seen(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def _freeze(folder: Path) -> bool:
    """Nothing can be made in a folder any more; whether that is possible here."""
    command = ["chattr", "+i", str(folder)]
    return shutil.which("chattr") is not None and subprocess.run(command, check=False).returncode == 0


def test_killed_at_any_moment(tmp_path: Path) -> None:
    """A few of the kills of `make kills`."""
    command = [sys.executable, "tools/kills.py", "edit", "--kills", "3"]
    done = subprocess.run(command, cwd=_ROOT, env=_environment(TMPDIR=str(tmp_path)), capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 faults" in done.stdout
    assert _seen(tmp_path) == []


@pytest.mark.parametrize("kind", list(_REASONS))
def test_where_nothing_can_be_written(tmp_path: Path, inputs: Path, kind: str) -> None:
    """One line each that names the place, and nothing is left."""
    with mounted(tmp_path / "disk", "4k" if kind == "full" else "1m", options="nr_inodes=20") as disk:
        out = disk / "out"
        out.mkdir()
        if kind == "read-only":
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        if kind == "immutable" and not _freeze(out):
            pytest.skip("this disk has no immutable folders")
        for (name, code, said), line in zip(_run_all(_lines(inputs, out)), _COMMANDS):
            assert (name, code) == (line.split()[0], 1), said
            assert said.count("\\n") == 1, said
            assert any(reason in said for reason in _REASONS[kind]), said
        assert _seen(out) == []
        if kind == "immutable":
            subprocess.run(["chattr", "-i", str(out)], check=True)


def test_nobody_reads_on(inputs: Path) -> None:
    """`| head` ends a command quietly, or after the one line of what could not be written."""
    face, said, motion = (str(inputs / name) for name in ("face.png", "said.wav", "m.npz"))
    for words in (
        ["speak", face, said, "-o", "-", "-q"],
        ["faces", face],
        ["motion", "info", motion],
        ["inspect", face],
    ):
        reads, writes = os.pipe()
        os.close(reads)
        with subprocess.Popen([sys.executable, "-m", "talkinghead", *words], stdout=writes, stderr=subprocess.PIPE,
                              env=_environment()) as process:  # fmt: skip
            os.close(writes)
            assert process.stderr is not None
            lines = process.stderr.read().decode().splitlines()
        assert process.returncode in (0, 1), words
        assert len(lines) <= 1, lines
        assert not any("Traceback" in line or "mistake" in line for line in lines)


@pytest.mark.parametrize("locale", ["C", "tr_TR.ISO-8859-9"])
def test_odd_locales_and_names_that_are_no_text(tmp_path: Path, inputs: Path, locale: str) -> None:
    """Everything is written under the bytes that were given, whatever the locale thinks that they are."""
    if locale != "C":  # else it may not be installed, and would be C again
        made = ["localedef", "-i", "tr_TR", "-f", "ISO-8859-9", str(tmp_path / locale)]
        if shutil.which("localedef") is None or subprocess.run(made, capture_output=True, check=False).returncode:
            pytest.skip("the locale's source is not installed")
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/I\xc4\xb1 \xff\xe9%d'[a] \xf0\x9f\x98\x80"))
    shutil.copytree(inputs, odd)
    lines = _lines(odd, odd, *([] if locale == "C" else ["animate", "edit", "motion"]))
    lines.append([b"inspect", os.fsencode(odd / "b.mov")])
    lines.append([b"motion", b"info", os.fsencode(odd / "e.csv"), b"--no-plot"])
    for name, code, said in _run_all(lines, LC_ALL=locale, LOCPATH=str(tmp_path)):
        assert code == 0, (name, said)
    assert locale != "C" or (odd / "a.mp4").exists()
    assert {"b.mov", "b.npz", "c.png", "e.csv"} < set(_seen(odd))
