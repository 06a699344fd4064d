"""Jobs in processes of this machine: one that crashes its interpreter ends as a failure, not as the batch."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from talkinghead.batch.jobs import Outcome, run_job
from talkinghead.batch.manifest import Job


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
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_share_cores, initargs=(workers,))
    try:
        for future in as_completed([pool.submit(_run_in_worker, job) for job in jobs]):
            yield future.result()
    finally:
        # Where the batch is stopped, what has not begun must not begin.
        pool.shutdown(wait=True, cancel_futures=True)


def _share_cores(workers: int) -> None:
    """Let this process compute on its share of the cores: every one would take them all."""
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))


_stopped = False


def _run_in_worker(job: Job) -> Outcome:
    """`run_job`; once Ctrl-C has reached this process, the jobs that wait for it end at once."""
    global _stopped
    if _stopped:
        raise KeyboardInterrupt
    try:
        return run_job(job)
    except KeyboardInterrupt:
        _stopped = True
        raise
