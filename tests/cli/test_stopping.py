"""Ctrl-C while a command opens its inputs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from talkinghead.cli.stopping import stop_at_once

# Two temporary places are open when the interrupt comes.
SLEEPER = (
    "import sys, time\n"
    "from talkinghead.cli.stopping import stop_at_once\n"
    "from talkinghead.core.temporary import KeptFile, temporary_folder\n"
    "kept = KeptFile('.wav')\n"
    "with temporary_folder() as folder, stop_at_once():\n"
    "    (folder / 'part').write_text('text')\n"
    "    print('ready', flush=True)\n"
    "    while True:\n"
    "        try: time.sleep(60)\n"
    "        except KeyboardInterrupt: pass  # as an import may swallow it\n"
)


def heed_signals(interrupt: signal._HANDLER = signal.default_int_handler) -> None:
    """Shells' background jobs and `nohup`, which tests may be, pass on that signals are ignored."""
    signal.signal(signal.SIGINT, interrupt)
    for number in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def start(code: str, folder: Path, heed: signal.Handlers | signal._HANDLER) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(folder)}, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, preexec_fn=partial(heed_signals, heed),
    )  # fmt: skip


def wait_until_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"


def test_the_process_ends_even_where_the_interrupt_would_be_swallowed(tmp_path: Path) -> None:
    process = start(SLEEPER, tmp_path, signal.default_int_handler)
    wait_until_ready(process)
    assert len(list(tmp_path.iterdir())) == 2
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert (process.returncode, said) == (130, "talkinghead: stopped\n")
    assert list(tmp_path.iterdir()) == []


def test_a_job_in_the_background_ignores_it(tmp_path: Path) -> None:
    process = start(SLEEPER, tmp_path, signal.SIG_IGN)
    wait_until_ready(process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    process.kill()
    process.communicate()


@pytest.mark.parametrize("ends_badly", [False, True])
def test_afterwards_an_interrupt_is_an_exception_again(ends_badly: bool) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        try:
            with stop_at_once():
                assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
                if ends_badly:
                    raise ValueError
        except ValueError:
            pass
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_draws_ends_with_the_signals_code_and_leaves_nothing(
    examples: Path, tmp_path: Path, number: signal.Signals
) -> None:
    out, temporary = tmp_path / "out", tmp_path / "temporary"
    out.mkdir()
    temporary.mkdir()
    command = [sys.executable, "-m", "talkinghead", "speak", str(examples / "astronaut.png"),
               str(examples / "speech.wav"), "-o", str(out / "spoken.mp4"), "--renderer", "warp"]  # fmt: skip
    process = subprocess.Popen(command, env={**os.environ, "TMPDIR": str(temporary)}, stderr=subprocess.PIPE, text=True,
                               preexec_fn=heed_signals)  # fmt: skip
    give_up = time.monotonic() + 120
    while not list(out.iterdir()) and time.monotonic() < give_up:
        time.sleep(0.1)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert said.splitlines()[-1] == "talkinghead: stopped"
    assert list(out.iterdir()) == []
    assert list(temporary.glob("talkinghead-*")) == []
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_while_inputs_are_opened_they_end_the_process_at_once(tmp_path: Path, number: signal.Signals) -> None:
    process = start(SLEEPER, tmp_path, signal.default_int_handler)
    wait_until_ready(process)
    process.send_signal(number)
    _, said = process.communicate(timeout=20)
    assert (process.returncode, said) == (128 + number, "talkinghead: stopped\n")
    assert list(tmp_path.iterdir()) == []


# OpenCV computes in threads that nobody has ended, and a temporary file that nobody has removed is there.
COMPUTING = (
    "import atexit, sys, threading\n"
    "import cv2, numpy\n"
    "from talkinghead.cli.stopping import whole_program\n"
    "from talkinghead.core.temporary import expect\n"
    "from pathlib import Path\n"
    "{threads}\n"
    "left = Path(sys.argv[1], 'left')\n"
    "with whole_program():\n"
    "    expect(left)\n"
    "    left.touch()\n"
    "    atexit.register(print, 'torn down')\n"
    "    print('said')\n"
    "    sys.exit({code})\n"
)
THREADS = (
    "picture = numpy.zeros((1000, 1000, 3), numpy.float32)\n"
    "def blur():\n"
    "    while True: cv2.GaussianBlur(picture, (0, 0), 2)\n"
    "for _ in range(3): threading.Thread(target=blur, daemon=True).start()\n"
)


@pytest.mark.parametrize(("code", "expected"), [("130", 130), ("None", 0)])
def test_threads_that_still_compute_are_not_torn_down(tmp_path: Path, code: str, expected: int) -> None:
    program = COMPUTING.format(threads=THREADS, code=code)
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (expected, "said\n", "")
    assert list(tmp_path.iterdir()) == []


def test_a_program_without_them_ends_as_programs_do(tmp_path: Path) -> None:
    program = COMPUTING.format(threads="", code="130")
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (130, "said\ntorn down\n")
    assert list(tmp_path.iterdir()) == []
