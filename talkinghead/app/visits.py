"""Who has the page open: what lies on disk for him, and what is being made for him. It goes when he has gone."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

# A page that has lost its connection may come back: a phone whose screen went dark.
GRACE_S = 120.0
# A program that asks says no goodbye.
IDLE_S = 3600.0
_RESULTS = 5


@dataclass
class Visit:
    """One open page: its `results` (folders, by kind), the uploads that it `uses`, the jobs that it may stop."""

    seen_s: float
    left_s: float | None = None
    results: dict[str, list[Path]] = field(default_factory=dict)
    uses: set[Path] = field(default_factory=set)
    jobs: set[threading.Event] = field(default_factory=set)
    waiting: threading.Event | None = None
    motion: Path | None = None


class Visits:
    """Every open page by its name; what is made for them lies under `folder`.

    `forget` is told of an upload that is gone. Use it as a context: at its end all is stopped and nothing is left.
    """

    def __init__(self, folder: Path, forget: Callable[[Path], None], grace_s: float = GRACE_S) -> None:
        self._folder, self._forget, self._grace_s = folder.resolve(), forget, grace_s
        self._visits: dict[str, Visit] = {}
        self._lock = threading.RLock()
        self._ends = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep_often, name="talkinghead-visits", daemon=True)

    def __enter__(self) -> Visits:
        self._sweeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._sweeper.join()
        for name in list(self._visits):
            self.end(name)

    def result(self, name: str, kind: str) -> Path:
        """A new folder for what is made for `name`; of each kind the last few stay."""
        with self._lock:
            results = self._visit(name).results.setdefault(kind, [])
            folder = self._folder / f"result-{secrets.token_hex(8)}"
            folder.mkdir(mode=0o700, parents=True)
            results.append(folder)
            while len(results) > _RESULTS:
                shutil.rmtree(results.pop(0), ignore_errors=True)
        return folder

    def uses(self, name: str, *paths: Path | None) -> None:
        """Uploads that are gone when nobody who used them is here any more."""
        with self._lock:
            visit = self._visit(name)
            given = {path.resolve() for path in paths if path is not None}
            visit.uses.update(path for path in given if self._folder in path.parents)

    def keep_motion(self, name: str, motion: Path) -> None:
        """What moved the last result."""
        with self._lock:
            self._visit(name).motion = motion

    def motion(self, name: str) -> Path | None:
        """What moved the last result, if there is one."""
        with self._lock:
            motion = self._visit(name).motion
        return motion if motion is not None and motion.exists() else None

    def announce(self, name: str) -> None:
        """A job is about to wait for its turn: `stop` reaches it from now on."""
        with self._lock:
            visit = self._visit(name)
            visit.waiting = threading.Event()
            visit.jobs.add(visit.waiting)

    @contextmanager
    def job(self, name: str) -> Iterator[threading.Event]:
        """While the block runs, the event tells it to stop; it may be set before."""
        with self._lock:
            visit = self._visit(name)
            stopped, visit.waiting = visit.waiting or threading.Event(), None
            visit.jobs.add(stopped)
        try:
            yield stopped
        finally:
            with self._lock:
                visit.jobs.discard(stopped)
                visit.seen_s = time.monotonic()

    def stop(self, name: str) -> None:
        """Stop all that is being made for `name`, or waits to be."""
        with self._lock:
            for stopped in self._visit(name).jobs:
                stopped.set()

    def leave(self, name: str) -> None:
        """The page was closed, or has lost its connection."""
        with self._lock:
            if name in self._visits:
                self._visits[name].left_s = time.monotonic()

    def end(self, name: str) -> None:
        """Stop what is being made for `name` and remove all that lies here for him alone."""
        with self._lock:
            visit = self._visits.pop(name, None)
            if visit is None:
                return
            for stopped in visit.jobs:
                stopped.set()
            others = {path for other in self._visits.values() for path in other.uses}
        for folder in chain.from_iterable(visit.results.values()):
            shutil.rmtree(folder, ignore_errors=True)
        for path in visit.uses - others:
            self._forget(path)
            with contextlib.suppress(OSError):  # others may have put a file beside it
                path.unlink(missing_ok=True)
                path.parent.rmdir()

    def _visit(self, name: str) -> Visit:
        visit = self._visits.setdefault(name, Visit(0.0))
        visit.seen_s, visit.left_s = time.monotonic(), None
        return visit

    def _sweep_often(self) -> None:
        while not self._ends.wait(min(10.0, self._grace_s / 4)):
            now_s = time.monotonic()
            with self._lock:
                gone = [name for name, visit in self._visits.items() if self._has_gone(visit, now_s)]
            for name in gone:
                self.end(name)

    def _has_gone(self, visit: Visit, now_s: float) -> bool:
        if visit.left_s is not None:
            return now_s - visit.left_s > self._grace_s
        return not visit.jobs and now_s - visit.seen_s > IDLE_S
