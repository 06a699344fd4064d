"""Standard input as a file: read once, to its end, and kept for as long as the process lives.

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
from pathlib import Path
from typing import IO

from talkinghead.errors import AudioError

_kept: tuple[object, Path] | None = None


def stdin_file() -> Path:
    """The file that holds what came through standard input; the first call waits for the stream's end.

    Raises:
        AudioError: nothing came, or standard input is a terminal.
    """
    global _kept
    if _kept is not None and _kept[0] is sys.stdin:
        return _kept[1]
    if sys.stdin is None or sys.stdin.isatty():
        raise AudioError("standard input is a terminal: pipe a WAV stream into it, or name a file")
    with tempfile.NamedTemporaryFile(prefix="talkinghead-", suffix=".wav", delete=False) as file:
        path = Path(file.name)
        atexit.register(path.unlink, missing_ok=True)
        shutil.copyfileobj(sys.stdin.buffer, file, 1 << 20)
        if file.tell() == 0:
            raise AudioError("there is no sound on standard input: pipe a WAV stream into it")
        mend_wav_lengths(file)
    _kept = (sys.stdin, path)
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
