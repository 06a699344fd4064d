"""Downloading weights from the Hugging Face hub: resumed, verified, renamed into place only when whole.

huggingface_hub's own client talks to the hub (HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE, proxies), but its ready-made
download starts a killed transfer from nothing; here the part that has come stays beside the target and is continued.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from talkinghead.checkpoints import places, verify
from talkinghead.checkpoints.registry import WeightFile, WeightSet
from talkinghead.checkpoints.verify import Pin, State
from talkinghead.errors import CheckpointError

# Called with a file's name, the bytes of it that are here, and its size.
Progress = Callable[[str, int, int], None]

_SHA256 = re.compile(r"[0-9a-f]{64}")
_GIT_SHA1 = re.compile(r"[0-9a-f]{40}")
_PARTIAL = 206
_BUSY = (408, 429, 500, 502, 503, 504)
# How often a request that brings nothing is repeated, and how long to wait before.
_ATTEMPTS, _PAUSE_S = 3, 1.0


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
    from huggingface_hub.utils import WeakFileLock

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
    state = verify.examine(path, size, sha256)
    if state is State.GOOD:
        progress(path.name, path.stat().st_size, path.stat().st_size)
        return
    pulled = verify.recorded(path, folder, pins) is not None
    if state is not State.MISSING and not (may_replace or pulled):
        raise CheckpointError(
            f"{path} is there already and is not the published file: remove it, choose another folder, or use --force"
        )
    remote = _ask(weights, file, path)
    part = _fetch(weights, file, remote, path, progress)
    part.replace(path)
    pin = Pin(remote.bytes, verify.digest(path), weights.repository, remote.revision)
    # A file found outside the folder (one level up, or linked) has no place below it.
    with contextlib.suppress(ValueError):
        verify.add_to_lock(folder, path.absolute().relative_to(folder.absolute()).as_posix(), pin)


def _ask(weights: WeightSet, file: WeightFile, path: Path) -> _Remote:
    """The hub's description of a file, refused before any download if it is not the published one."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    url = hf_hub_url(weights.repository, file.path, revision=weights.revision)
    with _explained(weights, file, path):
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
    if begun and not _matches(part, file, remote):
        part.unlink()  # the old part was of something else: once more from nothing
        _continue(weights, file, remote, part, path, progress)
    if not _matches(part, file, remote):
        part.unlink()
        raise CheckpointError(
            f"what came from {remote.url} is not the published file (sha256 differs): it was discarded"
        )
    return part


def _continue(
    weights: WeightSet, file: WeightFile, remote: _Remote, part: Path, path: Path, progress: Progress
) -> None:
    """Append to `part` what is still to come; a connection that breaks off is taken up again a few times."""
    with part.open("ab") as stream, _explained(weights, file, path):
        if stream.tell() > remote.bytes:
            stream.truncate(0)
        failures = 0
        while (begun := stream.tell()) < remote.bytes:
            progress(path.name, begun, remote.bytes)
            try:
                _append(stream, remote, lambda done: progress(path.name, done, remote.bytes))
            except Exception as error:
                failures = 1 if stream.tell() > begun else failures + 1
                if failures > _ATTEMPTS or not _is_transient(error):
                    raise
                time.sleep(_PAUSE_S)
        progress(path.name, remote.bytes, remote.bytes)


def _append(stream: IO[bytes], remote: _Remote, tell: Callable[[int], None]) -> None:
    """One request for everything after what `stream` holds."""
    begun = stream.tell()
    with _get(remote.url, {"Range": f"bytes={begun}-"} if begun else {}) as (status, blocks):
        if begun and status != _PARTIAL:  # a server without ranges sends it all
            stream.seek(0)
            stream.truncate()
        for block in blocks:
            stream.write(block)
            # What is written must survive a kill: it is what the next attempt continues.
            stream.flush()
            tell(stream.tell())
    if stream.tell() == begun:
        raise ConnectionError("nothing came")
    if stream.tell() > remote.bytes:
        stream.seek(0)
        stream.truncate()
        raise ConnectionError("more came than there is")


@contextlib.contextmanager
def _get(url: str, headers: dict[str, str]) -> Iterator[tuple[int, Iterator[bytes]]]:
    """Status and body of a GET through the client's own session."""
    from huggingface_hub import constants, get_session
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

    session: Any = get_session()
    sent = {**build_hf_headers(), "Accept-Encoding": "identity", **headers}
    timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
    if hasattr(session, "stream"):  # httpx, since huggingface_hub 1.0
        with session.stream("GET", url, headers=sent, timeout=timeout, follow_redirects=True) as response:
            hf_raise_for_status(response)
            yield response.status_code, response.iter_bytes()
    else:  # requests
        with session.get(url, headers=sent, timeout=timeout, stream=True) as response:
            hf_raise_for_status(response)
            yield response.status_code, response.iter_content(1 << 16)


def _is_transient(error: Exception) -> bool:
    """Whether the same request may succeed a moment later: a broken connection, an overloaded server."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    if isinstance(error, HfHubHTTPError):
        return getattr(error.response, "status_code", None) in _BUSY
    return not isinstance(error, OfflineModeIsEnabled) and not _is_of_the_disk(error)


def _is_of_the_disk(error: Exception) -> bool:
    return (
        isinstance(error, OSError) and error.errno is not None and not isinstance(error, ConnectionError | TimeoutError)
    )


def _matches(part: Path, file: WeightFile, remote: _Remote) -> bool:
    if part.stat().st_size != remote.bytes:
        return False
    expected = file.sha256 or (remote.etag if _SHA256.fullmatch(remote.etag) else None)
    if expected is not None:
        return verify.hash_file(part) == expected
    return bool(_GIT_SHA1.fullmatch(remote.etag)) and _git_hash(part) == remote.etag


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


@contextlib.contextmanager
def _explained(weights: WeightSet, file: WeightFile, path: Path) -> Iterator[None]:
    """Whatever the client raises, as one line that says what to do.

    Its transport (requests, httpx) changed between versions and with it the classes of its errors, so what is not the
    hub's own answer is taken for a failure to reach it.
    """
    from huggingface_hub import constants
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    by_hand = f"or put the file there by hand: {constants.ENDPOINT}/{weights.repository}, {file.path} -> {path}"
    try:
        yield
    except CheckpointError:
        raise
    except OfflineModeIsEnabled:
        raise CheckpointError(f"HF_HUB_OFFLINE is set and {path.name} is not here: unset it, {by_hand}") from None
    except HfHubHTTPError as error:
        code = getattr(error.response, "status_code", None)
        advice = {401: "set HF_TOKEN", 403: "set HF_TOKEN", 404: "it has been moved or removed"}.get(
            code or 0, "try again later"
        )
        raise CheckpointError(
            f"the hub answered {code} for {weights.repository}/{file.path}: {advice}, {by_hand}"
        ) from None
    except Exception as error:
        if (
            isinstance(error, OSError)
            and error.errno is not None
            and not isinstance(error, ConnectionError | TimeoutError)
        ):
            raise  # the disk's own, which `pull` explains
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise CheckpointError(
            f"{constants.ENDPOINT} cannot be reached or broke off ({reason}): pull again to continue, {by_hand}"
        ) from None
