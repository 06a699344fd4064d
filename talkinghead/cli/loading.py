"""The face's networks, loaded beside the rest of a command's opening."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress


@contextmanager
def loading_networks() -> Iterator[None]:
    """While the block checks and imports what else a command needs, a thread loads the face's networks.

    It is about half of the work before the first frame, and most of it is outside Python. What fails there is said by
    whoever needs the networks.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="talkinghead-loading") as pool:
        pool.submit(_load)
        yield


def _load() -> None:
    from talkinghead.core.errors import TalkingHeadError
    from talkinghead.models.face_mesh import network

    with suppress(TalkingHeadError):
        network.load()
