"""Sound that is still being made while it is heard: by the lips, and by the encoder of the video."""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from talkinghead.core.growing import Growing
from talkinghead.core.temporary import KeptFile, temporary_folder
from talkinghead.core.types import Floats
from talkinghead.media.audio import AudioInfo
from talkinghead.media.resample import Resampler

_SAMPLE_BYTES = 2
_FULL_SCALE = 32_767.0
_BLOCK_BYTES = 1 << 16


class SoundWriter:
    """The end of a `GrowingSound` that is written to; it does not keep the sound itself alive.

    `is_unheard` tells that nobody has the sound any more: what makes it may stop.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)
        self.sizes: Growing[int] = Growing()
        self.forgotten = threading.Event()

    @property
    def is_unheard(self) -> bool:
        return self.forgotten.is_set()

    def append(self, samples: Floats) -> None:
        """More sound: (n,) mono float in -1..1; what is louder is cut off."""
        data = np.rint(np.clip(samples, -1.0, 1.0) * _FULL_SCALE).astype("<i2").tobytes()
        self._file.write(data)
        self.sizes.append(len(data))

    def end(self, error: BaseException | None = None) -> None:
        """That was all, or: there will be no more because of `error`, which whoever hears it comes to."""
        self._file.close()
        self.sizes.end(error)


class GrowingSound:
    """A mono recording of 16 bits at `rate_hz`, kept in a temporary file; a `Sound` like every other.

    What is there already is heard at once, `writer` gives more, from another thread. `duration_s` and `file` wait for
    the end. The file goes with this object.
    """

    def __init__(self, rate_hz: int, name: str = "the spoken text") -> None:
        self.rate_hz, self.name = rate_hz, name
        self._kept = KeptFile(".pcm")
        self.writer = SoundWriter(self._kept.path)
        weakref.finalize(self, self.writer.forgotten.set)

    @property
    def has_ended(self) -> bool:
        """Whether all of it is there."""
        return self.writer.sizes.has_ended

    @property
    def info(self) -> AudioInfo:
        """Of what kind it is; how long it will last is not known."""
        return AudioInfo(0.0, self.rate_hz, 1, "pcm_s16le")

    @property
    def duration_s(self) -> float:
        return sum(self.writer.sizes.wait()) / _SAMPLE_BYTES / self.rate_hz

    def pcm(self, stopped: threading.Event | None = None) -> Iterator[bytes]:
        """Little-endian samples as they come, to the end or until `stopped` is set."""
        with self._kept.path.open("rb") as file:
            for size in self.writer.sizes.until(stopped or threading.Event()):
                left = size
                while left and (data := file.read(min(left, _BLOCK_BYTES))):
                    left -= len(data)
                    yield data

    def pieces(self, lengths: Iterable[int]) -> Iterator[Floats]:
        """The sound in pieces of so many samples, which must have been written when their lengths are given."""
        with self._kept.path.open("rb") as file:
            for length in lengths:
                yield _floats(file.read(length * _SAMPLE_BYTES))

    def blocks(self, rate_hz: int) -> Iterator[Floats]:
        stream = Resampler(self.rate_hz, rate_hz)
        for data in self.pcm():
            yield stream.push(_floats(data))
        yield stream.finish()

    @contextmanager
    def file(self) -> Iterator[Path]:
        import soundfile

        with temporary_folder() as folder:
            path = folder / "sound.wav"
            with soundfile.SoundFile(path, "w", self.rate_hz, 1, "PCM_16") as out:
                for data in self.pcm():
                    out.write(np.frombuffer(data, "<i2"))
            yield path


class SoundPipe:
    """A `GrowingSound` on its way into ffmpeg, through a pipe and from a thread of its own.

    `arguments` name it as an input; `ends` are the descriptors that ffmpeg inherits. `start` once it runs.
    """

    def __init__(self, sound: GrowingSound) -> None:
        self._sound, self._stopped = sound, threading.Event()
        self._read, self._write = os.pipe()
        self._thread = threading.Thread(target=self._feed, name="talkinghead-sound", daemon=True)
        self._started = False

    @property
    def ends(self) -> tuple[int, ...]:
        return (self._read,)

    @property
    def arguments(self) -> list[str]:
        return ["-f", "s16le", "-ar", str(self._sound.rate_hz), "-ac", "1", "-i", f"pipe:{self._read}"]

    def start(self) -> None:
        """Feed it."""
        os.close(self._read)  # ffmpeg has its own: where that ends, writing is to fail
        self._started = True
        self._thread.start()

    def stop(self) -> None:
        """Feed it no more; harmless after the end."""
        self._stopped.set()
        if not self._started:
            os.close(self._read)
            os.close(self._write)
            self._started = True

    def _feed(self) -> None:
        # Where making the sound fails, whoever draws comes to the error, too, and says it.
        with contextlib.suppress(Exception), open(self._write, "wb", buffering=0) as pipe:  # noqa: PTH123
            for data in self._sound.pcm(self._stopped):
                pipe.write(data)


def _floats(data: bytes) -> Floats:
    return np.asarray(np.frombuffer(data, "<i2") / 2**15, np.float32)
