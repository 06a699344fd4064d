"""Engines that run in a process of their own and answer piece by piece."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from typing import IO

import numpy as np

from talkinghead.core.errors import DependencyError
from talkinghead.core.types import Floats
from talkinghead.tts.engines import SpokenText


def spoken_by(command: Sequence[str], request: object, name: str) -> Iterator[SpokenText]:
    """What a process says to a `request`, which it gets as JSON on its standard input.

    For each piece it writes a line of JSON (`rate_hz`, `samples`: how many, `phones`: [label, start, end] or null) and
    the samples, float32. It is ended where nobody wants the rest. `name` is for messages.

    Raises:
        DependencyError: it does not run, or fails; the message is its last word.
    """
    # ONNX Runtime, which some of them run on, reports its use to its makers unless it is told not to.
    environment = {**os.environ, "ORT_DISABLE_TELEMETRY": "1"}
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said,
                                       env=environment)  # fmt: skip
        except OSError as error:
            raise DependencyError(f"{name} does not run ({error.strerror}): {command[0]}") from error
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            _ask(process.stdin, request)
            while head := process.stdout.readline():
                yield _piece(head, process.stdout, name)
            if process.wait() != 0:
                raise DependencyError(_last_word(said) or f"{name} failed (exit code {process.returncode})")
        finally:
            if process.poll() is None:
                process.kill()
            process.stdout.close()
            process.wait()


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
