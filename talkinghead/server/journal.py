"""The jobs that a server knows, in a SQLite file: what was asked for, and how far it has come."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STATES = ("queued", "in_progress", "completed", "failed", "cancelled")
RUNNING, ENDED = STATES[:2], STATES[2:]
_TABLE = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, created_s REAL NOT NULL,
    changed_s REAL NOT NULL, request TEXT NOT NULL, frames INTEGER NOT NULL DEFAULT 0, total INTEGER, error TEXT
)
"""
_COLUMNS = "id, state, attempts, created_s, changed_s, request, frames, total, error"


@dataclass(frozen=True)
class Job:
    """A job: `frames` of `total` are drawn (None: not known yet), `error` says why it failed; times are Unix'."""

    id: str
    state: str
    attempts: int
    created_s: float
    changed_s: float
    request: dict[str, object]
    frames: int
    total: int | None
    error: str | None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ENDED

    @property
    def progress(self) -> float:
        """0..1."""
        if self.state == "completed":
            return 1.0
        return min(0.99, self.frames / self.total) if self.total else 0.0


class Journal:
    """Jobs by id, safe to use from several threads; what is written is on the disk."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._file = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute(_TABLE)

    def add(self, name: str, request: dict[str, object]) -> Job:
        """A new job, which waits."""
        now = time.time()
        self._write("INSERT INTO jobs (id, state, created_s, changed_s, request) VALUES (?, 'queued', ?, ?, ?)",
                    name, now, now, json.dumps(request))  # fmt: skip
        job = self.get(name)
        assert job is not None
        return job

    def get(self, name: str) -> Job | None:
        """The job of this id."""
        found = self._read("WHERE id = ?", name)
        return found[0] if found else None

    def all(self, *states: str) -> list[Job]:
        """Those in one of these states, the oldest first."""
        return self._read(f"WHERE state IN ({', '.join('?' * len(states))}) ORDER BY created_s", *states)

    def counts(self) -> dict[str, float]:
        """How many there are by their state."""
        with self._lock:
            found = dict(self._file.execute("SELECT state, count(*) FROM jobs GROUP BY state").fetchall())
        return {state: float(found.get(state, 0)) for state in STATES}

    def take(self) -> Job | None:
        """The oldest that waits, now in progress: nobody else gets it."""
        with self._lock:
            found = self._file.execute(
                "UPDATE jobs SET state = 'in_progress', attempts = attempts + 1, frames = 0, changed_s = ? WHERE id = "
                "(SELECT id FROM jobs WHERE state = 'queued' ORDER BY created_s LIMIT 1) RETURNING id", (time.time(),)
            ).fetchone()  # fmt: skip
        return None if found is None else self.get(found[0])

    def move(self, name: str, state: str, *, only: str, error: str | None = None) -> bool:
        """Change the state of a job that is in the state `only`; whether it was."""
        with self._lock:
            done = self._file.execute("UPDATE jobs SET state = ?, error = ?, changed_s = ? WHERE id = ? AND state = ?",
                                      (state, error, time.time(), name, only))  # fmt: skip
        return done.rowcount == 1

    def count(self, name: str, frames: int, total: int | None) -> None:
        """How far it has come."""
        self._write("UPDATE jobs SET frames = ?, total = ? WHERE id = ?", frames, total, name)

    def remove(self, name: str) -> None:
        """Forget it."""
        self._write("DELETE FROM jobs WHERE id = ?", name)

    def close(self) -> None:
        """Nothing is asked any more."""
        with self._lock:
            self._file.close()

    def _write(self, statement: str, *values: object) -> None:
        with self._lock:
            self._file.execute(statement, values)

    def _read(self, where: str, *values: object) -> list[Job]:
        with self._lock:
            rows = self._file.execute(f"SELECT {_COLUMNS} FROM jobs {where}", values).fetchall()
        return [_job(row) for row in rows]


def _job(row: tuple[Any, ...]) -> Job:
    name, state, attempts, created_s, changed_s, request, frames, total, error = row
    return Job(name, state, attempts, created_s, changed_s, json.loads(request), frames, total, error)
