"""The one door to ffmpeg: which program it is, how it runs, and what its errors mean.

The program is the one that the imageio-ffmpeg package carries (IMAGEIO_FFMPEG_EXE names another), run as a process of
its own: it decodes and encodes while Python draws, a crash in a codec stays outside, and nothing is linked. That
package has no ffprobe: `talkinghead.media.probe` asks ffmpeg itself what is in a file.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import IO

from talkinghead.core.errors import DependencyError, InputError

# A playlist may name files, but nothing that a file says makes this program reach for the network.
_PROTOCOLS = ("-protocol_whitelist", "file,pipe,fd,data")


@lru_cache(maxsize=1)
def find_ffmpeg() -> str:
    """The program to run; DependencyError where there is none."""
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise DependencyError(
            "there is no ffmpeg for this system: install one and name it in IMAGEIO_FFMPEG_EXE"
        ) from error


def check_file(path: Path, error: type[InputError], what: str) -> Path:
    """`path` where it names a file that can be read and is not empty; else `error`, which calls it `what`."""
    try:
        if path.is_dir():
            raise error(f"{path} is a folder: give {what}")
        if path.exists() and not path.is_file():  # it can be read once, and is looked at first
            raise error(f"{path} is a pipe or a device: save what it gives to a file first")
        with path.open("rb") as file:
            if not file.read(1):
                raise error(f"{path} is empty: give {what}")
    except FileNotFoundError:
        raise error(f"there is no file {path}: give {what}") from None
    except OSError as reason:
        raise error(f"{path} cannot be read ({reason.strerror})") from None
    return path


def input_arguments(path: Path) -> list[str]:
    """`path` as an input; a name that starts with a dash or holds a colon stays a name."""
    # Named .png, an animated PNG would be read as one picture.
    moving = ["-f", "apng"] if _is_animated_png(path) else []
    return [*_PROTOCOLS, *moving, "-i", f"file:{path.absolute()}"]


def tag_arguments(tags: Mapping[str, str]) -> list[str]:
    """An output's tags, which ffmpeg takes in UTF-8 whatever the locale makes of an argument."""
    values = (os.fsdecode(f"{name}={value}".encode("utf-8", "surrogateescape")) for name, value in tags.items())
    return [part for value in values for part in ("-metadata", value)]


def _is_animated_png(path: Path) -> bool:
    if path.suffix.lower() != ".png":
        return False
    with path.open("rb") as file:
        head = file.read(4096)
    return head.startswith(b"\x89PNG") and b"acTL" in head


class FFmpeg:
    """One run of ffmpeg, killed on the way out if it still runs.

    `stdin` and `stdout` are pipes where asked for. What it says goes to a temporary file, so that no pipe can fill up
    unread.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        feed: bool = False,
        read: bool = False,
        inherit: Sequence[int] = (),
        to_stdout: bool = False,
    ) -> None:
        """`feed`: a pipe to its standard input, `read`: one from its output, which otherwise leads nowhere, or
        `to_stdout` of this process; `inherit`: descriptors that it gets."""
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        command = [find_ffmpeg(), "-hide_banner", "-nostats", *([] if feed else ["-nostdin"]), *arguments]
        try:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
                stdout=subprocess.PIPE if read else None if to_stdout else subprocess.DEVNULL,
                stderr=self._log,
                pass_fds=tuple(inherit),
                start_new_session=True,  # the terminal's Ctrl-C is for us: whoever runs ffmpeg ends it
            )
        except OSError as error:
            self._log.close()
            raise DependencyError(
                f"{command[0]} does not run ({error.strerror}): name a working ffmpeg in IMAGEIO_FFMPEG_EXE"
            ) from error

    @property
    def said(self) -> str:
        """Everything it has written to its error output so far."""
        self._log.seek(0)
        return self._log.read().decode("utf-8", "replace")

    @property
    def complaint(self) -> str:
        """Its reason for failing as one short line."""
        code = self.process.poll()
        if code is not None and code < 0:
            return f"ffmpeg was ended by signal {-code}"
        return explain(self.said)

    def finish(self) -> bool:
        """Wait for its end; whether it succeeded."""
        if self.process.stdin is not None and not self.process.stdin.closed:
            self.process.stdin.close()
        return self.process.wait() == 0

    def close(self) -> None:
        """Stop it where it still runs."""
        if self.process.poll() is None:
            self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None and not pipe.closed:
                with contextlib.suppress(OSError):  # unsent bytes to a process that is gone
                    pipe.close()
        self.process.wait()
        self._log.close()

    def __enter__(self) -> FFmpeg:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


_LOG_PREFIX = re.compile(r"^\[[^\]]*@ 0x[0-9a-f]+\]\s*")
_REASONS = {
    "no space left on device": "the disk is full",
    "matches no streams": "it holds no such stream",
    "moov atom not found": "the file is cut off or was never finished",
    "invalid data found": "it is not a format that ffmpeg knows",
    "permission denied": "permission denied",
}


def explain(said: str) -> str:
    """ffmpeg's error output as one short reason."""
    lines = [_LOG_PREFIX.sub("", line).strip() for line in said.splitlines()]
    lines = [line for line in lines if line]
    for sign, reason in _REASONS.items():
        if any(sign in line.lower() for line in lines):
            return reason
    errors = [line for line in lines if re.search(r"error|invalid|fail|cannot|could not|unknown", line, re.I)]
    return (errors or lines or ["ffmpeg gave no reason"])[0][:200]
