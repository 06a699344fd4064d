"""Jobs in processes of this machine: one that crashes its interpreter ends as a failure, not as the batch.

A worker does not outlive the batch: told to end, or with its parent gone, it removes what it has begun, and ends.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from types import FrameType

from talkinghead.batch.jobs import Outcome, run_job
from talkinghead.batch.manifest import Job
from talkinghead.core.signals import Stopped, end_at_once, ending_signals, exit_code

# Workers that are told to end have this long to do so, and are told again so often: a job may have waited in a pipe.
_PATIENCE_S, _AGAIN_S = 10.0, 0.5


def run_here(jobs: Sequence[Job], workers: int) -> Iterator[Outcome]:
    """The outcomes of `jobs`, in the order of their end, `workers` at a time."""
    left = list(jobs)
    try:
        for outcome in _pooled(left, workers):
            left = [job for job in left if job.row != outcome.row]
            yield outcome
    except BrokenProcessPool:
        # A crash takes its pool along and does not say whose it was: what is left runs one by one.
        for job in left:
            try:
                yield from _pooled([job], 1)
            except BrokenProcessPool:
                yield Outcome(job.row, job.key, job.output, "its process died: out of memory, or a crash in a library")


def _pooled(jobs: Sequence[Job], workers: int) -> Iterator[Outcome]:
    if not jobs:
        return
    context = multiprocessing.get_context("spawn")
    workers = min(workers, len(jobs))
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker, initargs=(workers,))
    done = False
    try:
        for future in as_completed([pool.submit(_run_in_worker, job) for job in jobs]):
            yield future.result()
        done = True
    finally:
        # Where the batch is stopped, what has not begun must not begin, and what has begun must end.
        pool.shutdown(wait=done, cancel_futures=True)
        if not done:
            _end([child for child in multiprocessing.active_children() if child not in others])


def _end(children: Sequence[BaseProcess]) -> None:
    """Tell processes to end until they have."""
    give_up = time.monotonic() + _PATIENCE_S
    while running := [child for child in children if child.is_alive()]:
        for child in running:
            child.terminate() if time.monotonic() < give_up else child.kill()
        wait([child.sentinel for child in running], timeout=_AGAIN_S)


def _begin_worker(workers: int) -> None:
    """Hear signals, watch the parent, and compute on a share of the cores: every process would take them all."""
    for number in ending_signals():
        signal.signal(number, _told_to_end)
    threading.Thread(target=_watch_parent, name="talkinghead-parent", daemon=True).start()
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))


# What this worker's main thread does: a job unwinds when a signal comes, an idle worker ends at once.
_idle = threading.Event()
_idle.set()
_stopped = _interrupted = False


def _told_to_end(number: int, frame: FrameType | None) -> None:
    global _stopped
    if _idle.is_set():
        end_at_once(exit_code(number))
    if not _stopped:  # once: the way out is not to be interrupted
        _stopped = True
        raise Stopped(number)


def _watch_parent() -> None:
    """End with the parent: nobody is there any more to write down what comes of the jobs."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    _idle.wait(_PATIENCE_S / 2)
    end_at_once(exit_code(signal.SIGTERM))


def _run_in_worker(job: Job) -> Outcome:
    """`run_job`; once a signal has reached this process, it runs no other."""
    global _interrupted
    if _stopped:
        end_at_once(exit_code(signal.SIGTERM))
    if _interrupted:
        raise KeyboardInterrupt
    _idle.clear()
    try:
        return run_job(job)
    except Stopped:
        return Outcome(job.row, job.key, job.output, "its process was told to end")
    except KeyboardInterrupt:
        _interrupted = True
        raise
    finally:
        _idle.set()
