"""Work done ahead, in a thread, while what was done before is used."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

# Enough items to keep a second core busy, few enough to forget.
_DEPTH = 4


@contextmanager
def ahead(items: Iterable[T], depth: int = _DEPTH) -> Iterator[Iterator[T]]:
    """`items`, computed up to `depth` ahead in a thread, from now until the block ends; an exception there is raised
    by whoever asks for the next one."""
    done = object()
    waiting: queue.Queue[object] = queue.Queue(maxsize=depth)
    stopped = threading.Event()

    def put(item: object) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for item in items:
                if not put(item):
                    return
        except BaseException as error:
            put(error)
        else:
            put(done)

    def made() -> Iterator[T]:
        while (item := waiting.get()) is not done:
            if isinstance(item, BaseException):
                raise item
            yield item  # type: ignore[misc]

    thread = threading.Thread(target=work, name="talkinghead-ahead", daemon=True)
    thread.start()
    try:
        yield made()
    finally:
        stopped.set()
        thread.join(timeout=5.0)
