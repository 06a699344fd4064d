"""Bringing one file over, through huggingface_hub's own client (HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE, proxies).

Its ready-made download starts a killed transfer from nothing; here the part that has come stays beside the target and
is continued.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from talkinghead.core.errors import CheckpointError

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

_PARTIAL = 206
_BUSY = (408, 429, 500, 502, 503, 504)
_TRANSPORTS = ("requests", "urllib3", "httpx", "httpx2", "httpcore", "httpcore2")
# How often a request that brings nothing is repeated, and how long to wait before.
_ATTEMPTS, _PAUSE_S = 3, 1.0


def complete(url: str, part: Path, size: int, tell: Callable[[int], None]) -> None:
    """Append to the file `part` what is still to come of `size` bytes; `tell` is called with the bytes that are there.

    A connection that breaks off is taken up again a few times. Raises what the client raises.
    """
    with part.open("ab") as stream:
        if stream.tell() > size:
            stream.truncate(0)
        failures = 0
        while (begun := stream.tell()) < size:
            tell(begun)
            try:
                _append(stream, url, size, tell)
            except Exception as error:
                failures = 1 if stream.tell() > begun else failures + 1
                if failures > _ATTEMPTS or not _is_transient(error):
                    raise
                time.sleep(_PAUSE_S)
        tell(size)


def _append(stream: IO[bytes], url: str, size: int, tell: Callable[[int], None]) -> None:
    """One request for everything after what `stream` holds."""
    begun = stream.tell()
    with _get(url, {"Range": f"bytes={begun}-"} if begun else {}) as (status, blocks):
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
    if stream.tell() > size:
        stream.seek(0)
        stream.truncate()
        raise ConnectionError("more came than there is")


@contextlib.contextmanager
def _get(url: str, headers: dict[str, str]) -> Iterator[tuple[int, Iterator[bytes]]]:
    """Status and body of a GET through the client's own session."""
    from huggingface_hub import constants, get_session
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

    session: Any = get_session()
    sent = {**build_hf_headers(), "Accept-Encoding": "identity", **headers}
    timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
    if callable(session.stream):  # httpx, since huggingface_hub 1.0; a flag in requests
        with session.stream("GET", url, headers=sent, timeout=timeout, follow_redirects=True) as response:
            hf_raise_for_status(response)
            yield response.status_code, response.iter_bytes()
    else:
        with session.get(url, headers=sent, timeout=timeout, stream=True) as response:
            hf_raise_for_status(response)
            yield response.status_code, response.iter_content(1 << 13)


def _is_transient(error: Exception) -> bool:
    """Whether the same request may succeed a moment later: a broken connection, an overloaded server."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    if isinstance(error, HfHubHTTPError):
        return _status_of(error) in _BUSY
    return _is_of_the_network(error) and not isinstance(error, OfflineModeIsEnabled)


def _status_of(error: HfHubHTTPError) -> int | None:
    """The HTTP status with which the hub refused; None where there was no answer, as older clients say."""
    answer: Any = error.response
    return None if answer is None else int(answer.status_code)


def _is_of_the_network(error: Exception) -> bool:
    """Whether the connection failed, not the disk: the client's transport, and its errors' classes, vary by version."""
    if isinstance(error, ConnectionError | TimeoutError):
        return True
    return type(error).__module__.partition(".")[0] in _TRANSPORTS


@contextlib.contextmanager
def explained(repository: str, place: str, path: Path) -> Iterator[None]:
    """What the client raises when the hub refuses or cannot be reached, as one line that says what to do."""
    from huggingface_hub import constants
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    by_hand = f"or put the file there by hand: {constants.ENDPOINT}/{repository}, {place} -> {path}"
    try:
        yield
    except CheckpointError:
        raise
    except OfflineModeIsEnabled:
        raise CheckpointError(f"HF_HUB_OFFLINE is set and {path.name} is not here: unset it, {by_hand}") from None
    except HfHubHTTPError as error:
        code = _status_of(error)
        advice = {401: "set HF_TOKEN", 403: "set HF_TOKEN", 404: "it has been moved or removed"}.get(
            code or 0, "try again later"
        )
        raise CheckpointError(f"the hub answered {code} for {repository}/{place}: {advice}, {by_hand}") from None
    except Exception as error:
        if not _is_of_the_network(error):
            raise
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise CheckpointError(
            f"{constants.ENDPOINT} cannot be reached or broke off ({reason}): pull again to continue, {by_hand}"
        ) from None
