"""Sound in: any audio or video file as blocks of mono samples in constant memory.

soundfile reads what it is exact at (WAV, FLAC, AIFF and their like); ffmpeg reads everything else. A file that is cut
off gives what can still be decoded; only one that gives nothing at all is an error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from talkinghead.core.errors import AudioError
from talkinghead.core.types import Floats
from talkinghead.media.channels import ChannelMeter, mix_down
from talkinghead.media.ffmpeg import FFmpeg, check_file, explain, input_arguments
from talkinghead.media.probe import GAP_S, scan, stream_lines
from talkinghead.media.resample import Resampler

if TYPE_CHECKING:
    from soundfile import SoundFile

SPEECH_RATE_HZ = 16_000
WHAT = "an audio or video file, or - for a WAV stream on standard input"
_EXACT_FORMATS = {"WAV", "WAVEX", "RF64", "W64", "FLAC", "AIFF", "AU", "CAF"}
# How their files begin: soundfile's other decoders print warnings of their own, so that it is not asked about others.
_EXACT_MAGIC = {b"RIFF", b"RIFX", b"RF64", b"riff", b"fLaC", b"FORM", b".snd", b"caff"}

_LEAST_HZ = 1000  # of a damaged header: telephones have 8000
# How much of a recording tells how its channels relate, and at which rate.
_METERED_S, _METERED_HZ = 600, 8000
# Of all channels, at once.
_MOST_SAMPLES = 1 << 20


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """A recording: seconds, samples per second, channels, and ffmpeg's name of its codec.

    `duration_s` is exact for PCM and FLAC, else the end of the last packet (at most 0.1 s more than decodes).
    `has_gaps`: its time stamps leave something out, which is heard as silence. `with_picture`: it is a video's.
    """

    duration_s: float
    rate_hz: int
    channels: int
    codec: str
    has_gaps: bool = False
    with_picture: bool = False


def probe_audio(path: str | os.PathLike[str], name: str | None = None) -> AudioInfo:
    """What the first sound track of a file is; `name` is what messages call it, by default its path.

    Raises:
        AudioError: there is no file, no sound in it, or none of it can be read.
    """
    file, name = check_file(Path(path), AudioError, WHAT), name or os.fspath(path)
    facts, said = scan(file, "Audio")
    if facts is None:
        raise _unusable(name, said)
    rate = re.search(r"(\d+) Hz", facts.line)
    if rate is None or facts.duration_s <= 0:
        raise AudioError(f"{name} holds no sound that can be decoded: export it again, as WAV for instance")
    _check_rate(int(rate[1]), name)
    if facts.leap:
        raise AudioError(f"{name} {facts.leap}")
    picture = bool(stream_lines(said, "Video"))
    return AudioInfo(facts.duration_s, int(rate[1]), _channels(facts.line), facts.codec, facts.has_gaps, picture)


def read_audio_blocks(
    path: str | os.PathLike[str], rate_hz: int = SPEECH_RATE_HZ, block_s: float = 1.0, name: str | None = None
) -> Iterator[Floats]:
    """The first sound track of a file as blocks of mono float32 at `rate_hz`.

    Channels are averaged; where that would lose the voice (they cancel each other, or all but one are silent), the
    strongest is taken. Gaps in time stamps are silence. Every block has `block_s` seconds but the last, which has what
    remains (at least one sample). Memory stays the same however long the file is.

    Raises:
        AudioError: there is no file, no sound in it, nothing that can be decoded, or samples that are not numbers.
    """
    file, name = check_file(Path(path), AudioError, WHAT), name or os.fspath(path)
    return _blocks(_checked(_decoded(file, rate_hz, name), rate_hz, name), max(1, round(block_s * rate_hz)))


def _check_rate(rate_hz: int, name: str) -> None:
    if rate_hz < _LEAST_HZ:
        raise AudioError(f"{name} has {rate_hz} samples a second, in which no voice is heard: export it again")


def _unusable(name: str, said: str) -> AudioError:
    """Why ffmpeg finds no sound in a file."""
    if "Video:" in said:
        return AudioError(f"{name} has no sound track: give {WHAT}")
    return AudioError(f"{name} cannot be read as sound ({explain(said)}): give {WHAT}")


def _channels(line: str) -> int:
    """The number of channels in ffmpeg's words ("stereo", "5.1(side)", "6 channels")."""
    layout = re.search(r"\d+ Hz, ([^,]+)", line)
    words = layout[1].strip() if layout else "mono"
    if words in ("mono", "stereo"):
        return 1 if words == "mono" else 2
    if count := re.match(r"(\d+) channels", words):
        return int(count[1])
    if count := re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", words):
        return sum(int(n) for n in count.groups() if n)
    return {"quad": 4, "hexagonal": 6, "octagonal": 8}.get(words.split("(")[0], 2)


def _decoded(file: Path, rate_hz: int, name: str) -> Iterator[Floats]:
    """Mono samples in pieces of any length."""
    import soundfile

    with file.open("rb") as stream:
        exact = stream.read(4) in _EXACT_MAGIC
    if not exact:
        yield from _through_ffmpeg(file, rate_hz, name)
        return
    try:
        with soundfile.SoundFile(file) as sound:
            # A header with its length left at 0 reads as empty: ffmpeg reads such a file to its end.
            if sound.format in _EXACT_FORMATS and sound.frames > 0:
                _check_rate(sound.samplerate, name)
                yield from _resampled(sound, rate_hz)
                return
    except (soundfile.LibsndfileError, ValueError):  # the latter of what it cannot seek in: GSM from telephones
        pass
    yield from _through_ffmpeg(file, rate_hz, name)


def _resampled(sound: SoundFile, rate_hz: int) -> Iterator[Floats]:
    """An open SoundFile's channels as one, at another rate."""
    # About a second; a header may say anything of its rate.
    length = max(1, min(sound.samplerate, _MOST_SAMPLES // sound.channels))
    channel = None
    if sound.channels > 1:
        meter = ChannelMeter(sound.channels)
        for block in sound.blocks(length, dtype="float32", always_2d=True):
            meter.push(block)
        channel = meter.choose()
        sound.seek(0)
    stream = Resampler(sound.samplerate, rate_hz)
    for block in sound.blocks(length, dtype="float32", always_2d=True):
        yield stream.push(mix_down(block, channel))
    yield stream.finish()


def time_filter(info: AudioInfo) -> str:
    """ffmpeg's filter for decoded sound to start at 0 and to be silent where time stamps leave something out.

    A video's gets silence where it starts after the picture. Sound on its own starts with its first sample, whatever
    an encoder's delay has put into its time stamps.
    """
    if not info.has_gaps:
        return "aresample=async=1:first_pts=0" if info.with_picture else "asetpts=N/SR/TB"
    start = "" if info.with_picture else "asetpts=PTS-STARTPTS,"
    return f"{start}aresample=async=1:min_hard_comp={GAP_S}:first_pts=0"


def _through_ffmpeg(file: Path, rate_hz: int, name: str) -> Iterator[Floats]:
    """The first sound track as ffmpeg decodes it; where it starts after the picture, silence comes first."""
    info = probe_audio(file, name)
    times = time_filter(info)
    channel = _chosen_channel(file, info, times, name)
    mono = "" if channel is None else f",pan=mono|c0=c{channel}"
    yield from _pieces(file, ["-af", f"{times}{mono}", "-ac", "1", "-ar", str(rate_hz)], 4 * rate_hz, name)


def _chosen_channel(file: Path, info: AudioInfo, times: str, name: str) -> int | None:
    """The channel to be heard alone, judged by the first minutes; None for the usual mixture."""
    if info.channels < 2:
        return None
    meter, step = ChannelMeter(info.channels), 4 * info.channels
    limited = ["-t", str(_METERED_S), "-af", times, "-ac", str(info.channels), "-ar", str(_METERED_HZ)]
    for piece in _pieces(file, limited, step * _METERED_HZ, name):
        meter.push(piece[: len(piece) // info.channels * info.channels].reshape(-1, info.channels))
    return meter.choose()


def _pieces(file: Path, how: list[str], size: int, name: str) -> Iterator[Floats]:
    """Float samples of the first sound track, decoded as ffmpeg's arguments `how` say, `size` bytes at a time."""
    arguments = [*input_arguments(file), "-map", "0:a:0", *how, "-f", "f32le", "-c:a", "pcm_f32le", "pipe:1"]
    with FFmpeg(arguments, read=True) as ffmpeg:
        assert ffmpeg.process.stdout is not None
        found = False
        while piece := ffmpeg.process.stdout.read(size):
            found = True
            yield np.frombuffer(piece[: len(piece) // 4 * 4], np.float32)
        if not ffmpeg.finish() and not found:
            raise _unusable(name, ffmpeg.said)


def _checked(pieces: Iterable[Floats], rate_hz: int, name: str) -> Iterator[Floats]:
    """`pieces` as they are, provided that they are numbers and that there are any."""
    samples = 0
    for piece in pieces:
        bad = ~np.isfinite(piece)
        if bad.any():
            at_s = (samples + int(np.argmax(bad))) / rate_hz
            raise AudioError(
                f"{name} holds samples that are not finite numbers, first at {at_s:.2f} s: export it again"
            )
        samples += len(piece)
        yield piece
    if samples == 0:
        raise AudioError(f"{name} holds no sound: it has not a single sample")


def _blocks(pieces: Iterable[Floats], length: int) -> Iterator[Floats]:
    """Pieces of any length as blocks of `length`, the last as long as it is."""
    waiting: list[Floats] = []
    held = 0
    for piece in pieces:
        waiting.append(piece)
        held += len(piece)
        while held >= length:
            joined = np.concatenate(waiting)
            yield joined[:length]
            waiting, held = [joined[length:]], held - length
    if held:
        yield np.concatenate(waiting)
