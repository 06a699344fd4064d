"""A recording, wherever it is: in a file, on standard input, in memory, or several at once.

sound = open_sound("speech.wav")        # or "-", a named pipe, (samples, rate), another Sound
sound.duration_s
for block in sound.blocks(16000): ...   # mono float32, as often as needed
with sound.file() as path: ...          # a file that holds it, for ffmpeg
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from talkinghead.core.errors import AudioError
from talkinghead.core.temporary import KeptFile, temporary_folder
from talkinghead.core.types import Floats
from talkinghead.media.audio import WHAT, AudioInfo, probe_audio, read_audio_blocks
from talkinghead.media.channels import ChannelMeter, mix_down
from talkinghead.media.ffmpeg import check_file
from talkinghead.media.resample import Resampler, as_floats
from talkinghead.media.stdin import keep_pipe, keep_stdin

_BLOCK_S = 1.0
_MIX_RATE_HZ = 48000


class Sound(Protocol):
    """A recording that can be heard as often as needed."""

    @property
    def name(self) -> str:
        """What messages and file names call it."""
        ...

    @property
    def duration_s(self) -> float:
        """How long it lasts, in seconds."""
        ...

    def blocks(self, rate_hz: int) -> Iterator[Floats]:
        """Mono float32 at `rate_hz`, about a second at a time."""
        ...

    def file(self) -> AbstractContextManager[Path]:
        """A file that holds it, for as long as the context lasts."""
        ...


SoundLike = str | Path | tuple[npt.ArrayLike, int] | Sound


def open_sound(source: SoundLike) -> Sound:
    """A recording from a path, "-" (standard input, read to its end), (samples, rate) or a Sound.

    Samples are (n,) or (n, channels), float32 in -1..1 or int16.

    Raises:
        AudioError: there is no such file, or no sound in it.
    """
    if isinstance(source, tuple):
        samples, rate_hz = source
        return SampledSound(samples, rate_hz)
    if not isinstance(source, str | Path):
        return source
    if str(source) == "-":
        return FileSound(keep_stdin(), "standard input")
    path = Path(source)
    return FileSound(keep_pipe(path) if path.is_fifo() else path, str(source))


class FileSound:
    """A sound file, or the sound track of a video file.

    Raises:
        AudioError: there is no file, no sound in it, or none of it can be read.
    """

    def __init__(self, file: Path | KeptFile, name: str | None = None) -> None:
        self._kept = file  # a kept file stays as long as this object does
        self.path = file.path if isinstance(file, KeptFile) else check_file(file, AudioError, WHAT)
        self.name = name or str(self.path)

    @property
    def is_kept(self) -> bool:
        """Whether the file is a temporary one, kept of what came as a stream."""
        return isinstance(self._kept, KeptFile)

    @cached_property
    def info(self) -> AudioInfo:
        """What the file says and holds."""
        return probe_audio(self.path, self.name)

    @property
    def duration_s(self) -> float:
        return self.info.duration_s

    def blocks(self, rate_hz: int) -> Iterator[Floats]:
        return read_audio_blocks(self.path, rate_hz, _BLOCK_S, self.name)

    def file(self) -> AbstractContextManager[Path]:
        return nullcontext(self.path)


def files_of(sound: Sound | None) -> tuple[Path, ...]:
    """The files that a sound is read from; what was kept of a stream is none."""
    if isinstance(sound, MixedSound):
        return sound.files
    return (sound.path,) if isinstance(sound, FileSound) and not sound.is_kept else ()


class SampledSound:
    """Samples in memory: (n,) or (n, channels), float or int16, at `rate_hz`.

    Raises:
        AudioError: there are none, they are not finite numbers, or their shape or type is another.
    """

    name = "the samples"

    def __init__(self, samples: npt.ArrayLike, rate_hz: int) -> None:
        given = np.asarray(samples)
        if given.ndim not in (1, 2) or not given.size:
            raise AudioError(f"samples have the shape {given.shape}: give (n,) or (n, channels), and at least one")
        if given.ndim == 2 and given.shape[1] > given.shape[0]:
            raise AudioError(f"samples have the shape {given.shape}: give (n, channels), not (channels, n)")
        if rate_hz < 1:
            raise AudioError(f"a sampling rate must be positive, not {rate_hz} Hz")
        self.rate_hz = int(rate_hz)
        # Sixteen bits in, sixteen bits out: the sound track is to be what was given.
        self._subtype = "PCM_16" if given.dtype == np.int16 else "FLOAT"
        self._samples = as_floats(given, self.name).reshape(len(given), -1)
        meter = ChannelMeter(self._samples.shape[1])
        meter.push(self._samples)
        self._channel = meter.choose()

    @property
    def duration_s(self) -> float:
        return len(self._samples) / self.rate_hz

    def blocks(self, rate_hz: int) -> Iterator[Floats]:
        stream = Resampler(self.rate_hz, rate_hz)
        length = round(_BLOCK_S * self.rate_hz) or 1
        for start in range(0, len(self._samples), length):
            yield stream.push(mix_down(self._samples[start : start + length], self._channel))
        yield stream.finish()

    @contextmanager
    def file(self) -> Iterator[Path]:
        import soundfile

        with temporary_folder() as folder:
            path = folder / "sound.wav"
            soundfile.write(path, self._samples, self.rate_hz, subtype=self._subtype)
            yield path


class SpokenSound(SampledSound):
    """What a text-to-speech engine made: written with 16 bits, as engines do."""

    name = "the spoken text"

    def __init__(self, samples: Floats, rate_hz: int) -> None:
        super().__init__(samples, rate_hz)
        self._subtype = "PCM_16"


class PaddedSound:
    """A recording, or None for silence, brought to a length of `duration_s`."""

    def __init__(self, sound: Sound | None, duration_s: float) -> None:
        self._sound, self.duration_s = sound, duration_s
        self.name = sound.name if sound else "silence"

    def blocks(self, rate_hz: int) -> Iterator[Floats]:
        left = round(self.duration_s * rate_hz)
        for block in self._sound.blocks(rate_hz) if self._sound else ():
            if left <= 0:
                return
            yield block[:left]
            left -= len(block[:left])
        length = round(_BLOCK_S * rate_hz)
        while left > 0:
            yield np.zeros(min(left, length), np.float32)
            left -= length

    @contextmanager
    def file(self) -> Iterator[Path]:
        with MixedSound([self], self.duration_s).file() as path:
            yield path


class MixedSound:
    """The sum of several recordings, padded to `duration_s`, in mono."""

    def __init__(self, sounds: Sequence[Sound], duration_s: float) -> None:
        self._parts = [PaddedSound(sound, duration_s) for sound in sounds]
        self.files = tuple(file for sound in sounds for file in files_of(sound))
        self.duration_s, self.name = duration_s, " and ".join(sound.name for sound in sounds)

    def blocks(self, rate_hz: int) -> Iterator[Floats]:
        streams = [_even(part.blocks(rate_hz), round(_BLOCK_S * rate_hz)) for part in self._parts]
        for blocks in zip(*streams, strict=True):
            # Voices that speak at once may add up beyond full scale: bend rather than clip.
            yield np.tanh(np.sum(blocks, axis=0)) if len(blocks) > 1 else blocks[0]

    @contextmanager
    def file(self) -> Iterator[Path]:
        import soundfile

        with temporary_folder() as folder:
            path = folder / "mixed.wav"
            with soundfile.SoundFile(path, "w", _MIX_RATE_HZ, 1, "PCM_16") as out:
                for block in self.blocks(_MIX_RATE_HZ):
                    out.write(block)
            yield path


def _even(blocks: Iterator[Floats], length: int) -> Iterator[Floats]:
    """Blocks regrouped so that two streams' blocks have the same lengths."""
    waiting = np.zeros(0, np.float32)
    for block in blocks:
        waiting = np.concatenate([waiting, block])
        while len(waiting) >= length:
            yield waiting[:length]
            waiting = waiting[length:]
    if len(waiting):
        yield waiting
