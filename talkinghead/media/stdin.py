"""Streams as files: standard input and named pipes, read once, to their end, and kept for as long as the process lives.

A stream can be read only once, but sound is needed twice (for the lips and for the video's sound track). Programs
that write WAV into a pipe cannot know the length: espeak-ng declares 2 GB, others 0 or 0xFFFFFFFF. The true lengths
are put in.
"""

from __future__ import annotations

import atexit
import shutil
import struct
import sys
import tempfile
from collections.abc import Hashable
from pathlib import Path
from typing import IO

from talkinghead.core.errors import AudioError

_kept: dict[Hashable, Path] = {}


def stdin_file() -> Path:
    """The file that holds what came through standard input; the first call waits for the stream's end.

    Raises:
        AudioError: nothing came, or standard input is a terminal.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise AudioError("standard input is a terminal: pipe a WAV stream into it, or name a file")
    if sys.stdin not in _kept:
        _kept[sys.stdin] = _keep(sys.stdin.buffer, "standard input")
    return _kept[sys.stdin]


def pipe_file(path: Path) -> Path:
    """The file that holds what came through the named pipe `path`, such as a shell's <(command)."""
    key = (str(path), path.stat().st_ino)
    if key not in _kept:
        with path.open("rb") as stream:
            _kept[key] = _keep(stream, str(path))
    return _kept[key]


def _keep(stream: IO[bytes], name: str) -> Path:
    with tempfile.NamedTemporaryFile(prefix="talkinghead-", suffix=".wav", delete=False) as file:
        path = Path(file.name)
        atexit.register(path.unlink, missing_ok=True)
        shutil.copyfileobj(stream, file, 1 << 20)
        if file.tell() == 0:
            raise AudioError(f"there is no sound on {name}: pipe a WAV stream into it")
        mend_wav_lengths(file)
    return path


def mend_wav_lengths(file: IO[bytes]) -> None:
    """Fill in the lengths of an open WAV file (readable, writable) whose header left them open; else do nothing."""
    size = file.seek(0, 2)
    file.seek(0)
    riff = file.read(12)
    if riff[:4] != b"RIFF" or riff[8:] != b"WAVE":
        return
    while len(header := file.read(8)) == 8:
        start, (length,) = file.tell(), struct.unpack("<I", header[4:])
        if header[:4] == b"data":
            if length == 0 or start + length > size:
                # Lengths beyond 4 GB do not fit: the largest stands for "to the end", which readers know.
                file.seek(start - 4)
                file.write(struct.pack("<I", min(size - start, 0xFFFFFFFF)))
                file.seek(4)
                file.write(struct.pack("<I", min(size - 8, 0xFFFFFFFF)))
            return
        file.seek(start + length + length % 2)
