"""Streams as files: standard input and named pipes, read once, to their end, and kept for as long as they are needed.

A stream can be read only once, but sound is needed twice (for the lips and for the video's sound track). Programs
that write WAV into a pipe cannot know the length: espeak-ng declares 2 GB, others 0 or 0xFFFFFFFF. The true lengths
are put in.
"""

from __future__ import annotations

import shutil
import struct
import sys
from pathlib import Path
from typing import IO

from talkinghead.core.errors import AudioError
from talkinghead.core.temporary import KeptFile


def keep_stdin() -> KeptFile:
    """A file that holds what comes through standard input, read to its end.

    Raises:
        AudioError: nothing came, or standard input is a terminal.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise AudioError("standard input is a terminal: pipe a WAV stream into it, or name a file")
    return keep_stream(sys.stdin.buffer, "standard input")


def keep_pipe(path: Path) -> KeptFile:
    """A file that holds what comes through the named pipe `path`, such as a shell's <(command)."""
    with path.open("rb") as stream:
        return keep_stream(stream, str(path))


def keep_stream(stream: IO[bytes], name: str) -> KeptFile:
    """A file that holds what an open stream gives; `name` is for messages.

    Raises:
        AudioError: it gave nothing.
    """
    kept = KeptFile(".wav")
    with kept.path.open("w+b") as file:
        shutil.copyfileobj(stream, file, 1 << 20)
        if file.tell() == 0:
            raise AudioError(f"there is no sound on {name}: pipe a WAV stream into it")
        mend_wav_lengths(file)
    return kept


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
