"""A few pieces of work at once, where their order does not matter."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

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


def shared_out(work: Callable[[T], R], items: Sequence[T], ahead: int = 3) -> Iterator[R]:
    """What `work` makes of each item, in their order, as it is asked for; a second thread works beside whoever asks.

    Each of the two takes the next item that nobody has begun, at most `ahead` of the one that is asked for: neither
    waits for the other, and while one result is used others are made. The thread ends with the iteration, also where
    that is given up. What `work` raises for an item is raised when its turn comes.
    """
    if len(items) < 2:
        yield from map(work, items)
        return
    shared = _Shared(work, items, ahead)
    helper = threading.Thread(target=shared.help, name="talkinghead-beside", daemon=True)
    helper.start()
    try:
        for number in range(len(items)):
            yield shared.result(number)
    finally:
        shared.stop()
        helper.join()


class _Shared(Generic[T, R]):
    """Items on which one thread works and another one helps."""

    def __init__(self, work: Callable[[T], R], items: Sequence[T], ahead: int) -> None:
        self._work, self._items, self._ahead = work, items, ahead
        self._results: dict[int, Future[R]] = {number: Future() for number in range(len(items))}
        self._changed = threading.Condition()
        # How many are begun, and how many may be; all have been where work is over.
        self._begun = self._wanted = 0

    def result(self, number: int) -> R:
        """That of item `number`; each is asked for once, in their order."""
        with self._changed:
            self._wanted = min(number + 1 + self._ahead, len(self._items))
            self._changed.notify()
        found = self._results[number]
        while not found.done() and self._make_next():
            pass
        del self._results[number]
        return found.result()

    def help(self) -> None:
        """Work until nothing is left to begin."""
        while self._begun < len(self._items):
            if not self._make_next():
                with self._changed:
                    self._changed.wait_for(lambda: self._begun < self._wanted or self._begun == len(self._items))

    def stop(self) -> None:
        """Begin no more."""
        with self._changed:
            self._begun = len(self._items)
            self._changed.notify()

    def _make_next(self) -> bool:
        """Begin and make the next item that may be; whether there was one."""
        with self._changed:
            if self._begun >= self._wanted:
                return False
            number = self._begun
            self._begun += 1
        result = self._results[number]
        try:
            result.set_result(self._work(self._items[number]))
        except BaseException as error:
            result.set_exception(error)
        return True
