"""Videos that are made in their own time: jobs that wait, run in processes of their own, and survive a restart."""

from __future__ import annotations

import contextlib
import errno
import json
import secrets
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from talkinghead.core.claims import hold, let_go
from talkinghead.core.errors import OutputError
from talkinghead.core.temporary import KeptFile
from talkinghead.server.journal import ENDED, RUNNING, STATES, Job, Journal
from talkinghead.server.limits import Limits, RefusedError
from talkinghead.server.worker import RESULT

# A job whose worker is killed, or whose server is, runs again once.
_ATTEMPTS = 2
_LOOK_S = 0.5
_TIDY_S = 30.0
_ENDING_S = 10.0


class Jobs:
    """A folder of jobs: `journal.sqlite`, and for each job a folder with its inputs and, once it is there, its video.

    Opening it takes up what was left: what waited waits, what ran runs again. `close` stops what runs; it will run
    again when the folder is opened anew.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not hold(folder / "lock"):
            raise OutputError(f"another server uses {folder}: end it, or name another folder with --state")
        self._folder, self._limits = folder, limits
        self.journal = Journal(folder / "journal.sqlite")
        self._closed, self._wake = threading.Event(), threading.Condition()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._tidied_s = 0.0
        for job in self.journal.all("in_progress"):
            if not self._is_done(job):
                self._again(job, "the server was stopped while it ran")
        self._remove_strays()
        self._tidy()
        self._threads = [
            threading.Thread(target=self._work, name=f"talkinghead-jobs-{number}", daemon=True)
            for number in range(limits.workers)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, request: dict[str, object], files: dict[str, KeptFile]) -> Job:
        """A new job of a `request`, in which `files` will stand by their names.

        Raises:
            RefusedError: as many wait as may.
        """
        if len(self.journal.all("queued")) >= self._limits.queue:
            raise RefusedError(429, f"{self._limits.queue} jobs wait, and no more may", 30)
        name = secrets.token_urlsafe(12)
        folder = self._folder / name
        names = {what: f"{what}{kept.path.suffix}" for what, kept in files.items()}
        try:
            folder.mkdir(mode=0o700)
            for what, kept in files.items():
                shutil.copyfile(kept.path, folder / names[what])
            job = self.journal.add(name, {**request, **names})
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                raise RefusedError(507, "this server's disk is full", 60) from None
            raise
        with self._wake:
            self._wake.notify()
        return job

    def get(self, name: str) -> Job:
        """The job of this id.

        Raises:
            RefusedError: there is none.
        """
        job = self.journal.get(name)
        if job is None:
            raise RefusedError(404, "there is no such job: it was not made here, or was removed")
        return job

    def result(self, name: str) -> Path:
        """The video of a job that is completed.

        Raises:
            RefusedError: there is no such job, or it has no video.
        """
        job = self.get(name)
        if job.state != "completed":
            raise RefusedError(409, f"there is no video: the job is {job.state.replace('_', ' ')}")
        return self._folder / name / RESULT

    def remove(self, name: str) -> Job:
        """Cancel a job that has not ended; forget one that has, with its video.

        Raises:
            RefusedError: there is none.
        """
        job = self.get(name)
        if job.state in ENDED:
            self.journal.remove(name)
            shutil.rmtree(self._folder / name, ignore_errors=True)
            return job
        if any(self.journal.move(name, "cancelled", only=state) for state in RUNNING):
            process = self._running.get(name)
            if process is not None:
                process.terminate()
            else:
                shutil.rmtree(self._folder / name, ignore_errors=True)
        return self.get(name)

    def close(self) -> None:
        """Stop."""
        self._closed.set()
        with self._wake:
            self._wake.notify_all()
        for process in list(self._running.values()):
            process.terminate()
        for thread in self._threads:
            thread.join(_ENDING_S)
        self.journal.close()
        let_go(self._folder / "lock")

    def _work(self) -> None:
        while not self._closed.is_set():
            job = self.journal.take()
            if job is not None:
                try:
                    self._run(job)
                except Exception as error:  # the jobs after it must run, whatever is wrong with this one
                    self._give_up(job, f"the server could not run it ({type(error).__name__}: {error})")
                continue
            self._tidy()
            with self._wake:
                self._wake.wait(_LOOK_S)

    def _run(self, job: Job) -> None:
        folder = self._folder / job.id
        for part in folder.glob(".*.part*"):  # of a worker that was killed
            part.unlink()
        command = [sys.executable, "-m", "talkinghead.server.worker"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._running[job.id] = process
        try:
            error = self._listen(job, process, {**job.request, "folder": str(folder)})
        finally:
            del self._running[job.id]
        self._settle(job, process.returncode, error)

    def _listen(self, job: Job, process: subprocess.Popen[bytes], request: dict[str, object]) -> str | None:
        """What the worker says, to its end; its error, if it had a word for one."""
        assert process.stdin is not None
        assert process.stdout is not None
        error = None
        with process:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(json.dumps(request).encode() + b"\n")
                process.stdin.flush()
            for line in process.stdout:
                try:
                    said: dict[str, Any] = json.loads(line)
                except ValueError:  # a worker that was killed within a word
                    continue
                if "error" in said:
                    error = str(said["error"])
                else:
                    self.journal.count(job.id, said["frames"], said["total"])
                now = self.journal.get(job.id)
                if self._closed.is_set() or now is None or now.state == "cancelled":
                    process.terminate()
            process.stdout.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_ENDING_S)
            if process.poll() is None:
                process.kill()
        return error

    def _settle(self, job: Job, code: int, error: str | None) -> None:
        folder = self._folder / job.id
        if self._is_done(job):
            pass
        elif code != 0 and error is not None:
            self._give_up(job, error)
        elif not self._closed.is_set():
            self._again(job, f"its worker was killed ({code})")
        now = self.journal.get(job.id)
        if now is None or now.state == "cancelled":
            shutil.rmtree(folder, ignore_errors=True)

    def _is_done(self, job: Job) -> bool:
        """Whether a job's video is there, which appears whole or not at all; however its worker ended, it counts."""
        folder = self._folder / job.id
        if not (folder / RESULT).is_file():
            return False
        if self.journal.move(job.id, "completed", only="in_progress"):
            _keep_alone(folder, RESULT)
        return True

    def _again(self, job: Job, why: str) -> None:
        if job.attempts < _ATTEMPTS:
            self.journal.move(job.id, "queued", only="in_progress")
        else:
            self._give_up(job, f"{why}, twice: try a smaller one")

    def _give_up(self, job: Job, error: str) -> None:
        if self.journal.move(job.id, "failed", only="in_progress", error=error):
            _keep_alone(self._folder / job.id, None)

    def _remove_strays(self) -> None:
        """Remove folders of no job: of a server that was killed before it had written down what it was asked for."""
        known = {job.id for job in self.journal.all(*STATES)}
        for folder in self._folder.iterdir():
            if folder.is_dir() and folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)

    def _tidy(self) -> None:
        """Forget what ended long ago."""
        if time.monotonic() - self._tidied_s < _TIDY_S and self._tidied_s:
            return
        self._tidied_s = time.monotonic()
        for job in self.journal.all(*ENDED):
            if time.time() - job.changed_s > self._limits.result_s:
                with contextlib.suppress(RefusedError):
                    self.remove(job.id)


def _keep_alone(folder: Path, name: str | None) -> None:
    """Of a job's files this one; the folder goes with the last. Removing the job meanwhile is no error."""
    if name is None:
        shutil.rmtree(folder, ignore_errors=True)
        return
    with contextlib.suppress(OSError):
        for file in folder.iterdir():
            if file.name != name:
                file.unlink(missing_ok=True)
