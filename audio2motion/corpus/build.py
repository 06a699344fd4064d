"""The synthetic corpus: hours of speech with the motion of its lips, in shards that any worker can make alone.

A corpus is a folder with `corpus.json` (what it is) and `shard-NNNNN.npz` files:

- `samples` (N,) int16 at 16 kHz, takes end to end; `sample_ends` (K,) where each take ends;
- `motion` (T, C) float16 at 50 Hz, channels as named in corpus.json, NaN where unknown; `motion_ends` (K,);
- `visemes` (T,) int8, index into `audio2motion.phones.VISEMES`, -1 where unknown (takes from video).

Sample k of a take's motion belongs to the time k / 50 s of its sound.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from audio2motion.arkit import BLENDSHAPE_INDEX
from audio2motion.coarticulation import viseme_classes
from audio2motion.corpus.processes import afresh
from audio2motion.corpus.sounds import RATE_HZ, Floats
from audio2motion.corpus.takes import SPEECHLESS_SHARE, Take, TakeMaker
from audio2motion.corpus.text import sentences
from audio2motion.corpus.voices import find_voices
from audio2motion.errors import Audio2MotionError
from audio2motion.targets import LIP_BLENDSHAPES, phones_to_blendshapes

FORMAT = 1
MOTION_RATE_HZ = 50
SHARD_S = 120.0
ENGINES: tuple[str, ...] = ("espeak-ng", "flite", "festival")


@dataclass(frozen=True, slots=True)
class CorpusInfo:
    """What `corpus.json` says."""

    channels: tuple[str, ...]
    seed: int | None
    engines: tuple[str, ...]
    voices: tuple[str, ...]
    shards: int
    shard_s: float
    format: int = FORMAT
    sample_rate_hz: int = RATE_HZ
    motion_rate_hz: int = MOTION_RATE_HZ

    @staticmethod
    def read(folder: Path) -> CorpusInfo:
        """The description of a corpus folder; Audio2MotionError where there is none or it is of another format."""
        path = folder / "corpus.json"
        try:
            values = json.loads(path.read_text())
            known: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
            info = CorpusInfo(**known)
        except (OSError, ValueError, TypeError) as error:
            raise Audio2MotionError(
                f"{folder} is not a corpus (make one with `audio2motion corpus`): {error}"
            ) from None
        if info.format != FORMAT:
            raise Audio2MotionError(f"{folder} is a corpus of format {info.format}, this version reads {FORMAT}")
        return info

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        _write_whole(folder / "corpus.json", json.dumps(asdict(self), indent=1).encode())


def _write_whole(path: Path, data: bytes) -> None:
    beside = path.with_name(path.name + ".part")
    beside.write_bytes(data)
    beside.replace(path)


def save_shard(
    path: Path,
    samples: list[Floats],
    motion: list[npt.NDArray[np.floating[Any]]],
    visemes: list[npt.NDArray[np.integer[Any]]],
) -> None:
    """Write one shard whole: per take the sound (N,) in -1..1, the motion (T, C) and the viseme classes (T,)."""
    beside = path.with_name(path.name + ".part")
    with beside.open("wb") as stream:
        np.savez(
            stream,
            samples=np.concatenate([np.round(s * 32767).astype(np.int16) for s in samples]),
            sample_ends=np.cumsum([len(s) for s in samples]),
            motion=np.concatenate(motion).astype(np.float16),
            motion_ends=np.cumsum([len(m) for m in motion]),
            visemes=np.concatenate(visemes).astype(np.int8),
        )
    beside.replace(path)


class StoredTake(NamedTuple):
    """Sound (N,) of a take, its `motion` (T, C), NaN where unknown, and `visemes` (T,) classes, -1 where unknown."""

    samples: Floats
    motion: Floats
    visemes: npt.NDArray[np.int64]

    def played(self, speed: float) -> StoredTake:
        """The same take played `speed` times as fast: the voice is as much higher, and lips move with it."""
        import soxr

        samples = soxr.resample(self.samples, RATE_HZ * speed, RATE_HZ).astype(np.float32)
        at = np.arange(len(samples) * MOTION_RATE_HZ // RATE_HZ + 1) * speed
        at = at[at <= len(self.motion) - 1]
        before = at.astype(np.int64)
        after, part = np.minimum(before + 1, len(self.motion) - 1), (at - before)[:, None].astype(np.float32)
        motion = self.motion[before] * (1 - part) + self.motion[after] * part
        return StoredTake(samples, motion, self.visemes[np.round(at).astype(np.int64)])


def read_takes(folder: Path) -> Iterator[StoredTake]:
    """Every take of a corpus, shard by shard.

    Raises Audio2MotionError for a shard that is damaged.
    """
    for path in sorted(folder.glob("shard-*.npz")):
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
                samples, motion, visemes = (data[name] for name in ("samples", "motion", "visemes"))
                ends = zip(data["sample_ends"].tolist(), data["motion_ends"].tolist())
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise Audio2MotionError(
                f"the shard {path} is damaged: delete it and make the corpus again ({error})"
            ) from None
        heard = seen = 0
        for sound_end, motion_end in ends:
            sound = samples[heard:sound_end].astype(np.float32) / 32768
            lips, classes = motion[seen:motion_end].astype(np.float32), visemes[seen:motion_end].astype(np.int64)
            yield StoredTake(sound, lips, classes)
            heard, seen = sound_end, motion_end


def take_motion(take: Take) -> tuple[Floats, npt.NDArray[np.int64]]:
    """The lips of a take: motion (T, 15) in the order of `LIP_BLENDSHAPES`, NaN in noise, and viseme classes (T,)."""
    seconds = len(take.samples) / RATE_HZ
    weights = phones_to_blendshapes(take.phones, MOTION_RATE_HZ, seconds, take.levels_db)
    lips = weights[:, [BLENDSHAPE_INDEX[name] for name in LIP_BLENDSHAPES]]
    lips[:] = np.nan if take.noise else lips
    return lips, viseme_classes(take.phones, MOTION_RATE_HZ, seconds)


def _make_shard(
    index: int, folder: Path, seed: int, shard_s: float, engines: tuple[str, ...], texts: Path | None, speechless: float
) -> int:
    rng = np.random.default_rng([seed, index])
    maker = TakeMaker(find_voices(engines), texts, speechless)
    takes: list[Take] = []
    while (left_s := shard_s - sum(len(t.samples) for t in takes) / RATE_HZ) > 0.5:
        takes.append(maker.make(rng, longest_s=max(min(16.0, left_s), 1.0)))
    motion = [take_motion(take) for take in takes]
    path = folder / f"shard-{index:05d}.npz"
    save_shard(path, [t.samples for t in takes], [m for m, _ in motion], [v for _, v in motion])
    return index


def _read_texts(languages: list[str], texts: Path | None) -> None:
    for language in languages:
        sentences(language, texts)


def make_corpus(
    folder: Path,
    hours: float,
    *,
    seed: int = 0,
    workers: int = 1,
    engines: tuple[str, ...] = ENGINES,
    texts: Path | None = None,
    speechless: float = SPEECHLESS_SHARE,
    progress: Callable[[int, int], None] | None = None,
) -> CorpusInfo:
    """Make (or finish) a corpus of `hours`; the same seed and engines give the same corpus however it was made.

    `engines` that are not installed are left out, and corpus.json says which were used; `texts`: a folder of
    `<language>*.txt` to read from; `speechless`: the share of takes that are silence, noise or music.
    `progress(done, total)` counts shards.
    """
    if hours <= 0:
        raise Audio2MotionError(f"a corpus needs a positive number of hours, not {hours}")
    total = max(1, round(hours * 3600 / SHARD_S))
    shard_s = min(SHARD_S, hours * 3600)
    voices = find_voices(engines)
    names = tuple(voice.name for group in voices.values() for voice in group)
    info = CorpusInfo(LIP_BLENDSHAPES, seed, tuple(voices), names, total, shard_s)
    if (folder / "corpus.json").exists():
        _check_same(CorpusInfo.read(folder), info, folder)
    info.write(folder)
    missing = [i for i in range(total) if not (folder / f"shard-{i:05d}.npz").exists()]
    done = total - len(missing)
    make = partial(
        _make_shard, folder=folder, seed=seed, shard_s=shard_s, engines=engines, texts=texts, speechless=speechless
    )
    if progress:
        progress(done, total)
    # Where there are few, they begin before all texts are read.
    many = len(missing) > 2 * workers
    languages = sorted({voice.language for group in voices.values() for voice in group} if many else ())
    with afresh(make, max(1, workers), partial(_read_texts, languages, texts)) as (pool, work):
        for _ in pool.imap_unordered(work, missing):
            done += 1
            if progress:
                progress(done, total)
    return info


def _check_same(found: CorpusInfo, wanted: CorpusInfo, folder: Path) -> None:
    """Audio2MotionError where the corpus that is in `folder` is not the one that is to be made there."""
    there, asked = asdict(found), asdict(wanted)
    for name in ("channels", "seed", "engines", "shard_s"):
        if there[name] != asked[name]:
            raise Audio2MotionError(
                f"{folder} holds a corpus with {name} {there[name]}, not {asked[name]}: choose another folder"
            )
