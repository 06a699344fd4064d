"""Videos that go elsewhere than into one file: standard output, a streaming server, a playlist with its segments.

- `-`: fragmented MP4 on standard output, which plays while it comes;
- `rtmp://host/app/key`, `rtmps://`: H.264 and AAC, at the pace at which it is watched;
- `rtp://host:port`: MPEG-TS over RTP, so that picture and sound share a port; `udp://` and `srt://` without RTP;
- `out.m3u8`: HLS, a playlist and out-00000.ts, out-00001.ts, ... beside it, watched while they are written.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from talkinghead.core.errors import OutputError
from talkinghead.core.output import check_writable
from talkinghead.media.containers import CONTAINERS, Container

STDOUT = "-"
PLAYLIST = ".m3u8"
_MP4, _AAC = CONTAINERS[".mp4"], frozenset({"aac"})
# A key picture every second: whoever joins, or seeks, waits no longer. No picture waits for one after it.
_JOINABLE = (*_MP4.video, "-tune", "zerolatency", "-force_key_frames", "expr:gte(t,n_forced)")
# What a home connection sends up; quality gives way where a picture needs more.
_BOUNDED = ("-maxrate", "4M", "-bufsize", "8M")
_SERVED = ("-crf", 21)
_SCHEMES = {
    "rtmp": Container("flv", (*_JOINABLE, *_BOUNDED), _SERVED, _AAC, flags=("-flvflags", "no_duration_filesize")),
    "rtp": Container("rtp_mpegts", (*_JOINABLE, *_BOUNDED), _SERVED, _AAC),
    "udp": Container("mpegts", (*_JOINABLE, *_BOUNDED), _SERVED, _AAC),
}
_SCHEMES.update(rtmps=_SCHEMES["rtmp"], srt=_SCHEMES["udp"])


@dataclass(frozen=True)
class Stream:
    """Where a video goes: ffmpeg's name of the `target`, what it takes, what people may be shown of it.

    `paced`: it is watched while it comes, and must not come sooner. `stdout`: the target is this process' own.
    """

    target: str
    container: Container
    name: str
    paced: bool = False
    stdout: bool = False


def stream_of(path: str | os.PathLike[str]) -> Stream | None:
    """The stream that a name stands for; None where it is a file's.

    Raises:
        OutputError: it is an address that takes no video.
    """
    text = os.fspath(path)
    if text == STDOUT:
        moving = ("-movflags", "+frag_keyframe+delay_moov+default_base_moof")
        container = Container("mp4", _JOINABLE, _MP4.quality, _MP4.copies, flags=moving)
        return Stream("pipe:1", container, "standard output", stdout=True)
    scheme = re.match(r"([a-z][a-z0-9+.-]*)://([^/\s]*)", text, re.I)
    if scheme is None:
        return None
    kind, host = scheme[1].lower(), scheme[2]
    if kind not in _SCHEMES or not host:
        known = ", ".join(f"{name}://" for name in _SCHEMES)
        raise OutputError(f"no video can be sent to {kind}://{host}: name a file, or one of {known}")
    # What follows the host of an RTMP address is a key that lets anyone stream.
    shown = f"{kind}://{host.rpartition('@')[2]}"
    whole = "?pkt_size=1316" if kind == "udp" and "?" not in text else ""  # seven packets of the transport stream
    return Stream(text + whole, _SCHEMES[kind], shown, paced=True)


def is_playlist(path: str | os.PathLike[str]) -> bool:
    """Whether a name asks for HLS."""
    return stream_of(path) is None and Path(path).suffix.lower() == PLAYLIST


def check_stream(stream: Stream) -> None:
    """Whether anybody is there to take it.

    Raises:
        OutputError: standard output is a terminal.
    """
    if stream.stdout and (sys.stdout is None or sys.stdout.isatty()):
        raise OutputError("standard output is a terminal: pipe the video into a program, or name a file")


def check_playlist(path: Path, force: bool) -> None:
    """Whether a playlist and its segments can be written.

    Raises:
        OutputError: some are there without `force`, or the folder cannot be written.
    """
    check_writable(path, force)
    if not force and (there := _segments(path)):
        raise OutputError(f"{there[0]} exists already: choose another name or allow overwriting (--force)")


@contextmanager
def playlist(path: Path, force: bool) -> Iterator[Container]:
    """A playlist's container; its files are there while they are written, and gone where that fails.

    Raises:
        OutputError: as `check_playlist`.
    """
    check_playlist(path, force)
    _remove(path)
    pattern = f"file:{path.absolute().with_name(_segment_stem(path))}-%05d.ts"
    flags = ("-hls_time", "2", "-hls_list_size", "0", "-hls_playlist_type", "event", "-hls_segment_filename", pattern)
    try:
        yield Container("hls", _JOINABLE, _MP4.quality, _AAC, flags=flags)
    except BaseException:
        _remove(path)
        raise


def _segment_stem(path: Path) -> str:
    """What a playlist's segments are called: ffmpeg takes a % for a number's place, and has no way to write one."""
    return path.stem.replace("%", "_")


def _segments(path: Path) -> list[Path]:
    pattern = re.compile(rf"{re.escape(_segment_stem(path))}-\d{{5,}}\.ts")
    return sorted(file for file in path.absolute().parent.iterdir() if pattern.fullmatch(file.name))


def _remove(path: Path) -> None:
    for file in (path, *_segments(path), path.with_name(f"{path.name}.tmp")):
        file.unlink(missing_ok=True)
