"""Work done ahead in a thread: in order, errors handed over, and ended when nobody wants more."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from talkinghead.core.ahead import ahead


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "talkinghead-ahead"]


def test_everything_arrives_in_order() -> None:
    with ahead(range(50)) as stream:
        assert list(stream) == list(range(50))
    assert threads() == []


def test_no_more_is_made_than_was_asked_for_ahead() -> None:
    made = []

    def items() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    with ahead(items(), depth=3) as stream:
        time.sleep(0.2)
        # Three waiting, one in the hands of the thread, before anybody asks.
        assert len(made) == 4
        assert next(stream) == 0
        time.sleep(0.2)
        assert len(made) == 5
    assert threads() == []
    assert len(made) == 5


def test_an_error_comes_after_what_went_well() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    with ahead(items()) as stream:
        assert next(stream) == 1
        with pytest.raises(ValueError, match="no more"):
            next(stream)
    assert threads() == []


def test_an_error_in_the_block_ends_the_thread() -> None:
    with pytest.raises(ZeroDivisionError), ahead(range(50)):
        1 / 0  # noqa: B018
    assert threads() == []
