"""Video in and out, a frame at a time."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import numpy as np

from talkinghead.core.errors import AudioError, OutputError, VideoError
from talkinghead.core.marking import Marking
from talkinghead.core.output import check_name, check_writable, whole_file
from talkinghead.core.places import is_folder as is_a_folder
from talkinghead.core.settings import DEFAULT_FPS, MAX_FPS
from talkinghead.core.types import Pixels
from talkinghead.media.audio import WHAT as SOUND
from talkinghead.media.audio import AudioInfo, probe_audio
from talkinghead.media.containers import Container, check_opaque, container_of, on_gpu
from talkinghead.media.decoding import picture_filters
from talkinghead.media.ffmpeg import FFmpeg, check_file, explain, input_arguments
from talkinghead.media.frame_folder import check_folder, write_frames
from talkinghead.media.growing import GrowingSound
from talkinghead.media.probe import first_picture, frame_rate, scan, stream_lines
from talkinghead.media.streams import check_playlist, check_stream, is_playlist, playlist, stream_of
from talkinghead.media.video_encoder import VideoEncoder
from talkinghead.provenance.containers import PNG_XMP
from talkinghead.provenance.making import Making
from talkinghead.provenance.xmp import DIGITAL_SOURCE_TYPE

SYNTHETIC_VIDEO = "Synthetic video: the face was animated by talkinghead."
_WHAT = "a video file"


class VideoReader:
    """A video's frames as RGB uint8 (H, W, 3) at a constant rate, turned upright, decoded as they are asked for.

    Iterate as often as needed: each time starts anew. `fps` is exact (24000/1001, not 23.98), `size_px` is (width,
    height) as shown. `frames` goes by the packets that are there: the decoder gives fewer where the file is damaged;
    None where nothing tells. A rate that varies is made constant, its true average, by repeating and leaving out
    as the time stamps say; a picture that starts after the sound repeats its first frame, so that frame k belongs to
    k / fps seconds of sound. Interlaced fields become whole frames, and high dynamic range (HLG, PQ) becomes BT.709:
    `note` says so, in words for people, empty where nothing of that kind is done.

    Raises:
        VideoError: there is no file, no video in it, or not one frame that can be decoded.
    """

    def __init__(self, path: str | os.PathLike[str], fps: Fraction | None = None) -> None:
        self.path = check_file(Path(path), VideoError, _WHAT)
        facts, said = scan(self.path, "Video")
        if facts is None:
            sound = "is sound alone" if stream_lines(said, "Audio") else f"cannot be read as video ({explain(said)})"
            raise VideoError(f"{self.path} {sound}: give {_WHAT}")
        if facts.leap:
            raise VideoError(f"{self.path} {facts.leap}")
        first = first_picture(self.path)
        if first is None:
            raise VideoError(f"{self.path} holds no frame that can be decoded: export it again")
        self.size_px = first.size_px
        self.fps = Fraction(fps) if fps else _usable(frame_rate(facts, first.ticks))
        self.has_audio = bool(stream_lines(said, "Audio"))
        self.frames = max(1, round(facts.duration_s * self.fps)) if facts.duration_s > 0 else None
        self._filters, self.note = picture_filters(facts, first, self.fps)
        self._running: list[FFmpeg] = []

    def __iter__(self) -> Iterator[Pixels]:
        return self.starting_at(0)

    def starting_at(self, frame: int) -> Iterator[Pixels]:
        """The frames from number `frame` on, without decoding all that comes before."""
        width, height = self.size_px
        # A quarter of a frame early: times are rounded, and the frame itself must not be missed.
        seek = ["-ss", f"{float((frame - Fraction(1, 4)) / self.fps):.6f}"] if frame > 0 else []
        arguments = [*seek, *input_arguments(self.path), "-map", "0:V:0", "-vf", self._filters, "-f", "rawvideo",
                     "pipe:1"]  # fmt: skip
        size = width * height * 3
        with FFmpeg(arguments, read=True) as ffmpeg:
            self._running.append(ffmpeg)
            pipe = ffmpeg.process.stdout
            assert pipe is not None
            empty = True
            try:
                while not pipe.closed and len(data := pipe.read(size)) == size:
                    empty = False
                    yield np.frombuffer(data, np.uint8).reshape(height, width, 3)
            finally:  # also where whoever reads has had enough; `close` has taken it out already
                if ffmpeg in self._running:
                    self._running.remove(ffmpeg)
            if empty and not pipe.closed:
                raise VideoError(f"{self.path} holds no frame that can be decoded ({explain(ffmpeg.said)})")

    def close(self) -> None:
        """Stop every decoder that still runs."""
        while self._running:
            self._running.pop().close()

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _usable(fps: Fraction) -> Fraction:
    """A rate at which a face can be drawn: slow motion is brought to the fastest, a slide show to a video's."""
    return min(fps, Fraction(MAX_FPS)) if fps >= 1 else DEFAULT_FPS


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What was written: `frames` of `size_px` (width, height) at `fps` to `path`.

    `audio`: "copied" (the original stream), "aac", "opus", "flac" or "wav" (encoded anew), None where there is none.
    """

    path: Path
    frames: int
    fps: Fraction
    size_px: tuple[int, int]
    audio: str | None

    @property
    def duration_s(self) -> float:
        """Of the picture."""
        return float(self.frames / self.fps)


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Whether `write_video` takes the name `path` for a folder of numbered pictures."""
    text = os.fspath(path)
    if stream_of(path) is not None:
        return False
    check_name(Path(path))
    return text.endswith(("/", os.sep)) or is_a_folder(Path(text))


def check_target(
    path: str | os.PathLike[str], force: bool = False, transparent: bool = False, marking: Marking | None = None
) -> None:
    """Whether `write_video` would accept the name `path`: asked before hours of work, not after.

    Raises:
        OutputError: an unknown suffix, one that keeps nothing `transparent`, something there already without `force`,
            a folder that cannot be written, or a kind of file that cannot be signed, though `marking` or the
            environment asks for that.
        InputError: the certificate or its key are not of use.
    """
    if (stream := stream_of(path)) is not None:
        check_opaque(stream.name, transparent)
        check_stream(stream)
    elif is_folder(path):
        check_folder(Path(path), force)
    elif is_playlist(path):
        check_opaque(Path(path).name, transparent)
        check_playlist(Path(path), force)
    else:
        container_of(Path(path), transparent)
        check_writable(Path(path), force)
    if marking is not None:
        Making(marking).check(_suffix(path), _name(path))


def _suffix(path: str | os.PathLike[str]) -> str:
    """Of one file; empty for what is none, or several."""
    is_file = stream_of(path) is None and not is_folder(path) and not is_playlist(path)
    return Path(path).suffix.lower() if is_file else ""


def _name(path: str | os.PathLike[str]) -> str:
    stream = stream_of(path)
    return os.fspath(path) if stream is None else stream.name


def write_video(
    path: str | os.PathLike[str],
    frames: Iterable[Pixels],
    fps: Fraction,
    audio: str | os.PathLike[str] | GrowingSound | None = None,
    *,
    duration_s: float | None = None,
    force: bool = False,
    comment: str = SYNTHETIC_VIDEO,
    metadata: Mapping[str, str] | None = None,
    making: Making | None = None,
    quality: int | None = None,
    known: AudioInfo | None = None,
    nvenc: bool = False,
    transparent: bool = False,
) -> WriteResult:
    """Write frames (H, W, 3) RGB uint8, all of one size, with the first sound track of `audio`.

    The suffix of `path` picks the container (.mp4 .mov .mkv .webm .gif .m3u8); a path ending in / gets numbered PNG
    files and audio.wav; "-" and addresses are streams, see `talkinghead.media.streams`. Encoding runs beside whatever
    makes the frames. Odd sizes grow by a repeated edge where the codec wants even ones. The sound is copied as it is
    where the container takes it. The file appears whole or not at all.

    - `audio`: any audio or video file, sound that is still being made, or None;
    - `duration_s`: where the sound ends at the latest, None for all of it;
    - `comment`, `metadata`: the container's tags; an empty comment leaves that tag out;
    - `making`: how it came about and is to be marked: by default as synthetic, and signed where the environment names a
      certificate;
    - `quality`: the codec's constant rate factor, lower is better (H.264: 0 to 51, default 18; VP9: 0 to 63, 24);
    - `known`: what `probe_audio` has said of `audio`, where somebody has asked already;
    - `nvenc`: let an NVIDIA GPU encode H.264 (see `check_nvenc`);
    - `transparent`: frames are (H, W, 4) RGBA, not premultiplied, and .webm, .mov and .gif keep that, as folders do.

    Raises:
        OutputError: the file exists and `force` is not set, it cannot be written, there are no frames; or it is
            there, but could not be signed.
        AudioError: `audio` holds no sound.
        InputError: the certificate or its key are not of use.
    """
    making = making or Making()
    check_target(path, force, transparent, making.marking)
    if isinstance(audio, GrowingSound) and (is_folder(path) or audio.has_ended):
        with audio.file() as whole:
            return write_video(path, frames, fps, whole, duration_s=duration_s, force=force, comment=comment,
                               metadata=metadata, making=making, quality=quality,
                               transparent=transparent)  # fmt: skip
    growing = audio if isinstance(audio, GrowingSound) else None
    sound = None if audio is None or isinstance(audio, GrowingSound) else check_file(Path(audio), AudioError, SOUND)
    comment = making.comment(comment)
    tags = {**({"comment": comment} if comment else {}), **(metadata or {})}
    rate = Fraction(fps)
    if is_folder(path):
        tags = {name.capitalize(): value for name, value in tags.items()}
        tags.update({PNG_XMP: making.packet.decode()} if making.packet else {})
        count, size_px, kept = write_frames(Path(path), frames, sound, duration_s, tags)
        return WriteResult(Path(path), count, rate, size_px, kept)
    tags.update({"digital_source_type": DIGITAL_SOURCE_TYPE} if making.packet else {})
    stream = stream_of(path)
    takes_sound = stream is not None or is_playlist(path) or container_of(Path(path)).encoded is not None
    info = growing.info if growing else (known or probe_audio(sound)) if sound is not None and takes_sound else None
    with _written(path, force, transparent) as (part, container):
        container = on_gpu(container) if nvenc else container
        heard = (growing or sound) if info and container.encoded else None
        encoder = VideoEncoder(part, container, rate, heard, info, duration_s, tags, quality, stream,
                               making.packet)  # fmt: skip
        try:
            for frame in frames:
                encoder.write(frame)
            encoder.finish()
        finally:
            encoder.close()
            if isinstance(frames, Generator):  # stops what draws ahead, now and not at the next collection
                frames.close()
        unsigned = making.sign(part, _suffix(path), Path(path).name)
    if unsigned is not None:
        raise OutputError(f"{path} is written, but without a C2PA manifest: {unsigned}")
    return WriteResult(Path(path), encoder.frames, rate, encoder.size_px, encoder.sound)


def check_nvenc(path: str | os.PathLike[str]) -> None:
    """Whether an NVIDIA GPU can encode what `path` names: asked by encoding a frame of nothing.

    Raises:
        OutputError: the file holds no H.264, or this machine's ffmpeg, driver or GPU does not encode.
    """
    stream = stream_of(path)
    on_gpu(container_of(Path(path)) if stream is None else stream.container)
    arguments = ["-loglevel", "error", "-f", "lavfi", "-i", "color=size=256x256", "-frames:v", "1",
                 "-c:v", "h264_nvenc", "-f", "null", "-"]  # fmt: skip
    with FFmpeg(arguments) as ffmpeg:
        if not ffmpeg.finish():
            raise OutputError(f"no GPU here encodes video ({ffmpeg.complaint}): leave --nvenc out")


@contextmanager
def _written(path: str | os.PathLike[str], force: bool, transparent: bool) -> Iterator[tuple[Path, Container]]:
    """The name to write to, and the container; a file appears whole or not at all, a stream as it comes."""
    if (stream := stream_of(path)) is not None:
        yield Path(path), stream.container
    elif is_playlist(path):
        with playlist(Path(path), force) as container:
            yield Path(path), container
    else:
        with whole_file(path, force) as part:
            yield part, container_of(Path(path), transparent)
