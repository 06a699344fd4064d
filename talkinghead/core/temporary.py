"""Temporary files and folders that are sure to go: with their owner, with their context, or all at once.

A process that has to end without unwinding (a second Ctrl-C, say) calls `remove_all`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "talkinghead-"
_live: set[Path] = set()
_lock = threading.Lock()


class KeptFile:
    """A temporary file at `path` that goes when this object does, when it is closed, or when the process ends."""

    def __init__(self, suffix: str = "") -> None:
        self.path = _new_path(suffix)
        self._remove = weakref.finalize(self, _remove, self.path)
        self.path.touch(mode=0o600, exist_ok=False)

    def close(self) -> None:
        """Remove the file now."""
        self._remove()


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that is gone, with all that is in it, when the context ends."""
    path = _new_path()
    try:
        path.mkdir(mode=0o700)
        yield path
    finally:
        _remove(path)


def expect(path: Path) -> None:
    """`path` is about to be written and is not a result yet: `remove_all` takes it along until it is `settled`."""
    with _lock:
        _live.add(path)


def settled(path: Path) -> None:
    """`path` has become what it was to be, or is gone."""
    _live.discard(path)


def remove_all() -> None:
    """Remove every one that is still there, whoever may use it: the process is about to end."""
    for path in list(_live):
        _remove(path)


def _new_path(suffix: str = "") -> Path:
    """A name that nothing has yet; what will be there is known as ours before it is, whenever the process may end."""
    path = Path(tempfile.gettempdir(), f"{_PREFIX}{os.urandom(8).hex()}{suffix}")
    with _lock:
        _live.add(path)
    return path


def _remove(path: Path) -> None:
    # No lock here: this also runs in a signal's handler, where the lock may be held by what was interrupted.
    _live.discard(path)
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        return
    with contextlib.suppress(OSError):
        path.unlink()
