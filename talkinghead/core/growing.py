"""A list that is still being written while others read it, each from the beginning, waiting for what is to come."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
_LOOK_S = 0.1


class Growing(Generic[T]):
    """Items that one thread appends and any number of threads iterate over; iterating waits until the list has ended.

    Once it `has_ended` nothing is appended any more. An `error` that ended it is raised by whoever comes to the end.
    """

    def __init__(self) -> None:
        self._items: list[T] = []
        self._changed = threading.Condition()
        self._ended, self._error = False, None  # type: tuple[bool, BaseException | None]

    @property
    def has_ended(self) -> bool:
        """Whether all is there."""
        return self._ended

    def append(self, item: T) -> None:
        """One more."""
        with self._changed:
            self._items.append(item)
            self._changed.notify_all()

    def end(self, error: BaseException | None = None) -> None:
        """That was all, or: there will be no more because of `error`."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def wait(self) -> list[T]:
        """Every item, once all are there."""
        return list(self)

    def __iter__(self) -> Iterator[T]:
        return self.until(threading.Event())

    def until(self, stopped: threading.Event) -> Iterator[T]:
        """As iterating, which ends early once `stopped` is set."""
        at = 0
        while True:
            with self._changed:
                while at >= len(self._items) and not self._ended:
                    if stopped.is_set():
                        return
                    self._changed.wait(_LOOK_S)
                if at >= len(self._items):
                    if self._error is not None:
                        raise self._error
                    return
                item = self._items[at]
            at += 1
            if stopped.is_set():
                return
            yield item
