"""Engines that run in a process of their own and answer piece by piece."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

import numpy as np

from talkinghead.core.errors import DependencyError
from talkinghead.core.types import Floats
from talkinghead.tts.engines import SpokenText

_REFILL_S = 1.0


class Child:
    """A process that waits for a request on its standard input. What it says of itself goes to a temporary file."""

    def __init__(self, command: Sequence[str], name: str) -> None:
        """
        Raises:
            DependencyError: it does not run; the message calls it `name`.
        """
        self._name, self._said = name, tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        # ONNX Runtime, which some of them run on, reports its use to its makers unless it is told not to.
        environment = {**os.environ, "ORT_DISABLE_TELEMETRY": "1"}
        try:
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said,
                                             env=environment)  # fmt: skip
        except OSError as error:
            self._said.close()
            raise DependencyError(f"{name} does not run ({error.strerror}): {command[0]}") from error

    def answers(self, request: object) -> Iterator[SpokenText]:
        """What it says to a `request`.

        Raises:
            DependencyError: it fails; the message is its last word.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        _ask(self._process.stdin, request)
        while head := self._process.stdout.readline():
            yield _piece(head, self._process.stdout, self._name)
        if self._process.wait() != 0:
            raise DependencyError(
                _last_word(self._said) or f"{self._name} failed (exit code {self._process.returncode})"
            )

    def close(self) -> None:
        """End it where it still runs."""
        if self._process.poll() is None:
            self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()
        self._process.wait()
        self._said.close()


def spoken_by(command: Sequence[str], request: object, name: str) -> Iterator[SpokenText]:
    """What a process says to a `request`, which it gets as JSON on its standard input.

    For each piece it writes a line of JSON (`rate_hz`, `samples`: how many, `phones`: [label, start, end] or null) and
    the samples, float32. It is ended where nobody wants the rest. `name` is for messages.

    Raises:
        DependencyError: it does not run, or fails; the message is its last word.
    """
    spare = _spares.get(tuple(command))
    child = Child(command, name) if spare is None else spare.take()
    try:
        yield from child.answers(request)
    finally:
        child.close()


class _Spare:
    """One process that is started before it is wanted, and another once it is taken."""

    def __init__(self, command: Sequence[str], name: str) -> None:
        self._command, self._name, self._lock = tuple(command), name, threading.Lock()
        self._child: Child | None = Child(command, name)

    def take(self) -> Child:
        with self._lock:
            child, self._child = self._child, None
        # Not at once: what this one says is to be heard and drawn first.
        later = threading.Timer(_REFILL_S, self._refill)
        later.daemon = True
        later.start()
        return child or Child(self._command, self._name)

    def close(self) -> None:
        with self._lock:
            child, self._child = self._child, None
            self._command = ()
        if child is not None:
            child.close()

    def _refill(self) -> None:
        with self._lock:
            if self._child is None and self._command:
                self._child = Child(self._command, self._name)


_spares: dict[tuple[str, ...], _Spare] = {}


@contextmanager
def kept_ready(command: Sequence[str], name: str) -> Iterator[None]:
    """While the block runs, a process of this `command` always waits for the next text, for whoever asks in this
    program: its start is not waited for. For servers.

    Raises:
        DependencyError: it does not run.
    """
    key = tuple(command)
    spare = _spares[key] = _Spare(command, name)
    try:
        yield
    finally:
        _spares.pop(key, None)
        spare.close()


def _ask(pipe: IO[bytes], request: object) -> None:
    try:
        pipe.write(json.dumps(request).encode())
        pipe.close()
    except BrokenPipeError:
        pass  # it has ended already: its exit code and its last word tell why


def _piece(head: bytes, pipe: IO[bytes], name: str) -> SpokenText:
    try:
        answer = json.loads(head)
        length = 4 * int(answer["samples"])
        rate_hz, given = int(answer["rate_hz"]), answer["phones"]
    except (ValueError, KeyError, TypeError) as error:
        raise DependencyError(f"{name} answered something else than sound: {head[:80]!r}") from error
    body = pipe.read(length)
    if len(body) != length:
        raise DependencyError(f"{name} ended in the middle of a sentence")
    phones = None if given is None else [(str(ipa), float(start), float(end)) for ipa, start, end in given]
    samples: Floats = np.frombuffer(body, np.float32)
    return SpokenText(samples, rate_hz, phones)


def _last_word(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:300] if lines else ""
