"""A batch: what earlier runs did not finish, failures listed and not fatal.

What is begun and what is done is written to a journal beside the outputs as it happens, so that a second run does only
what is missing, and replaces only files that a run made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from talkinghead.batch.cluster import import_ray, run_on_ray
from talkinghead.batch.jobs import Outcome
from talkinghead.batch.journal import JOURNAL, Journal
from talkinghead.batch.manifest import Job
from talkinghead.batch.workers import run_here
from talkinghead.core.errors import OutputError
from talkinghead.core.places import is_there

Engine = Literal["local", "ray"]
_BEGUN = "begun"


def run(
    jobs: Sequence[Job],
    out_dir: Path,
    *,
    workers: int = 1,
    engine: Engine = "local",
    address: str | None = None,
    force: bool = False,
    report: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:
    """Run the jobs that the journal in `out_dir` does not know as finished; outcomes in the order of their end.

    A job whose output exists fails, unless a run of this batch wrote it or `force` is set.
    """
    if engine == "ray":
        import_ray()  # told before anything is begun
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"there is no folder {out_dir}, and it cannot be made ({error.strerror})") from error
    journal = Journal(out_dir / JOURNAL)
    todo = [job._replace(force=force or journal.is_own(job)) for job in jobs if not journal.is_done(job)]
    # A file that is in the way belongs to somebody else: it must not become ours by being begun.
    ours = [job for job in todo if job.force or not is_there(Path(job.output))]
    journal.add([Outcome(job.row, job.key, job.output, _BEGUN) for job in ours])
    keys, outcomes = {job.key for job in ours}, []
    for outcome in run_on_ray(todo, address) if engine == "ray" else run_here(todo, workers):
        if outcome.key in keys:
            journal.add([outcome])
        outcomes.append(outcome)
        if report:
            report(outcome)
    return outcomes
