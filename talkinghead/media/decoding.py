"""How a video's pictures become RGB as a screen shows them: upright, whole, square, in sRGB's colours."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from talkinghead.media.ffmpeg import FFmpeg
from talkinghead.media.probe import SQUARE_PIXELS, FirstPicture, StreamFacts

_HDR = {"arib-std-b67": "HLG", "smpte2084": "PQ"}
_FIELDS = re.compile(r"\b(?:top|bottom) (?:first|coded first)")
# ffmpeg's pixel formats with transparency.
_ALPHA = re.compile(r"\b(?:rgba|bgra|argb|abgr|ya|gbrap|yuva\d)")
# What is as bright as white paper, in cd/m2 (ITU-R BT.2408). Up to 0.8 of it brightness stays as it is; what is
# brighter is rolled off, so that faces are as bright as in a video of standard range.
_WHITE, _ROLLED_OFF = 203, 0.8
# Rounded exactly: the default flags lose 1 to 2 grey levels.
_EXACT = "flags=bicubic+accurate_rnd+full_chroma_int"


def picture_filters(facts: StreamFacts, first: FirstPicture, fps: Fraction) -> tuple[str, str]:
    """(ffmpeg's filters from a stream's frames to rgb24 at `fps`, what of it people should know, "" if nothing)."""
    filters, notes = [], []
    if first.interlaced or _FIELDS.search(facts.line):
        filters.append("bwdif=mode=send_frame:deint=all")
        notes.append("deinterlaced")
    filters.append(f"fps={fps.numerator}/{fps.denominator}:start_time=0")
    transfer = next((name for name in _HDR if name in facts.line), None)
    if transfer is not None and _has_tone_mapping():
        filters += _tone_mapping(facts.line, transfer)
        notes.append(f"{_HDR[transfer]} brought to standard dynamic range")
    elif transfer is not None:
        notes.append(f"{_HDR[transfer]} is shown as it is: this ffmpeg lacks zscale and tonemap")
    # Untagged pictures of HD size follow BT.709 by custom, which ffmpeg does not assume.
    tagged = any(name in facts.line for name in ("bt709", "bt2020", "bt470", "smpte", "gbr", "fcc", "rgb"))
    matrix = ":in_color_matrix=bt709" if not tagged and min(first.size_px) >= 720 else ""
    filters += [f"{SQUARE_PIXELS}:{_EXACT}{matrix}", "setsar=1"]
    if _ALPHA.search(facts.line):
        return _upon_white(filters, first.size_px, fps), ", ".join(notes)
    return ",".join([*filters, "format=rgb24"]), ", ".join(notes)


def _upon_white(filters: list[str], size_px: tuple[int, int], fps: Fraction) -> str:
    """Pictures that may be transparent, as pictures from files are shown: what lies under their alpha is arbitrary."""
    width, height = size_px
    white = f"color=white:size={width}x{height}:rate={fps.numerator}/{fps.denominator},format=gbrp"
    return (
        f"[in]{','.join(filters)},format=gbrap[picture];{white}[white];"
        "[white][picture]overlay=format=gbrp:shortest=1,format=rgb24[out]"
    )


def _tone_mapping(line: str, transfer: str) -> list[str]:
    """High dynamic range to BT.709; what a stream leaves unsaid is as HDR nearly always is, BT.2020."""
    said = re.search(rf"([\w-]+)/([\w-]+)/{transfer}", line)
    matrix, primaries = (said[1], said[2]) if said else ("unknown", "unknown")
    unsaid = [
        f"colorspace={'bt2020nc' if matrix == 'unknown' else matrix}",
        f"color_primaries={'bt2020' if primaries == 'unknown' else primaries}",
    ]
    return [
        f"setparams={':'.join(unsaid)}",
        f"zscale=t=linear:npl={_WHITE}",
        "format=gbrpf32le",
        "zscale=p=bt709",
        f"tonemap=mobius:desat=0:param={_ROLLED_OFF}",
        "zscale=t=bt709:m=bt709:r=tv",
        "format=yuv444p",
    ]


@lru_cache(maxsize=1)
def _has_tone_mapping() -> bool:
    """Whether the ffmpeg at hand has the two filters that HDR needs."""
    with FFmpeg(["-filters"], read=True) as ffmpeg:
        assert ffmpeg.process.stdout is not None
        listed = ffmpeg.process.stdout.read()
        ffmpeg.finish()
    return all(re.search(rb"\s%b\s" % name, listed) for name in (b"zscale", b"tonemap"))
