"""What each kind of output file takes: its video codec, the sound it takes as it is, and the sound it gets instead."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from talkinghead.core.errors import OutputError
from talkinghead.media.audio import AudioInfo

# Quick enough for two cores that also draw: 100 frames of 1000 x 1000 take 0.9 s, at the size of slower presets. Moving
# blocks are not divided: that takes a fifth to a quarter off the encoder's time, for files larger by 0 to 10 %.
_H264 = ("-c:v", "libx264", "-preset", "veryfast", "-x264-params", "partitions=i8x8,i4x4", "-pix_fmt", "yuv420p")
# The same by an NVIDIA GPU's own encoder: p4 is its middle preset.
_NVENC = ("-c:v", "h264_nvenc", "-preset", "p4", "-rc", "vbr", "-b:v", "0", "-pix_fmt", "yuv420p")
_VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "7", "-row-mt", "1", "-b:v", "0", "-pix_fmt",
        "yuv420p")  # fmt: skip

# With a plane of transparency: its encoder cannot hold pictures back then.
_VP9_ALPHA = (*_VP9[:-1], "yuva420p", "-auto-alt-ref", "0")
_PRORES = (
    "-c:v",
    "prores_ks",
    "-profile:v",
    "4444",
    "-vendor",
    "apl0",
    "-pix_fmt",
    "yuva444p10le",
    "-alpha_bits",
    "16",
)

# For a file whose content says nothing: so that a damaged video's own errors are heard.
VIDEO_SUFFIXES = frozenset(
    {".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".wmv", ".flv", ".3gp"}
)

_PCM_LE = frozenset({"pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le"})
_MP4_SOUND = frozenset({"aac", "mp3", "mp2", "alac", "ac3", "eac3"})
_MKV_SOUND = _MP4_SOUND | _PCM_LE | {"flac", "opus", "vorbis", "dts", "truehd", "pcm_s16be", "pcm_s24be", "pcm_s32be"}
_MOV_SOUND = (_MP4_SOUND | _PCM_LE | {"pcm_s16be", "pcm_s24be", "pcm_s32be", "pcm_alaw", "pcm_mulaw"}) - {"mp2"}
# Of what is encoded anew: what no encoder takes is written as the mean of all.
MOST_CHANNELS = 8
# What the AAC encoder takes.
_AAC_RATES_HZ = (7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)


@dataclass(frozen=True, slots=True)
class Container:
    """A kind of file: its `muxer` in ffmpeg, how its picture is encoded, which sound codecs it `copies`.

    `quality`: the option and value of constant quality, lower is better. `encoded`: the codec of sound that cannot be
    copied, None where there is no sound at all. `even`: width and height must be even. `palette`: colours come from a
    palette of 256. `alpha`: frames are RGBA, and their transparency is kept; `planar`: they are handed over as planes
    (see `media.planes`).
    """

    muxer: str
    video: tuple[str, ...]
    quality: tuple[str, int] | None
    copies: frozenset[str] = frozenset()
    encoded: str | None = "aac"
    flags: tuple[str, ...] = ()
    even: bool = True
    palette: bool = False
    alpha: bool = False
    planar: bool = True


_FASTSTART = ("-movflags", "+faststart")
CONTAINERS: dict[str, Container] = {
    ".mp4": Container("mp4", _H264, ("-crf", 18), _MP4_SOUND, flags=_FASTSTART),
    ".mov": Container("mov", _H264, ("-crf", 18), _MOV_SOUND, flags=_FASTSTART),
    ".mkv": Container("matroska", _H264, ("-crf", 18), _MKV_SOUND, "flac"),
    ".webm": Container("webm", _VP9, ("-crf", 24), frozenset({"opus", "vorbis"}), "libopus"),
    ".gif": Container("gif", ("-c:v", "gif"), None, encoded=None, even=False, palette=True, planar=False),
}
# What keeps transparency: VP9 with a plane of its own, ProRes 4444, and GIF, whose pixels are there or not.
TRANSPARENT: dict[str, Container] = {
    ".webm": replace(CONTAINERS[".webm"], video=_VP9_ALPHA, alpha=True),
    ".mov": replace(CONTAINERS[".mov"], video=_PRORES, quality=None, alpha=True, planar=False, even=False),
    ".gif": replace(CONTAINERS[".gif"], alpha=True),
}


def container_of(path: Path, transparent: bool = False) -> Container:
    """The container that a file's suffix asks for; for `transparent` frames one that keeps that.

    Raises:
        OutputError: there is none.
    """
    found = CONTAINERS.get(path.suffix.lower())
    if found is None:
        asked = f"the suffix {path.suffix}" if path.suffix else "no suffix"
        raise OutputError(
            f"{path} has {asked}: end it in {', '.join(CONTAINERS)}, .m3u8, or in / for a folder of numbered pictures"
        )
    if transparent and path.suffix.lower() not in TRANSPARENT:
        check_opaque(path.name, transparent)
    return TRANSPARENT[path.suffix.lower()] if transparent else found


def check_opaque(name: str, transparent: bool) -> None:
    """Whether what is called `name`, and keeps no transparency, can take frames.

    Raises:
        OutputError: they are `transparent`.
    """
    if transparent:
        raise OutputError(
            f"{name} keeps no transparency: write a .webm (VP9), .mov (ProRes 4444), .gif, or a folder ending in / for "
            "PNG frames"
        )


def on_gpu(container: Container) -> Container:
    """The same container with its H.264 encoded by an NVIDIA GPU (NVENC), at about the same quality.

    Raises:
        OutputError: it holds no H.264.
    """
    if "libx264" not in container.video:
        raise OutputError(
            f"a {container.muxer} is not encoded on a GPU: name a .mp4, .mov or .mkv, or leave --nvenc out"
        )
    value = 18 if container.quality is None else container.quality[1]
    return replace(container, video=_NVENC, quality=("-cq", value))


def fewer_channels(info: AudioInfo) -> str:
    """ffmpeg's filter, with a comma before it, for sound of more channels than encoders take; "" for any other."""
    if info.channels <= MOST_CHANNELS:
        return ""
    return f",pan=mono|c0={'+'.join(f'{1 / info.channels:.6f}*c{k}' for k in range(info.channels))}"


def sound_arguments(container: Container, info: AudioInfo) -> tuple[str, list[str]]:
    """(what becomes of the sound in a word, the arguments that do it); the container must take sound."""
    assert container.encoded is not None
    # Players disagree about a gap in time stamps: written as silence, it is heard by all.
    if info.codec in container.copies and not info.has_gaps:
        return "copied", ["-c:a", "copy"]
    channels = info.channels if info.channels <= MOST_CHANNELS else 1
    if container.encoded == "aac":
        # The encoder takes no more than this many bits per sample; 128 kb/s per channel is transparent.
        rate_hz = min(_AAC_RATES_HZ, key=lambda known: (abs(known - info.rate_hz), -known))
        per_channel = min(128_000, 4 * rate_hz)
        return "aac", ["-c:a", "aac", "-b:a", str(per_channel * channels), "-ar", str(rate_hz)]
    if container.encoded == "libopus":
        return "opus", ["-c:a", "libopus", "-b:a", str(64_000 * channels), "-mapping_family",
                        "0" if channels <= 2 else "1"]  # fmt: skip
    return container.encoded, ["-c:a", container.encoded]


_SAID = "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"


def colour_filter(container: Container) -> str:
    """Of the frames as they come in: they get the palette of input 1, or are said to be what `media.planes` made."""
    if container.palette:
        return "[0:v][1:v]paletteuse=dither=bayer:bayer_scale=4"
    if not container.planar:
        return f"[0:v]scale=out_color_matrix=bt709:out_range=tv,{_SAID}"
    return f"[0:v]{_SAID}"
