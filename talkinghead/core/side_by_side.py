"""A few pieces of work at once, where their order does not matter."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def usable_cores() -> int:
    """How many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def side_by_side(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """What `work` makes of each item, in their order; every item after the first is worked on in a thread of its own.

    The threads live no longer than the call: nothing is left behind that a fork or the end of the program must heed.
    What one of them raises is raised here, once all have ended.
    """
    done: dict[int, R] = {}
    errors: list[BaseException] = []

    def one(number: int, item: T) -> None:
        try:
            done[number] = work(item)
        except BaseException as error:
            errors.append(error)

    threads = [
        threading.Thread(target=one, args=(number, item), name="talkinghead-beside", daemon=True)
        for number, item in enumerate(items)
        if number > 0
    ]
    for thread in threads:
        thread.start()
    if items:
        one(0, items[0])
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [done[number] for number in range(len(items))]
