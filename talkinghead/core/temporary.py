"""Temporary files and folders that are sure to go: with their owner, with their context, or all at once.

A process that has to end without unwinding (a second Ctrl-C, say) calls `remove_all`. What one that was killed has
left, the next that needs a temporary file removes.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from talkinghead.core.claims import make_claimed, release, remove_abandoned

_PREFIX = "talkinghead-"
_OURS = re.compile(rf"{_PREFIX}[0-9a-f]{{16}}(\.\w+)?")
_swept: set[str] = set()
_live: set[Path] = set()
_lock = threading.Lock()


class KeptFile:
    """A temporary file at `path` that goes when this object does, when it is closed, or when the process ends."""

    def __init__(self, suffix: str = "") -> None:
        self.path = _new_path(suffix)
        self._remove = weakref.finalize(self, _remove, self.path)
        make_claimed(self.path)

    def close(self) -> None:
        """Remove the file now."""
        self._remove()


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that is gone, with all that is in it, when the context ends."""
    path = _new_path()
    try:
        make_claimed(path, folder=True)
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


def remove_stale(folder: Path) -> None:
    """Remove the temporary files in `folder` of processes that were killed."""
    with contextlib.suppress(OSError):
        remove_abandoned([path for path in folder.iterdir() if _OURS.fullmatch(path.name)])


def _new_path(suffix: str = "") -> Path:
    """A name that nothing has yet; what will be there is known as ours before it is, whenever the process may end."""
    place = tempfile.gettempdir()
    if place not in _swept:
        _swept.add(place)
        remove_stale(Path(place))
    path = Path(place, f"{_PREFIX}{os.urandom(8).hex()}{suffix}")
    with _lock:
        _live.add(path)
    return path


def _remove(path: Path) -> None:
    # No lock here: this also runs in a signal's handler, where the lock may be held by what was interrupted.
    _live.discard(path)
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()
    release(path)
