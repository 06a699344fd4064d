"""Files that appear whole or not at all: written under another name beside their place, then renamed."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from talkinghead.core.claims import make_claimed, release, remove_abandoned
from talkinghead.core.errors import OutputError
from talkinghead.core.places import is_folder, is_there
from talkinghead.core.temporary import expect, settled

_USUAL_NAME = 255
_HERE, _EXCHANGE = -100, 2  # Linux' AT_FDCWD and RENAME_EXCHANGE
# Of a part's name: room is left for what is written beside it, such as a palette.
_STEM_BYTES, _SUFFIX = 80, 16
_PART = re.compile(r"\..*\.talkinghead-[0-9a-f]{8}\.part(\.[^.]*)?", re.S)


def check_writable(path: Path, force: bool) -> None:
    """Say at once what would otherwise be said after the work.

    Raises:
        OutputError: something is there and `force` is not set, or the folder does not exist or cannot be written to.
    """
    check_name(path)
    if is_folder(path):
        raise OutputError(f"{path} is a folder: give the name of a file")
    if is_there(path) and not force:
        raise OutputError(f"{path} exists already: choose another name or allow overwriting (--force)")
    if not is_folder(path.parent):
        raise OutputError(f"there is no folder {path.parent} to write {path.name} into: create it first")
    trial = _beside(path)
    expect(trial)
    try:
        trial.touch(exist_ok=False)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}): choose another folder") from None
    finally:
        trial.unlink(missing_ok=True)
        settled(trial)


@contextmanager
def whole_file(path: str | os.PathLike[str], force: bool = False) -> Iterator[Path]:
    """A name to write to; the file takes the name `path` when the context ends well, and vanishes when it does not.

    Raises:
        OutputError: as `check_writable`; also for any OSError while writing.
    """
    target = Path(path)
    check_writable(target, force)
    part = part_of(target)
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
        with contextlib.suppress(OSError):  # what is finished stays, whatever cleaning up meets
            part.unlink(missing_ok=True)
        drop_part(part)


def part_of(target: Path, *, folder: bool = False) -> Path:
    """A hidden empty file, or folder, beside `target` under whose name it is written; `drop_part` ends that.

    What runs that were killed have left in the same folder is removed.

    Raises:
        OutputError: it cannot be made.
    """
    with contextlib.suppress(OSError):
        remove_abandoned([path for path in target.absolute().parent.iterdir() if _PART.fullmatch(path.name)])
    part = _beside(target)
    expect(part)
    try:
        make_claimed(part, folder=folder, private=False)
    except OSError as error:
        drop_part(part)
        raise OutputError(f"{target} cannot be written ({error.strerror}): choose another folder") from None
    return part


def drop_part(part: Path) -> None:
    """A part has taken its name, or is gone."""
    settled(part)
    release(part)


def swap(one: Path, other: Path) -> bool:
    """Two files or folders take each other's names, at once; False, and nothing done, where the system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        exchange = ctypes.CDLL(None, use_errno=True).renameat2  # glibc 2.28, musl 1.2.5
    except AttributeError:
        return False
    done: int = exchange(_HERE, os.fsencode(one.absolute()), _HERE, os.fsencode(other.absolute()), _EXCHANGE)
    return done == 0


def check_name(path: Path) -> None:
    """Whether the file system takes the name, which it counts in bytes: a Chinese character has three.

    Raises:
        OutputError: it is too long.
    """
    length, most = len(os.fsencode(path.name)), _longest_name(path.absolute().parent)
    if length > most:
        raise OutputError(
            f"the name {path.name[:20]}... has {length} bytes, and {most} are allowed: choose a shorter one"
        )


def check_not_input(out: Path, *inputs: Path | None) -> None:
    """Nobody wants his own recording overwritten by what is made of it, --force or not.

    Raises:
        OutputError: `out` is one of the `inputs`.
    """
    for given in inputs:
        if given is not None and is_there(out) and is_there(given) and out.samefile(given):
            raise OutputError(f"{out} is what this is made from: choose another name for the result")


def _longest_name(folder: Path) -> int:
    """In bytes."""
    if sys.platform == "win32":
        return _USUAL_NAME
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except (OSError, ValueError):
        return _USUAL_NAME


def _beside(path: Path) -> Path:
    """A hidden name in the same folder that nothing has; the suffix stays, for programs that go by it."""
    stem = os.fsencode(path.stem)[:_STEM_BYTES].decode(errors="ignore")
    return path.with_name(f".{stem}.talkinghead-{secrets.token_hex(4)}.part{path.suffix[:_SUFFIX]}")
