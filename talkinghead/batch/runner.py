"""Many jobs from a manifest: resumable, failures listed and not fatal, on one machine or a Ray cluster.

A manifest is a CSV with a header or JSON lines. Each row is one command line: `source` and `audio` (speak), or `source`
and `driving` (animate), or `source` and `text` (speak); `output` is optional; every other column is an option of that
command by its long name (`seed`, `still`, `fps`, ...). Paths count from the manifest's folder.

What is begun and what is done is written to a journal beside the outputs as it happens, so that a second run does only
what is missing, and replaces only files that a run made.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from talkinghead.core.errors import DependencyError, InputError, OutputError, TalkingHeadError

JOURNAL = "batch-journal.jsonl"
Engine = Literal["local", "ray"]
_PATHS = ("source", "audio", "driving", "save-motion", "report", "checkpoints")
_BEGUN = "begun"
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"", "0", "false", "no", "off"}


class Job(NamedTuple):
    """One row: its place in the manifest, the command, its arguments, and the file it writes."""

    row: int
    command: str
    arguments: tuple[str, ...]
    output: str

    @property
    def key(self) -> str:
        """Changes with anything that would change the result."""
        text = json.dumps([self.command, [word for word in self.arguments if word != "--force"], self.output])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Outcome:
    """How a job ended: `error` is None where it went well."""

    row: int
    key: str
    output: str
    error: str | None = None


def read_manifest(path: Path, out_dir: Path) -> list[Job]:
    """The jobs of a manifest.

    Raises:
        InputError: the manifest cannot be read, a row lacks what it needs, or two rows write the same file.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"cannot read the manifest {path}: it is not a text in UTF-8") from None
    except OSError as error:
        raise InputError(f"cannot read the manifest {path}: {error.strerror}") from error
    rows = _json_rows(path, text) if path.suffix.lower() in (".jsonl", ".ndjson") else _csv_rows(path, text)
    # Absolute, because another machine's worker starts in another folder.
    folder, out_dir = path.absolute().parent, out_dir.absolute()
    jobs = [_job(number, row, folder, out_dir) for number, row in rows]
    if not jobs:
        raise InputError(f"the manifest {path} has no rows: a header `source,audio` and one line per video")
    seen: dict[str, int] = {}
    for job in jobs:
        if job.output in seen:
            raise InputError(f"rows {seen[job.output]} and {job.row} of {path} both write {job.output}: name outputs")
        seen[job.output] = job.row
    return jobs


def _csv_rows(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        rows = list(reader)
    except csv.Error as error:
        raise InputError(f"{path} is not CSV: {error}") from None
    for number, row in enumerate(rows, start=1):
        if None in row:
            raise InputError(f"row {number} of {path} has more fields than the header has names")
        yield number, {name.strip(): value for name, value in row.items() if value not in (None, "")}


def _json_rows(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    lines = [line for line in text.split("\n") if line.strip()]
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"row {number} of {path} is not JSON: {error.msg}") from None
        if not isinstance(row, dict):
            raise InputError(f"row {number} of {path} is not a JSON object")
        yield number, row


def _job(number: int, row: dict[str, Any], folder: Path, out_dir: Path) -> Job:
    fields = {name.replace("_", "-"): value for name, value in row.items()}
    source = fields.pop("source", None)
    drivers = [name for name in ("audio", "driving", "text") if name in fields]
    if not source or len(drivers) != 1:
        raise InputError(f"row {number} of the manifest needs a source and one of audio, driving or text")
    kind = drivers[0]
    driver = str(fields.pop(kind))
    stem = f"{Path(source).stem}--{Path(driver).stem if kind != 'text' else f'text{number}'}"
    output = str(out_dir / str(fields.pop("output", f"{stem}.mp4")))
    arguments = [str(folder / str(source))]
    arguments += ["--text", driver] if kind == "text" else [str(folder / driver)]
    for name, value in fields.items():
        arguments += _option(name, folder / str(value) if name in _PATHS else value)
    command = "animate" if kind == "driving" else "speak"
    return Job(number, command, (*arguments, "-o", output, "--quiet"), output)


def _option(name: str, value: object) -> list[str]:
    """A column as command-line words; truth values become flags."""
    text = str(value).strip()
    if isinstance(value, bool) or text.lower() in _TRUE - {"1"} | _FALSE - {"0"}:
        return [f"--{name}"] if text.lower() in _TRUE else []
    return [f"--{name}", text]


def run_job(job: Job) -> Outcome:
    """Run one job in this process; whatever goes wrong is part of the outcome."""
    import click

    from talkinghead.cli import main

    group = main
    try:
        command = group.get_command(click.Context(group), job.command)
        if command is None:
            raise InputError(f"there is no command {job.command!r}")
        command.main(list(job.arguments), standalone_mode=False)
    except click.exceptions.Abort:
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        return Outcome(job.row, job.key, job.output, error.format_message())
    except TalkingHeadError as error:
        return Outcome(job.row, job.key, job.output, str(error))
    except Exception as error:
        # One broken row must not end the others, whatever broke it.
        return Outcome(job.row, job.key, job.output, f"{type(error).__name__}: {error}")
    return Outcome(job.row, job.key, job.output)


class Journal:
    """What earlier runs began and finished, as JSON lines; whole lines only, for a run may be killed at any time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.done: set[str] = set()
        self.begun: set[str] = set()
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        # A run that was killed while writing may have left a line without its end.
        self._gap = "\n" if text and not text.endswith("\n") else ""
        for line in text.splitlines():
            try:
                entry = json.loads(line)
                key, output, error = entry["key"], entry["output"], entry["error"]
            except (ValueError, KeyError, TypeError):
                continue
            self.begun.add(output)
            if error is None and Path(output).exists():
                self.done.add(key)

    def is_done(self, job: Job) -> bool:
        """Whether the job went well and its output still exists."""
        return job.key in self.done

    def is_own(self, job: Job) -> bool:
        """Whether what lies at the job's output was written by a run of this batch."""
        return job.output in self.begun

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Remember outcomes."""
        with self.path.open("a", encoding="utf-8") as log:
            log.write(self._gap)
            log.writelines(json.dumps(asdict(outcome)) + "\n" for outcome in outcomes)
        self._gap = ""


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
        _import_ray()
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"there is no folder {out_dir}, and it cannot be made ({error.strerror})") from error
    journal = Journal(out_dir / JOURNAL)
    todo = [
        job._replace(arguments=(*job.arguments, "--force")) if force or journal.is_own(job) else job
        for job in jobs
        if not journal.is_done(job)
    ]
    # A file that is in the way belongs to somebody else: it must not become ours by being begun.
    ours = [job for job in todo if "--force" in job.arguments or not Path(job.output).exists()]
    journal.add([Outcome(job.row, job.key, job.output, _BEGUN) for job in ours])
    keys, outcomes = {job.key for job in ours}, []
    for outcome in _on_ray(todo, address) if engine == "ray" else _here(todo, workers):
        if outcome.key in keys:
            journal.add([outcome])
        outcomes.append(outcome)
        if report:
            report(outcome)
    return outcomes


def _here(jobs: Sequence[Job], workers: int) -> Iterator[Outcome]:
    """In processes of their own: a job that crashes its interpreter ends as a failure, not as the batch."""
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


def _import_ray() -> Any:
    try:
        import ray
    except ImportError:
        raise DependencyError("--engine ray needs Ray: pip install 'talkinghead[ray]'") from None
    return ray


def _on_ray(jobs: Sequence[Job], address: str | None) -> Iterator[Outcome]:
    """On a Ray cluster that exists already; paths must mean the same on every machine."""
    ray = _import_ray()
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
