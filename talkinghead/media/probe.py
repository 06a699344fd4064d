"""What ffmpeg says of a file: its streams, their codecs, lengths, rates and gaps.

What `ffmpeg -i` prints for people is rounded (23.98), and its "tbr" is a guess at the ticks of a varying rate. Exact
figures are taken from the packets and from the machine-readable header of the framecrc format instead.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from talkinghead.core.errors import VideoError
from talkinghead.media.ffmpeg import FFmpeg, input_arguments
from talkinghead.media.limits import MAX_VIDEO_PIXELS, too_large

# Square pixels, as a screen has them.
SQUARE_PIXELS = "scale=w=round(iw*sar):h=ih"
# No camera for people is faster: what says more counts its container's ticks.
_FASTEST_FPS = 240
# A rate is constant where this much of the pictures follow each other at it.
_STEADY, _SAME_RATE = 0.9, Fraction(1, 100)
# Sound that is missing for less than this is a rounded time stamp; it is also what the ear begins to notice.
GAP_S = 0.03
# A pause that no recording holds: filled with what came before, the result would have no end.
_LONGEST_PAUSE_S = 3600
# What ffmpeg gives as the time of a packet whose container tells none.
_UNKNOWN = -(2**63)
# Every packet of these lasts as long as the others.
_EVEN_CODECS = frozenset({"aac", "ac3", "alac", "amr_nb", "amr_wb", "eac3", "mp2", "mp3"})


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """What a run over one stream's packets tells.

    - `codec`: ffmpeg's name of the stream's codec;
    - `line`: ffmpeg's own description of the stream;
    - `duration_s`: where the last packet ends;
    - `average_fps`: packets per second from the first to the end of the last, None where there are too few;
    - `step_s`, `steadiness`: the usual time from one packet's presentation to the next one's, and how many steps have
      it (0 to 1), give or take one tick of `tick_s`;
    - `has_gaps`: whether time stamps leave out more than `GAP_S` between two packets;
    - `leap`: what to say of time stamps that leap by more than an hour; "" where none does.
    """

    codec: str
    line: str
    duration_s: float
    average_fps: Fraction | None
    step_s: Fraction
    tick_s: Fraction
    steadiness: float
    has_gaps: bool
    leap: str = ""


_STREAM = re.compile(r"^\s*Stream #0:\d+.*?: (?P<kind>Audio|Video): (?P<codec>[\w-]+)(?P<rest>.*)$", re.M)


# stream, dts, pts, duration, size, checksum, flags; what an edit list leaves out is marked as not to be shown.
_PACKET = re.compile(rb"0,\s*-?\w+,\s*(-?\d+),\s*(\d+),\s*\d+,\s*\w+(?:,.*?\bF=(0x[0-9a-f]+))?")
_DISCARDED = 4


def _input_part(said: str) -> str:
    """What was said of the input, without what is said of the output."""
    return re.split(r"^(?:Output #0|Stream mapping:)", said, maxsplit=1, flags=re.M)[0]


def stream_lines(said: str, kind: str) -> list[tuple[str, str]]:
    """(codec, description) of each input stream of a `kind`, "Audio" or "Video"; pictures of covers are none."""
    found = _STREAM.finditer(_input_part(said))
    return [(m["codec"], m["rest"]) for m in found if m["kind"] == kind and "(attached pic)" not in m["rest"]]


def demuxer(said: str) -> str:
    """What ffmpeg reads a file as ("mov,mp4,m4a,3gp,3g2,mj2", "png_pipe"), from what it said; "" where it cannot."""
    match = re.search(r"^Input #0, (.+), from ", said, re.M)
    return match[1] if match else ""


def tags(said: str) -> dict[str, str]:
    """The tags of a file as a whole, from what was said of it."""
    block = re.search(r"^Input #0.*\n  Metadata:\n((?:    .*\n)*)", said, re.M)
    found: dict[str, str] = {}
    last = ""
    for line in block[1].splitlines() if block else ():
        name, colon, value = line.partition(":")
        if colon and name.strip():
            last = name.strip()
            found[last] = value.strip()
        elif colon and last:  # a value's next line has no name before it
            found[last] += f"\n{value.strip()}"
    return found


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
        packets = _Packets(ffmpeg.process.stdout)
        ffmpeg.finish()
        said = ffmpeg.said
    streams = stream_lines(said, kind)
    if not streams:
        return None, said
    codec, line = streams[0]
    steadiness, step_s = packets.steadiness()
    duration_s = float(packets.end * packets.base)
    facts = StreamFacts(
        codec,
        line,
        duration_s,
        packets.average(),
        step_s,
        packets.base,
        steadiness,
        packets.has_gaps(codec),
        packets.leap(),
    )
    return facts, said


class _Packets:
    """The times in framecrc's lines: 16 bytes a packet are kept."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self.base, self.end, followed = Fraction(1), 0, 0
        times, self._lengths = array("q"), array("q")
        for line in lines:
            if match := re.match(rb"#tb 0: (\d+)/(\d+)", line):
                self.base = Fraction(int(match[1]), int(match[2]))
            elif match := _PACKET.match(line):
                time, length = int(match[1]), int(match[2])
                if time == _UNKNOWN:  # MPEG program streams leave some out: it comes after the packet before
                    time = followed
                followed = time + length
                self.end = max(self.end, time + length)
                if not int(match[3] or b"0", 16) & _DISCARDED:
                    times.append(time)
                    self._lengths.append(length)
        self._times = times

    def average(self) -> Fraction | None:
        """Packets per second."""
        seconds = (self.end - min(self._times)) * self.base if self._times else Fraction(0)
        return Fraction(len(self._times)) / seconds if len(self._times) > 1 and seconds > 0 else None

    def steadiness(self) -> tuple[float, Fraction]:
        """(how many of the steps in presentation are the usual one, 0 to 1, the usual one in seconds)."""
        shown = sorted(self._times)
        steps = sorted(later - earlier for earlier, later in pairwise(shown))
        if not steps:
            return 1.0, Fraction(0)
        usual = steps[len(steps) // 2]
        return sum(abs(step - usual) <= 1 for step in steps) / len(steps), usual * self.base

    def leap(self) -> str:
        """What to say of the longest pause, from the beginning to the end of the last packet; "" of a usual one."""
        pauses = ((later - earlier, earlier) for earlier, later in pairwise((0, *sorted(self._times), self.end)))
        pause_s, at_s = (float(ticks * self.base) for ticks in max(pauses))
        if pause_s <= _LONGEST_PAUSE_S:
            return ""
        return (f"has time stamps that leap by {pause_s / 3600:.0f} hours at {at_s:.2f} s: have them written anew "
                "(ffmpeg -i OLD -vf setpts=N/FRAME_RATE/TB -af asetpts=N/SR/TB NEW.mp4)")  # fmt: skip

    def has_gaps(self, codec: str) -> bool:
        """Whether any packet begins more than `GAP_S` after the one before it ends.

        MP4 and its like tell a packet's length as the time to the next one: there a packet of a codec that knows but
        one length is as long as most.
        """
        if not self._lengths:
            return False
        most = Fraction(GAP_S) / self.base
        usual = sorted(self._lengths)[len(self._lengths) // 2] if codec in _EVEN_CODECS else None
        ends = zip(self._times, self._lengths, self._times[1:], strict=False)
        return any(
            length > 0 and later - time - (length if usual is None else min(length, usual)) > most
            for time, length, later in ends
        )


def frame_rate(facts: StreamFacts, ticks: Fraction) -> Fraction:
    """A video's frames per second: exact where the rate is constant, else its true average.

    `ticks` is what ffmpeg takes for the rate: exact (24000/1001), but of a varying rate the ticks that all its times
    are multiples of (200 for a phone's 30).
    """
    average = facts.average_fps
    if average is None:
        return ticks if ticks <= _FASTEST_FPS else Fraction(25)
    # A step is rounded to its container's ticks.
    steady = facts.steadiness >= _STEADY and abs(facts.step_s - 1 / ticks) < facts.tick_s + _SAME_RATE / ticks
    if ticks <= _FASTEST_FPS and (steady or average > ticks):
        return ticks
    return average.limit_denominator(1001)


class FirstPicture(NamedTuple):
    """What ffmpeg takes for the frame rate, (width, height) as shown, whether the picture consists of fields."""

    ticks: Fraction
    size_px: tuple[int, int]
    interlaced: bool


def first_picture(path: Path) -> FirstPicture | None:
    """The first picture of a video's first stream, or None where nothing decodes.

    The header of framecrc gives the exact time base of one frame and the size after rotation and with square pixels.

    Raises:
        VideoError: the picture is too large.
    """
    shown = f"showinfo=checksum=0,{SQUARE_PIXELS}"
    # Its decoder is to refuse what is too large: a GIF of a hundred bytes says that it takes a gigabyte.
    arguments = ["-max_pixels", str(MAX_VIDEO_PIXELS), *input_arguments(path), "-map", "0:V:0", "-vf", shown,
                 "-frames:v", "1", "-f", "framecrc", "-"]  # fmt: skip
    with FFmpeg(arguments, read=True) as ffmpeg:
        assert ffmpeg.process.stdout is not None
        header = ffmpeg.process.stdout.read().decode("utf-8", "replace")
        ffmpeg.finish()
        said = ffmpeg.said
    if large := re.search(r"Picture size (\d+)x(\d+) exceeds specified max pixel count", said):
        raise VideoError(too_large(str(path), large[1], large[2], MAX_VIDEO_PIXELS))
    base = re.search(r"^#tb 0: (\d+)/(\d+)", header, re.M)
    size = re.search(r"^#dimensions 0: (\d+)x(\d+)", header, re.M)
    if not base or not size or not re.search(r"^0,", header, re.M):
        return None
    fields = re.search(r"showinfo_.* n: +0 .* i:([PTB]) ", said)
    interlaced = fields is not None and fields[1] != "P"
    return FirstPicture(Fraction(int(base[2]), int(base[1])), (int(size[1]), int(size[2])), interlaced)
