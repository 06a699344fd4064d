"""What earlier runs of a batch began and finished."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from talkinghead.batch.jobs import Outcome
from talkinghead.batch.manifest import Job
from talkinghead.core.places import is_there

JOURNAL = "batch-journal.jsonl"


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
            except (ValueError, KeyError, TypeError, RecursionError):
                continue
            if not (isinstance(key, str) and isinstance(output, str)):
                continue
            self.begun.add(output)
            if error is None and is_there(Path(output)):
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
