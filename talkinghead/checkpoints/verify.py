"""Is a file what it should be? Size, sha256, and a memory of what was hashed before."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import platformdirs

from talkinghead.checkpoints.registry import WeightFile, networks
from talkinghead.core.errors import CheckpointError

LOCK_NAME = "talkinghead.lock.json"
_BLOCK = 1 << 20
_POINTER = b"version https://git-lfs"
_PICKLE = b"\x80"


class State(Enum):
    """What a file is: `GOOD` matches the published or recorded hash, `OTHER` does not, `UNKNOWN` has none to match."""

    GOOD = "present"
    OTHER = "other contents"
    UNKNOWN = "present, no published hash"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Pin:
    """What a pulled file was when it came: the lock file's entry. `revision` is the hub repository's commit."""

    bytes: int
    sha256: str
    repository: str
    revision: str


def read_lock(directory: Path) -> dict[str, Pin]:
    """The lock file of a directory of weights: path below it -> what was pulled there.

    Raises:
        CheckpointError: the lock file is damaged.
    """
    path = directory / LOCK_NAME
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["files"]
        return {place: Pin(**entry) for place, entry in entries.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path} is damaged ({error}): remove it, then pull again") from None


def add_to_lock(directory: Path, place: str, pin: Pin) -> None:
    """Record what was pulled."""
    pins = {**read_lock(directory), place: pin}
    entries = {
        place: {"bytes": p.bytes, "sha256": p.sha256, "repository": p.repository, "revision": p.revision}
        for place, p in sorted(pins.items())
    }
    _write_json(directory / LOCK_NAME, {"version": 1, "files": entries})


def pin_of(file: WeightFile, path: Path, directory: Path, pins: dict[str, Pin]) -> tuple[int | None, str | None]:
    """Size and sha256 that the file must have: the published ones, else those recorded when it was pulled."""
    if file.sha256:
        return file.bytes, file.sha256
    pin = recorded(path, directory, pins)
    return (pin.bytes, pin.sha256) if pin else (None, None)


def recorded(path: Path, directory: Path, pins: dict[str, Pin]) -> Pin | None:
    """What the lock file of `directory` says of `path`."""
    try:
        return pins.get(path.absolute().relative_to(directory.absolute()).as_posix())
    except ValueError:
        return None


def state_of(path: Path, size: int | None, sha256: str | None, *, fresh: bool = False) -> State:
    """Compare a file with the size and hash that it must have; `fresh` hashes it whatever is remembered.

    Raises:
        CheckpointError: the file cannot be read.
    """
    try:
        if not path.is_file():
            return State.MISSING
        if sha256 is None:
            return State.UNKNOWN
        if size is not None and path.stat().st_size != size:
            return State.OTHER
        return State.GOOD if (hash_file(path) if fresh else digest(path)) == sha256 else State.OTHER
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from None


def digest(path: Path) -> str:
    """sha256 of a file, hashed again only where its size or times changed."""
    return str(_remembered(path, "sha256", lambda: hash_file(path)))


def is_whole(path: Path) -> bool:
    """Whether a file that nobody published agrees with its own checksums: archives that PyTorch writes have them."""
    return bool(_remembered(path, "whole", lambda: _archive_is_whole(path)))


def hash_file(path: Path) -> str:
    """sha256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        # hashlib.file_digest came with Python 3.11.
        total = hashlib.sha256()
        while block := stream.read(_BLOCK):
            total.update(block)
    return total.hexdigest()


def damaged_networks() -> list[Path]:
    """Those of the embedded networks whose bytes are not those that were published, or that are missing.

    Raises:
        CheckpointError: the registry is damaged.
    """
    return [path for path, sha256 in networks().items() if not path.is_file() or hash_file(path) != sha256]


def is_pointer(path: Path) -> bool:
    """Whether a file is what git leaves in place of a large one where git-lfs is not installed."""
    with path.open("rb") as stream:
        return stream.read(len(_POINTER)) == _POINTER


def _archive_is_whole(path: Path) -> bool:
    if path.suffix not in (".pt", ".pth"):
        return not is_pointer(path)
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except zipfile.BadZipFile:
        # PyTorch's older format is no archive but a pickle; a truncated archive still begins like one.
        with path.open("rb") as stream:
            return stream.read(1) == _PICKLE
    except (FileNotFoundError, PermissionError):
        raise
    except Exception:  # a damaged archive can raise nearly anything
        return False


def memory_path() -> Path:
    """The file in the user's cache that remembers what was hashed."""
    return platformdirs.user_cache_path("talkinghead", appauthor=False) / "verified.json"


def _remembered(path: Path, what: str, compute: Callable[[], str | bool]) -> str | bool:
    """A fact about a file's bytes, from memory where the file is the same one, unchanged."""
    status = path.stat()
    stamp = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
    key = f"{what}:{path.resolve()}"
    known = _recall()
    entry = known.get(key)
    if isinstance(entry, dict) and entry.get("stamp") == stamp:
        remembered: object = entry.get("value")
        if isinstance(remembered, str | bool):
            return remembered
    value = compute()
    # A read-only home costs time, nothing else.
    with contextlib.suppress(OSError):
        _write_json(memory_path(), {**_recall(), key: {"stamp": stamp, "value": value}})
    return value


def _recall() -> dict[str, Any]:
    try:
        known = json.loads(memory_path().read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}


def _write_json(path: Path, content: dict[str, Any]) -> None:
    """The file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        beside.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
