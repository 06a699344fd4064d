"""What lies at a name that somebody wrote. One that no file can have is nobody's: too long, or with a zero in it."""

from __future__ import annotations

from pathlib import Path


def is_there(path: Path) -> bool:
    """Whether anything is called so."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def is_file(path: Path) -> bool:
    """Whether a file is called so."""
    return is_there(path) and path.is_file()


def is_folder(path: Path) -> bool:
    """Whether a folder is called so."""
    return is_there(path) and path.is_dir()
