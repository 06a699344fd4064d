"""Files that appear whole or not at all: written under another name beside their place, then renamed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from talkinghead.core.errors import OutputError


def check_writable(path: Path, force: bool) -> None:
    """Say at once what would otherwise be said after the work.

    Raises:
        OutputError: something is there and `force` is not set, or the folder does not exist or cannot be written to.
    """
    if path.is_dir():
        raise OutputError(f"{path} is a folder: give the name of a file")
    if path.exists() and not force:
        raise OutputError(f"{path} exists already: choose another name or allow overwriting (--force)")
    if not path.parent.is_dir():
        raise OutputError(f"there is no folder {path.parent} to write {path.name} into: create it first")
    trial = _beside(path)
    try:
        trial.touch(exist_ok=False)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}): choose another folder") from None
    trial.unlink()


@contextmanager
def whole_file(path: str | os.PathLike[str], force: bool = False) -> Iterator[Path]:
    """A name to write to; the file takes the name `path` when the context ends well, and vanishes when it does not.

    Raises:
        OutputError: as `check_writable`; also for any OSError while writing.
    """
    target = Path(path)
    check_writable(target, force)
    part = _beside(target)
    try:
        yield part
        if target.exists() and not force:
            raise OutputError(f"{target} has appeared in the meantime: choose another name or allow overwriting")
        part.replace(target)
    except OSError as error:
        if error.filename not in (None, str(part)):  # what feeds the file failed, not the writing
            raise
        raise OutputError(f"{target} cannot be written ({error.strerror or error})") from error
    finally:
        part.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    """A hidden name in the same folder that nothing has; the suffix stays, for programs that go by it."""
    return path.with_name(f".{path.stem[:80]}.{secrets.token_hex(4)}.part{path.suffix}")
