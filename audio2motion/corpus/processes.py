"""A process for each shard: espeak-ng keeps state between texts, and only a fresh one makes the same sound again."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.pool import Pool

from audio2motion.errors import Audio2MotionError

Work = Callable[[int], int]


@contextmanager
def afresh(work: Work, workers: int, prepare: Callable[[], None]) -> Iterator[tuple[Pool, Work]]:
    """A pool of `workers` processes, and what it shall do with each number, so that each has a process of its own.

    Under Linux workers import and `prepare` once, and split in two for each number: that takes milliseconds, where to
    start Python and to read all texts takes two seconds. Elsewhere, where splitting is not safe, they are started anew.
    """
    context = multiprocessing.get_context("spawn")
    if sys.platform == "linux":
        with context.Pool(workers, prepare) as pool:
            yield pool, partial(_split, work)
    else:
        with context.Pool(workers, maxtasksperchild=1) as pool:
            yield pool, work


def _split(work: Work, number: int) -> int:
    """What `work` answers, or raises, in a copy of this process, which has one thread."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:  # it ends here, whatever happens, and leaves what a process does at its end to the worker
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(_tried(work, number), pipe)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if not said:
        raise Audio2MotionError(
            f"the process for shard {number} was ended (exit code {os.waitstatus_to_exitcode(status)}), perhaps for "
            "want of memory: the same command goes on where this one stopped"
        )
    failed: BaseException | None
    done, failed = pickle.loads(said)
    if failed is not None:
        raise failed
    return int(done)


def _tried(work: Work, number: int) -> tuple[int, BaseException | None]:
    try:
        return work(number), None
    except BaseException as error:
        return number, error
