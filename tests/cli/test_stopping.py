"""Ctrl-C while a command opens its inputs."""

import signal
import subprocess
import sys
import time
from functools import partial

import pytest

from talkinghead.cli.stopping import stop_at_once

SLEEPER = (
    "import atexit, sys, time\n"
    "from talkinghead.cli.stopping import stop_at_once\n"
    "atexit.register(lambda: open('removed', 'w').close())\n"
    "with stop_at_once():\n"
    "    print('ready', flush=True)\n"
    "    while True:\n"
    "        try: time.sleep(60)\n"
    "        except KeyboardInterrupt: pass  # as an import may swallow it\n"
)


def start(code, folder, heed):
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, heed),
    )  # fmt: skip


def test_the_process_ends_even_where_the_interrupt_would_be_swallowed(tmp_path):
    process = start(SLEEPER, tmp_path, signal.default_int_handler)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert (process.returncode, said) == (130, "talkinghead: stopped\n")
    assert (tmp_path / "removed").exists()  # what is to be tidied at exit is tidied


def test_a_job_in_the_background_ignores_it(tmp_path):
    process = start(SLEEPER, tmp_path, signal.SIG_IGN)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    process.kill()
    process.communicate()


@pytest.mark.parametrize("ends_badly", [False, True])
def test_afterwards_an_interrupt_is_an_exception_again(ends_badly):
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
