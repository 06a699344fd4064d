"""Downloading weights from the Hugging Face hub: continued, verified, renamed into place only when whole."""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from talkinghead.checkpoints import hub_cache, places, transfer, verify
from talkinghead.checkpoints.registry import WeightFile, WeightSet
from talkinghead.checkpoints.verify import Pin, State
from talkinghead.core.errors import CheckpointError

# Called with a file's name, the bytes of it that are here, and its size.
Progress = Callable[[str, int, int], None]

_SHA256 = re.compile(r"[0-9a-f]{64}")
_GIT_SHA1 = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class _Remote:
    """A file as the hub describes it: `etag` is its sha256, or git's hash where git itself holds it."""

    url: str
    etag: str
    bytes: int
    revision: str


def pull(weights: WeightSet, directory: Path | None = None, *, force: bool = False,
         progress: Progress | None = None) -> Path:  # fmt: skip
    """Download what is missing of a set, and return the folder that holds it.

    Files that are there and good are left alone; a damaged one is replaced when the new one is whole. In a folder that
    somebody named, files with contents of their own are overwritten only with `force`.

    Raises:
        CheckpointError: the hub cannot be reached, serves other files than the published ones, or the disk is full.
            What has come so far is kept and continued next time.
    """
    from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]

    named = places.named_directory(directory)
    folder = named or places.default_directory()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(folder / ".talkinghead-pull.lock"):
            for file in weights.files:
                _pull_file(weights, file, folder, force or named is None, progress or (lambda *_: None))
    except OSError as error:
        raise CheckpointError(f"{error.filename or folder} cannot be written: {error.strerror or error}") from None
    return folder


def _pull_file(weights: WeightSet, file: WeightFile, folder: Path, may_replace: bool, progress: Progress) -> None:
    pins = verify.read_lock(folder)
    path = places.locate(weights, folder)[file.name]
    size, sha256 = verify.pin_of(file, path, folder, pins)
    state = verify.state_of(path, size, sha256)
    if state is State.GOOD:
        progress(path.name, path.stat().st_size, path.stat().st_size)
        return
    pulled = verify.recorded(path, folder, pins) is not None
    if state is not State.MISSING and not (may_replace or pulled):
        raise CheckpointError(
            f"{path} is there already and is not the published file: remove it, choose another folder, or use --force"
        )
    part, revision = _copy(weights, file, path) or _download(weights, file, path, progress)
    part.replace(path)
    pin = Pin(path.stat().st_size, verify.digest(path), weights.repository, revision)
    # A file found outside the folder (one level up, or linked) has no place below it.
    with contextlib.suppress(ValueError):
        verify.add_to_lock(folder, path.absolute().relative_to(folder.absolute()).as_posix(), pin)


def _copy(weights: WeightSet, file: WeightFile, path: Path) -> tuple[Path, str] | None:
    """A verified part file from the client's own cache, and its revision, if it has the file."""
    cached = hub_cache.find(weights, file)
    if cached is None or file.bytes not in (None, cached.bytes):
        return None
    part = path.with_name(f".{path.name}.{cached.etag[:12]}.copy.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    _check_space(part.parent, cached.bytes)
    shutil.copyfile(cached.path, part)
    if _matches(part, file, cached.etag, cached.bytes):
        return part, cached.revision
    part.unlink()
    return None


def _download(weights: WeightSet, file: WeightFile, path: Path, progress: Progress) -> tuple[Path, str]:
    """A verified part file from the hub, and its revision."""
    remote = _ask(weights, file, path)
    return _fetch(weights, file, remote, path, progress), remote.revision


def _ask(weights: WeightSet, file: WeightFile, path: Path) -> _Remote:
    """The hub's description of a file, refused before any download if it is not the published one."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    url = hf_hub_url(weights.repository, file.path, revision=weights.revision)
    with transfer.explained(weights.repository, file.path, path):
        found = get_hf_file_metadata(url)
    if not found.etag or found.size is None:
        raise CheckpointError(f"{url} names no size or hash of its file: is HF_ENDPOINT a hub?")
    published = (file.sha256 is None or not _SHA256.fullmatch(found.etag) or found.etag == file.sha256) and (
        file.bytes is None or found.size == file.bytes
    )
    if not published:
        raise CheckpointError(
            f"{url} is no longer the published file (its size or sha256 differ from the known ones): "
            "nothing was downloaded"
        )
    return _Remote(url, found.etag, found.size, found.commit_hash or weights.revision)


def _fetch(weights: WeightSet, file: WeightFile, remote: _Remote, path: Path, progress: Progress) -> Path:
    """Download into a part file beside `path` and verify it; a part from an earlier attempt is continued."""
    part = path.with_name(f".{path.name}.{remote.etag[:12]}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    begun = part.stat().st_size if part.exists() else 0
    _check_space(part.parent, remote.bytes - begun)
    _continue(weights, file, remote, part, path, progress)
    if begun and not _matches(part, file, remote.etag, remote.bytes):
        part.unlink()  # the old part was of something else: once more from nothing
        _continue(weights, file, remote, part, path, progress)
    if not _matches(part, file, remote.etag, remote.bytes):
        part.unlink()
        raise CheckpointError(
            f"what came from {remote.url} is not the published file (sha256 differs): it was discarded"
        )
    return part


def _continue(
    weights: WeightSet, file: WeightFile, remote: _Remote, part: Path, path: Path, progress: Progress
) -> None:
    with transfer.explained(weights.repository, file.path, path):
        transfer.complete(remote.url, part, remote.bytes, lambda done: progress(path.name, done, remote.bytes))


def _matches(part: Path, file: WeightFile, etag: str, size: int) -> bool:
    """Whether a part file has the published hash, or where there is none, the hub's."""
    if part.stat().st_size != size:
        return False
    expected = file.sha256 or (etag if _SHA256.fullmatch(etag) else None)
    if expected is not None:
        return verify.hash_file(part) == expected
    return bool(_GIT_SHA1.fullmatch(etag)) and _git_hash(part) == etag


def _git_hash(path: Path) -> str:
    """Git's hash of a small file that the hub keeps outside its large-file store."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise CheckpointError(
            f"{folder} has {free / 1e6:.0f} MB free, {needed / 1e6:.0f} MB are needed: "
            "choose a folder with --checkpoints"
        )
