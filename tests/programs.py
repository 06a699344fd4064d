"""Programs of ours that answer at a port: started as processes of their own, ended as init would, and looked behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Program:
    """One that runs; its temporary files lie in `folder`."""

    port: int
    process: subprocess.Popen[str]
    folder: Path

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        return f"http://127.0.0.1:{self.port}"

    def end(self) -> str:
        """Tell it to end as init would; what it said."""
        self.process.terminate()
        said = self.process.communicate(timeout=60)[1]
        assert self.process.returncode == 143, said
        return said


@contextmanager
def started(command: str, *arguments: str, folder: Path, environment: dict[str, str]) -> Iterator[Program]:
    """`talkinghead COMMAND` at any port, until the context ends: its temporary files are to be gone then, and it is to
    have raised nothing."""
    folder.mkdir(exist_ok=True)
    words = [sys.executable, "-m", "talkinghead", command, "--port", "0", *arguments]
    process = subprocess.Popen(
        words, stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(folder), **environment}
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    assert " http://" in line, line + process.stderr.read()
    program = Program(int(line.rsplit(":", 1)[1]), process, folder)
    try:
        yield program
    finally:
        if process.poll() is None:
            assert "Traceback" not in program.end()
        assert list(folder.iterdir()) == []
