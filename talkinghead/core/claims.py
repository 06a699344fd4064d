"""Which unfinished files are still somebody's: each is locked by the process that makes it, which a kill -9 unlocks.

Locks are advisory (flock), known to this program alone. Where a system or a file system has none, nothing is ever taken
for abandoned.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_held: dict[Path, int] = {}


def make_claimed(path: Path, *, folder: bool = False, private: bool = True) -> None:
    """Make an empty file or folder that stays this process's until it is `released`; `private`: for this user alone.

    Raises:
        OSError: it exists, or cannot be made.
    """
    while True:
        descriptor = _make(path, folder, private)
        if descriptor is None:
            return
        with contextlib.suppress(OSError):  # no locks here
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Between making and locking, another process may have taken it for abandoned.
        if os.fstat(descriptor).st_nlink and path.exists():
            _held[path] = descriptor
            return
        os.close(descriptor)


def release(path: Path) -> None:
    """It is finished, or gone."""
    descriptor = _held.pop(path, None)
    if descriptor is not None:
        with contextlib.suppress(OSError):
            os.close(descriptor)


def remove_abandoned(paths: Iterable[Path]) -> None:
    """Remove those files and folders, with what lies beside them under their names and a suffix, that nobody claims."""
    for path in paths:
        if fcntl is None or path in _held:
            continue
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(path)
            finally:
                os.close(descriptor)


def hold(path: Path) -> bool:
    """Lock a file, made where it is missing, until `let_go` or this process's end; False where another process has it.

    Raises:
        OSError: it cannot be made.
    """
    if fcntl is None:
        return True
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    except OSError:  # no locks here
        pass
    _held[path] = descriptor
    return True


def let_go(path: Path) -> None:
    """Unlock a file that is held."""
    release(path)


def _make(path: Path, folder: bool, private: bool) -> int | None:
    if folder:
        path.mkdir(mode=0o700 if private else 0o777)
        return None if fcntl is None else os.open(path, os.O_RDONLY)
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600 if private else 0o666)
    if fcntl is None:
        os.close(descriptor)
        return None
    return descriptor


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        return
    for more in (".palette.png", ".copy"):  # of a GIF
        path.with_name(path.name + more).unlink(missing_ok=True)
    path.unlink()
