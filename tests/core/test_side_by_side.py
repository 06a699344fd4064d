from __future__ import annotations

import os
import threading
import time

import pytest

from talkinghead.core.side_by_side import shared_out, side_by_side, usable_cores


def test_results_come_in_the_items_order() -> None:
    second_is_done = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert second_is_done.wait(10)  # the first one ends last, so both run at once
        else:
            second_is_done.set()
        return 10 * item

    assert side_by_side(work, [0, 1]) == [0, 10]
    assert side_by_side(work, []) == []


def test_nothing_is_left_behind() -> None:
    before = threading.active_count()
    side_by_side(lambda item: item, [1, 2, 3])
    assert threading.active_count() == before


@pytest.mark.parametrize("bad", [0, 1])
def test_errors_are_raised_here_once_all_have_ended(bad: int) -> None:
    ended = []

    def work(item: int) -> None:
        if item == bad:
            raise ValueError(f"item {item}")
        ended.append(item)

    with pytest.raises(ValueError, match=f"item {bad}"):
        side_by_side(work, [0, 1])
    assert ended == [1 - bad]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_works_in_a_forked_process() -> None:
    side_by_side(abs, [-1, -2])
    child = os.fork()
    if child == 0:
        os._exit(0 if side_by_side(abs, [-3, -4]) == [3, 4] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_shared_out_results_come_in_the_items_order_from_two_threads() -> None:
    both, workers = threading.Barrier(2, timeout=10), set()

    def work(item: int) -> int:
        workers.add(threading.current_thread().name)
        if item < 2:
            both.wait()  # neither of the first two ends before the other has begun
        return 10 * item

    assert list(shared_out(work, range(20))) == [10 * item for item in range(20)]
    assert len(workers) == 2
    assert list(shared_out(work, [])) == []


def test_shared_out_makes_only_a_few_ahead() -> None:
    begun: list[int] = []
    results = shared_out(lambda item: begun.append(item) or item, range(100), ahead=3)
    assert next(results) == 0
    for _ in range(200):  # while somebody is busy with the first result, the helper goes on
        if len(begun) == 4:
            break
        time.sleep(0.01)
    time.sleep(0.05)
    assert sorted(begun) == [0, 1, 2, 3]
    assert list(results) == list(range(1, 100))


def test_shared_out_given_up_leaves_nothing_behind() -> None:
    before = threading.active_count()
    results = shared_out(abs, range(50))
    assert [next(results), next(results)] == [0, 1]
    results.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


@pytest.mark.parametrize("bad", [0, 1, 7])
def test_shared_out_raises_an_error_in_its_turn(bad: int) -> None:
    before, seen = threading.active_count(), []

    def work(item: int) -> int:
        if item == bad:
            raise ValueError(f"item {item}")
        return item

    with pytest.raises(ValueError, match=f"item {bad}"):
        seen.extend(shared_out(work, range(9)))
    assert threading.active_count() == before


def test_there_is_a_core_to_run_on() -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
