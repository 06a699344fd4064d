"""Disks for tests: small ones, and ones that cannot be written to; root alone can have them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(at: Path, size: str, options: str = "") -> Iterator[Path]:
    """A new disk in memory, of so many bytes ("1m"), at a folder that is made; skips where that is not allowed."""
    at.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}{options and ','}{options}", "tmpfs", str(at)]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no program mount")
    if done.returncode:
        pytest.skip("this user may not mount a disk")
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)
