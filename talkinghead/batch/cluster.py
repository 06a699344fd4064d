"""Jobs on a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from talkinghead.batch.jobs import Outcome, run_job
from talkinghead.batch.manifest import Job
from talkinghead.core.errors import DependencyError


def import_ray() -> Any:
    """The package, which is optional.

    Raises:
        DependencyError: it is not installed.
    """
    try:
        import ray
    except ImportError:
        raise DependencyError("--engine ray needs Ray: pip install 'talkinghead[ray]'") from None
    return ray


def run_on_ray(jobs: Sequence[Job], address: str | None) -> Iterator[Outcome]:
    """On a Ray cluster that exists already; paths must mean the same on every machine."""
    ray = import_ray()
    started = not ray.is_initialized()
    if started:
        ray.init(address=address, log_to_driver=False)
    try:
        remote = ray.remote(run_job)
        waiting = {remote.remote(job): job for job in jobs}
        while waiting:
            ready, _ = ray.wait(list(waiting))
            job = waiting.pop(ready[0])
            try:
                yield ray.get(ready[0])
            except Exception as error:
                yield Outcome(job.row, job.key, job.output, f"the worker died: {type(error).__name__}")
    finally:
        if started:
            ray.shutdown()
