"""The one door to ffmpeg: which program it is, how it runs, what it says about a file, and what its errors mean.

The program is the one that the imageio-ffmpeg package carries (IMAGEIO_FFMPEG_EXE names another), run as a process of
its own: it decodes and encodes while Python draws, a crash in a codec stays outside, and nothing is linked. That
package has no ffprobe. What `ffmpeg -i` prints for people is rounded (23.98), so exact figures are taken from the
machine-readable header of its framecrc format instead.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import IO

from talkinghead.core.errors import DependencyError, InputError

# A playlist may name files, but nothing that a file says makes this program reach for the network.
_PROTOCOLS = ("-protocol_whitelist", "file,pipe,fd,data")
# Square pixels, as a screen has them.
SQUARE_PIXELS = "scale=w=round(iw*sar):h=ih"
_FASTEST_FPS = 240


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
    return [*_PROTOCOLS, "-i", f"file:{path.absolute()}"]


class FFmpeg:
    """One run of ffmpeg, killed on the way out if it still runs.

    `stdin` and `stdout` are pipes where asked for. What it says goes to a temporary file, so that no pipe can fill up
    unread.
    """

    def __init__(self, arguments: Sequence[str], *, feed: bool = False, read: bool = False) -> None:
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        command = [find_ffmpeg(), "-hide_banner", "-nostats", *([] if feed else ["-nostdin"]), *arguments]
        try:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
                stdout=subprocess.PIPE if read else subprocess.DEVNULL,
                stderr=self._log,
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


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """What a run over one stream's packets tells.

    - `codec`: ffmpeg's name of the stream's codec;
    - `line`: ffmpeg's own description of the stream;
    - `duration_s`: where the last packet ends.
    """

    codec: str
    line: str
    duration_s: float


_STREAM = re.compile(r"^\s*Stream #0:\d+.*?: (?P<kind>Audio|Video): (?P<codec>[\w-]+)(?P<rest>.*)$", re.M)


def _input_part(said: str) -> str:
    """What was said of the input, without what is said of the output."""
    return re.split(r"^(?:Output #0|Stream mapping:)", said, maxsplit=1, flags=re.M)[0]


def stream_lines(said: str, kind: str) -> list[tuple[str, str]]:
    """(codec, description) of each input stream of a `kind`, "Audio" or "Video"; pictures of covers are none."""
    found = _STREAM.finditer(_input_part(said))
    return [(m["codec"], m["rest"]) for m in found if m["kind"] == kind and "(attached pic)" not in m["rest"]]


def describe(path: Path) -> str:
    """What ffmpeg says of a file without reading on."""
    with FFmpeg(input_arguments(path)) as ffmpeg:
        ffmpeg.finish()
        return ffmpeg.said


def scan(path: Path, kind: str) -> tuple[StreamFacts | None, str]:
    """Facts of the first stream of a `kind`, read from its packets without decoding; None where there is none.

    Also what ffmpeg said. Containers' own durations are rounded, wrong for cut-off files, and those of their longest
    stream; packets are what is there.
    """
    stream = {"Audio": "0:a:0", "Video": "0:V:0"}[kind]
    with FFmpeg([*input_arguments(path), "-map", stream, "-c", "copy", "-f", "framecrc", "-"], read=True) as ffmpeg:
        assert ffmpeg.process.stdout is not None
        duration_s = _end_s(ffmpeg.process.stdout)
        ffmpeg.finish()
        said = ffmpeg.said
    streams = stream_lines(said, kind)
    if not streams:
        return None, said
    codec, line = streams[0]
    return StreamFacts(codec, line, duration_s), said


def _end_s(lines: Iterable[bytes]) -> float:
    """The seconds at which the last packet in framecrc's output ends: stream, dts, pts, duration, size, ..."""
    base, end = Fraction(0), 0
    for line in lines:
        if match := re.match(rb"#tb 0: (\d+)/(\d+)", line):
            base = Fraction(int(match[1]), int(match[2]))
        elif match := re.match(rb"0,\s*-?\w+,\s*(-?\d+),\s*(\d+),", line):
            end = max(end, int(match[1]) + int(match[2]))
    return float(end * base)


def first_picture(path: Path) -> tuple[Fraction, tuple[int, int]] | None:
    """(frames per second, (width, height) as shown) of a video's first stream, or None where nothing decodes.

    The header of framecrc gives the exact time base of one frame and the size after rotation and with square pixels.
    """
    arguments = [*input_arguments(path), "-map", "0:V:0", "-vf", SQUARE_PIXELS, "-frames:v", "1", "-f", "framecrc", "-"]
    with FFmpeg(arguments, read=True) as ffmpeg:
        assert ffmpeg.process.stdout is not None
        header = ffmpeg.process.stdout.read().decode("utf-8", "replace")
        ffmpeg.finish()
        said = ffmpeg.said
    base = re.search(r"^#tb 0: (\d+)/(\d+)", header, re.M)
    size = re.search(r"^#dimensions 0: (\d+)x(\d+)", header, re.M)
    if not base or not size or not re.search(r"^0,", header, re.M):
        return None
    fps = Fraction(int(base[2]), int(base[1]))
    if fps > _FASTEST_FPS:
        # A variable frame rate counted in the container's ticks: its average says more.
        average = re.search(r"([\d.]+) fps", _input_part(said))
        fps = Fraction(average[1]) if average and float(average[1]) > 0 else Fraction(25)
    return fps, (int(size[1]), int(size[2]))
