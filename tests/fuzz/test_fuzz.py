"""A few hundred damaged files for each group of readers; `make fuzz` tries thousands of each reader."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.table import GROUPS, READERS

_ROOT = Path(__file__).parents[2]
_CASES = 300


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_readers_hold_the_law(group: str, tmp_path: Path) -> None:
    readers = [reader for reader in READERS if reader.group == group]
    command = [sys.executable, "tools/fuzz.py", group, "--cases", str(_CASES // len(readers)), "--seed", "0",
               "--keep", str(tmp_path / "kept")]  # fmt: skip
    done = subprocess.run(
        command, cwd=_ROOT, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": "."}
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "cases, 0 faults" in done.stdout
