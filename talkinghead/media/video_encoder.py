"""Frames into ffmpeg, fed from a thread so that drawing and encoding overlap."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import threading
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from talkinghead.core.errors import OutputError
from talkinghead.core.types import Pixels
from talkinghead.media.audio import AudioInfo, time_filter
from talkinghead.media.containers import Container, colour_filter, fewer_channels, sound_arguments
from talkinghead.media.ffmpeg import FFmpeg, input_arguments, tag_arguments
from talkinghead.media.growing import GrowingSound, SoundPipe
from talkinghead.media.streams import Stream
from talkinghead.provenance.containers import add_to_gif, xmp_box

if TYPE_CHECKING:
    from talkinghead.media.planes import Planes

# Enough to ride out the encoder's uneven pace; 12 MB at 1000 x 1000.
_FRAMES_WAITING = 4
_PALETTE_FRAMES = 12


def _appended(path: Path | None) -> BinaryIO:
    """A file to add to; standard output where there is no path, which stays open."""
    return os.fdopen(os.dup(1), "wb") if path is None else path.open("ab")


class VideoEncoder:
    """Writes one file. The first frame starts ffmpeg; `finish` waits for it, `close` stops it where it still runs.

    `frames`, `size_px` and `sound` (see `WriteResult`) tell what was written.
    """

    def __init__(
        self,
        path: Path,
        container: Container,
        fps: Fraction,
        audio: Path | GrowingSound | None,
        info: AudioInfo | None,
        duration_s: float | None,
        tags: Mapping[str, str],
        quality: int | None = None,
        stream: Stream | None = None,
        packet: bytes = b"",
    ) -> None:
        """`path` is the file's name while it is written; with a `stream`, the video goes there instead. `packet` is
        XMP, for containers that have a place for it."""
        self.frames, self.size_px, self.sound = 0, (0, 0), None  # type: tuple[int, tuple[int, int], str | None]
        self._path, self._container, self._fps, self._tags, self._quality = path, container, fps, tags, quality
        self._audio, self._info, self._duration_s, self._stream = audio, info, duration_s, stream
        self._packet = packet
        self._palette = path.absolute().with_name(f"{path.name}.palette.png")
        self._shape: tuple[int, ...] | None = None
        self._held: list[Pixels] = []
        self._waiting: queue.Queue[Pixels | None] = queue.Queue(_FRAMES_WAITING)
        self._planes: Planes | None = None
        self._broken = threading.Event()
        self._ffmpeg: FFmpeg | None = None
        self._feeder: threading.Thread | None = None
        self._sound_pipe: SoundPipe | None = None

    def write(self, frame: Pixels) -> None:
        """Hand over one frame (H, W, 3) RGB uint8, or RGBA where the container keeps that; it may be reused at once.

        Waits while the encoder is behind.
        """
        if self._shape is None:
            self._measure(frame)
        if frame.shape != self._shape or frame.dtype != np.uint8:
            raise OutputError(
                f"frame {self.frames} is {frame.dtype} {frame.shape} where the first one was uint8 {self._shape}"
            )
        self.frames += 1
        copy = self._padded(frame).copy()
        if self._ffmpeg is not None:
            self._put(copy)
            return
        self._held.append(copy)
        if len(self._held) >= (_PALETTE_FRAMES if self._container.palette else 1):
            self._start()

    def finish(self) -> None:
        """End the file.

        Raises:
            OutputError: there was no frame, or ffmpeg did not succeed.
        """
        if self._ffmpeg is None:
            if not self._held:
                raise OutputError("there are no frames to write")
            self._start()
        assert self._ffmpeg is not None
        assert self._feeder is not None
        self._put(None)
        self._feeder.join()
        if self._broken.is_set() or not self._ffmpeg.finish():
            raise self._failure()
        self._add_what_ffmpeg_cannot()

    def _add_what_ffmpeg_cannot(self) -> None:
        """A GIF's comment and XMP, an MP4's XMP, which may stand at its end."""
        if self._container.muxer == "gif":
            add_to_gif(self._path, self._tags.get("comment", ""), self._packet)
        elif self._container.muxer == "mp4" and self._packet:
            stdout = self._stream is not None and self._stream.stdout
            with contextlib.suppress(BrokenPipeError), _appended(None if stdout else self._path) as file:
                file.write(xmp_box(self._packet))

    def close(self) -> None:
        """Stop at once; harmless after `finish`."""
        with contextlib.suppress(OSError):  # what is finished stays, whatever cleaning up meets
            self._palette.unlink(missing_ok=True)
        if self._sound_pipe is not None:
            self._sound_pipe.stop()
        if self._ffmpeg is None or self._feeder is None:
            return
        self._broken.set()
        if self._ffmpeg.process.poll() is None:
            self._ffmpeg.process.kill()
        # The feeder drains what waits; this wakes it where nothing does.
        while self._feeder.is_alive():
            with contextlib.suppress(queue.Full):
                self._waiting.put(None, timeout=0.05)
            self._feeder.join(0.05)
        self._ffmpeg.close()

    def _measure(self, frame: Pixels) -> None:
        channels = 4 if self._container.alpha else 3
        if frame.ndim != 3 or frame.shape[2] != channels:
            raise OutputError(f"a frame must have the shape (height, width, {channels}), not {frame.shape}")
        self._shape = frame.shape
        height, width = self._padded(frame).shape[:2]
        self.size_px = (width, height)

    def _start(self) -> None:
        if self._container.palette:
            self._make_palette()
        elif self._container.planar:
            from talkinghead.media.planes import Planes  # and OpenCV, which whoever asks for a name need not wait for

            self._planes = Planes(self.size_px, self._container.alpha)
        if isinstance(self._audio, GrowingSound):
            self._sound_pipe = SoundPipe(self._audio)
        self._ffmpeg = FFmpeg(self._arguments(), feed=True, inherit=self._sound_pipe.ends if self._sound_pipe else (),
                              to_stdout=self._stream is not None and self._stream.stdout)  # fmt: skip
        if self._sound_pipe is not None:
            self._sound_pipe.start()
        self._feeder = threading.Thread(target=self._feed, name="talkinghead-encoder", daemon=True)
        self._feeder.start()
        while self._held:
            self._put(self._held.pop(0))

    def _make_palette(self) -> None:
        """The 256 colours of the first frames: all frames' would need all of them at once."""
        arguments = ["-loglevel", "error", *self._picture(self._packed), "-vf", "palettegen", "-y", "-f", "image2",
                     "-update", "1", f"file:{self._palette}"]  # fmt: skip
        with FFmpeg(arguments, feed=True) as ffmpeg:
            assert ffmpeg.process.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                ffmpeg.process.stdin.writelines(frame.data for frame in self._held)
            if not ffmpeg.finish():
                raise OutputError(f"the video cannot be encoded: {ffmpeg.complaint}")

    @property
    def _packed(self) -> str:
        """What the frames are, in ffmpeg's word."""
        return "rgba" if self._container.alpha else "rgb24"

    def _picture(self, pixels: str) -> list[str]:
        """The frames as an input, their `pixels` in ffmpeg's word."""
        width, height = self.size_px
        return [*self._pace, "-f", "rawvideo", "-pix_fmt", pixels, "-video_size", f"{width}x{height}",
                "-framerate", f"{self._fps.numerator}/{self._fps.denominator}", "-i", "pipe:0"]  # fmt: skip

    def _arguments(self) -> list[str]:
        box = self._container
        sound_in: list[str] = ["-i", f"file:{self._palette}"] if box.palette else []
        sound_out: list[str] = ["-an"]
        if self._audio is not None and self._info is not None:
            limit = [] if self._duration_s is None else ["-t", f"{self._duration_s:.6f}"]
            self.sound, codec = sound_arguments(box, self._info)
            if isinstance(self._audio, GrowingSound):
                assert self._sound_pipe is not None
                given, times = self._sound_pipe.arguments, "asetpts=N/SR/TB"
            else:
                given, times = input_arguments(self._audio), time_filter(self._info)
            sound_in = [*limit, *self._pace, *given]
            filters = [] if self.sound == "copied" else ["-af", times + fewer_channels(self._info)]
            sound_out = ["-map", "1:a:0", *codec, *filters]
        quality = []
        if box.quality is not None:
            option, value = box.quality
            quality = [option, str(value if self._quality is None else self._quality)]
        words = {**self._tags, **({"xmp": self._packet.decode()} if box.muxer == "mov" and self._packet else {})}
        tags = tag_arguments(words)
        colours = ["-filter_complex", f"{colour_filter(box)}[v]", "-map", "[v]"]
        picture = self._picture(("yuva420p" if box.alpha else "yuv420p") if box.planar else self._packed)
        target = self._stream.target if self._stream else f"file:{self._path.absolute()}"
        return ["-loglevel", "error", *picture, *sound_in, *colours, *box.video, *quality, *sound_out,
                "-map_metadata", "-1", *tags, *box.flags, "-f", box.muxer, "-y", target]  # fmt: skip

    @property
    def _pace(self) -> list[str]:
        """An input's option where the video is watched while it comes."""
        return ["-re"] if self._stream is not None and self._stream.paced else []

    def _padded(self, frame: Pixels) -> Pixels:
        """Even in width and height where the codec wants it: the last row and column are repeated."""
        height, width = frame.shape[:2]
        if not self._container.even or (height % 2 == 0 and width % 2 == 0):
            return frame
        return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")

    def _put(self, item: Pixels | None) -> None:
        while not self._broken.is_set():
            try:
                self._waiting.put(item, timeout=0.1)
            except queue.Full:
                continue
            return
        raise self._failure()

    def _feed(self) -> None:
        assert self._ffmpeg is not None
        assert self._ffmpeg.process.stdin is not None
        try:
            while (frame := self._waiting.get()) is not None:
                self._ffmpeg.process.stdin.write((frame if self._planes is None else self._planes.of(frame)).data)
            self._ffmpeg.process.stdin.close()
        except OSError:
            self._broken.set()

    def _failure(self) -> OutputError:
        assert self._ffmpeg is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._ffmpeg.process.wait(timeout=10)
        if self._stream is None:
            return OutputError(f"the video cannot be encoded: {self._ffmpeg.complaint}")
        complaint = self._ffmpeg.complaint.replace(self._stream.target, self._stream.name)
        return OutputError(f"the video cannot be sent to {self._stream.name}: {complaint}")
