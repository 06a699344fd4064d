"""`talkinghead app` where what it needs is not installed."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
sys.modules["gradio"] = None
from talkinghead.cli import main
main(sys.argv[1:], prog_name="talkinghead")
"""


def test_a_missing_extra_is_one_line_with_the_command() -> None:
    command = [sys.executable, "-c", PROGRAM, "app", "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("talkinghead: the page needs ")
    assert line.endswith(": pip install 'talkinghead[app]'")
