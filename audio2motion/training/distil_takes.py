"""What a student of the embedded speech encoder learns from: takes of speech, and what the encoder makes of each.

Takes are made and heard in processes of their own, which know no PyTorch. Those are synthesised by espeak-ng, as the
corpus's are, or cut from recordings of people; both go through the corpus's rooms, noises and codecs.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from itertools import count
from multiprocessing.pool import AsyncResult
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from audio2motion.config import SAMPLE_RATE_HZ
from audio2motion.corpus.sounds import Floats
from audio2motion.corpus.takes import TakeMaker
from audio2motion.corpus.voices import EspeakVoice, Voice, find_voices
from audio2motion.errors import Audio2MotionError
from audio2motion.network.moonshine import Moonshine
from audio2motion.training.distil_settings import TakesConfig

HELD_OUT_VARIANTS = ("m5", "f5")  # espeak-ng's voices that are not learnt from
_EVERY = 8  # of the recordings, one is held out
_SPEECHLESS = 0.08
_SUFFIXES = frozenset({".flac", ".mp3", ".ogg", ".opus", ".wav"})


class Heard(NamedTuple):
    """`sound` (n,) int16 at 16 kHz and its `features` (T, 288) float16: frame k is centred on sample 384 k + 447."""

    sound: npt.NDArray[np.int16]
    features: npt.NDArray[np.float16]
    human: bool


def recordings(folder: Path, held_out: bool) -> list[Path]:
    """The sound files of a folder that are learnt from, or those that are held out, every eighth.

    Raises Audio2MotionError where there are too few.
    """
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if len(found) < 2:
        raise Audio2MotionError(f"{folder} holds fewer than two recordings ({', '.join(sorted(_SUFFIXES))})")
    return [path for i, path in enumerate(found) if (i % _EVERY == 1) == held_out]


class Listener:
    """Makes takes and hears them as the embedded encoder does, each whole."""

    def __init__(self, config: TakesConfig, held_out: bool = False) -> None:
        voices: list[Voice] = [
            voice
            for voice in find_voices(("espeak-ng",))["espeak-ng"]
            if isinstance(voice, EspeakVoice) and (voice.variant in HELD_OUT_VARIANTS) == held_out
        ]
        self._config, self._held_out = config, held_out
        self._maker = TakeMaker({"espeak-ng": voices}, config.texts, 0.0 if held_out else _SPEECHLESS)
        self._files = [] if config.recordings is None else recordings(config.recordings, held_out)
        self._encoder = Moonshine.load()

    def take(self, number: int, human: bool | None = None) -> Heard:
        """Take `number`, of the same choices every time; `human`: from a recording or not, by default by chance.

        Recordings that are held out are heard as they are.
        """
        rng = np.random.default_rng([self._config.seed, int(self._held_out), number])
        if human is None:
            human = bool(self._files) and rng.random() < self._config.human
        if not human:
            samples = self._maker.make(rng, self._config.take_s, self._config.take_s).samples
        elif self._held_out:
            samples = self._cut(rng, 1.0)
        else:
            samples = self._maker.record(self._cut(rng, float(rng.uniform(0.8, 1.25))), [], rng).samples
        sound = np.round(samples.clip(-1, 1) * 32767).astype(np.int16)
        return Heard(sound, self._hear(sound.astype(np.float32) / np.float32(32768)), human)

    def _hear(self, sound: Floats) -> npt.NDArray[np.float16]:
        return np.asarray(self._encoder.whole(sound), np.float16)

    def _cut(self, rng: np.random.Generator, speed: float) -> Floats:
        """A take's worth of recordings, from anywhere in one of them on, played `speed` times as fast."""
        import soundfile
        import soxr

        wanted, parts = round(self._config.take_s * SAMPLE_RATE_HZ), [np.zeros(0, np.float32)]
        while (left := wanted - sum(map(len, parts))) > 0:
            with soundfile.SoundFile(self._files[int(rng.integers(len(self._files)))]) as file:
                rate = file.samplerate * speed
                frames = int(left / SAMPLE_RATE_HZ * rate) + file.samplerate // 10
                file.seek(int(rng.integers(max(1, file.frames - frames))))
                mono = file.read(frames, dtype="float32", always_2d=True).mean(1)
            parts.append(soxr.resample(mono, rate, SAMPLE_RATE_HZ).astype(np.float32))
        return np.concatenate(parts)[:wanted]


class _Process:
    """What a process keeps: its listeners, for what is learnt from and what is held out."""

    config = TakesConfig()
    folder = Path()
    listeners: ClassVar[dict[bool, Listener]] = {}


def _start(config: TakesConfig, folder: Path) -> None:
    os.nice(3)  # a process of our own, which only listens: the one that trains goes first
    _Process.config, _Process.folder = config, folder


def _take(number: int, held_out: bool = False, human: bool | None = None) -> Path:
    """The file of a take: a pipe full of takes would keep a process from ending."""
    if held_out not in _Process.listeners:
        _Process.listeners[held_out] = Listener(_Process.config, held_out)
    take = _Process.listeners[held_out].take(number, human)
    path = _Process.folder / f"{number}-{held_out:d}-{human}.npz"
    np.savez(path, **take._asdict())
    return path


def _read(path: Path) -> Heard:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
        take = Heard(data["sound"], data["features"], bool(data["human"]))
    path.unlink()
    return take


class Takes:
    """Takes that other processes make, without end; to be used in `with`, which ends those processes."""

    def __init__(self, config: TakesConfig, workers: int, ahead: int = 4) -> None:
        self.began = time.monotonic()
        if config.recordings is not None:
            recordings(config.recordings, False)  # what is wrong with them is said here
        self._folder = TemporaryDirectory(prefix="audio2motion-takes-")
        started = (config, Path(self._folder.name))
        self._pool = multiprocessing.get_context("spawn").Pool(workers, _start, started)
        self._numbers, self._ahead = count(), ahead * workers
        self._waiting: list[AsyncResult[Path]] = []
        self._made = self._failed = 0

    def held_out(self, most: int, human: bool) -> list[Heard]:
        """The first takes of those that are not learnt from; waits for them."""
        wanted = [(number, True, human) for number in range(most)]
        return list(map(_read, self._pool.starmap(_take, wanted, chunksize=1)))

    def __enter__(self) -> Takes:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.terminate()
        self._pool.join()
        self._folder.cleanup()

    def ready(self, most: int) -> list[Heard]:
        """The takes that are done, `most` at most; perhaps none.

        Raises what the processes raise, once more takes failed than were made.
        """
        while len(self._waiting) < self._ahead:
            self._waiting.append(self._pool.apply_async(_take, (next(self._numbers),)))
        takes: list[Heard] = []
        for result in [result for result in self._waiting if result.ready()][:most]:
            self._waiting.remove(result)
            try:
                takes.append(_read(result.get()))
            except Audio2MotionError:
                self._failed += 1
                if self._failed > self._made + len(takes):
                    raise
        self._made += len(takes)
        return takes
