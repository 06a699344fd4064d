"""`talkinghead` as a program of its own: what it says, and what an interrupt leaves."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

EXAMPLES = Path(__file__).parents[2] / "examples"
ASTRONAUT, SPEECH = EXAMPLES / "astronaut.png", EXAMPLES / "speech.wav"


def start(folder: Path, *words: str, stdin: int | None = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """`talkinghead` with `words` in `folder`, its temporary files in `folder`/tmp."""
    (folder / "tmp").mkdir(exist_ok=True)
    # A shell's background jobs, which tests may be, pass on that SIGINT is ignored.
    heed = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    return subprocess.Popen(
        [sys.executable, "-m", "talkinghead", *words], cwd=folder, env={**os.environ, "TMPDIR": str(folder / "tmp")},
        stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=heed,
    )  # fmt: skip


def wait_for(what: Callable[[], bool], process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        assert time.monotonic() < deadline
        time.sleep(0.05)


def interrupted(process: subprocess.Popen[bytes]) -> str:
    """What the process says to an interrupt, of which it ends."""
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    return said.decode()


def test_standard_error_holds_our_own_lines_and_standard_output_the_name(tmp_path: Path) -> None:
    samples, rate_hz = soundfile.read(SPEECH, dtype="float32")
    soundfile.write(tmp_path / "short.wav", samples[: rate_hz // 2], rate_hz)
    process = start(tmp_path, "speak", str(ASTRONAUT), "short.wav", "-o", "out.mp4", "--renderer", "warp")
    out, said = process.communicate(timeout=100)
    assert process.returncode == 0, said
    assert out.decode() == "out.mp4\n"
    lines = said.decode().splitlines()
    assert lines[0] == "renderer: warp; motion: embedded"
    assert re.fullmatch(r"12 frames, 0\.5 s of video in \d+\.\d s|13 frames, 0\.5 s of video in \d+\.\d s", lines[-1])
    assert len(lines) == 2 or all(line.startswith("drawing: ") for line in lines[1:-1])
    assert list((tmp_path / "tmp").iterdir()) == []


def test_an_error_is_one_line(tmp_path: Path) -> None:
    process = start(tmp_path, "speak", "nobody.png", str(SPEECH))
    out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, b"")
    assert re.fullmatch(r"talkinghead: [^\n]*nobody\.png[^\n]*\n", said.decode())


@pytest.mark.parametrize(("kept", "seen"), [(True, "ours\n"), (False, "native\nours\n")])
def test_what_native_code_writes_is_kept_off_the_terminal(kept: bool, seen: str) -> None:
    code = (
        "import os, sys\nfrom talkinghead.cli.native_output import keep_to_ourselves\n"
        f"if {kept}: keep_to_ourselves()\n"
        "os.write(2, b'native\\n')\nprint('ours', file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == seen


def test_without_a_standard_error_nothing_breaks() -> None:
    code = (
        "import os, sys\nos.close(2)\nfrom talkinghead.cli.native_output import keep_to_ourselves\nkeep_to_ourselves()"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_ctrl_c_while_opening_leaves_no_temporary_file(tmp_path: Path) -> None:
    """Sound that never ends on standard input: the program keeps what came, and waits for more."""
    process = start(tmp_path, "speak", str(ASTRONAUT), "-", "-o", "out.mp4", stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(SPEECH.read_bytes()[:50_000])
    process.stdin.flush()
    wait_for(lambda: any((tmp_path / "tmp").glob("talkinghead-*")), process)
    said = interrupted(process)
    assert said.splitlines()[-1] == "talkinghead: stopped"
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == [tmp_path / "tmp"]
    assert list((tmp_path / "tmp").iterdir()) == []


def test_ctrl_c_while_drawing_leaves_no_half_file(tmp_path: Path) -> None:
    samples = np.tile(soundfile.read(SPEECH, dtype="float32")[0], 6)
    soundfile.write(tmp_path / "long.wav", samples, 16000)
    process = start(tmp_path, "speak", str(ASTRONAUT), "long.wav", "-o", "out.mp4")
    wait_for(lambda: any(tmp_path.glob(".out.*.part.mp4")), process)
    said = interrupted(process)
    assert "talkinghead: stopped" in said
    assert "Traceback" not in said
    assert {path.name for path in tmp_path.iterdir()} == {"long.wav", "tmp"}
    assert list((tmp_path / "tmp").iterdir()) == []
