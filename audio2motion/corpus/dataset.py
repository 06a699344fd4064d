"""A corpus as training examples: crops of fixed length, shuffled shard by shard so that memory stays small."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset, Sampler

from audio2motion.config import MOTION_RATE_HZ, SAMPLES_PER_FRAME
from audio2motion.corpus.build import CorpusInfo
from audio2motion.errors import Audio2MotionError

_SHARDS_AT_ONCE = 48


class Example(NamedTuple):
    """`samples` (N,) float32; `motion` (T, C) float32; `visemes` (T,) int64, -100 where unknown.

    The sound goes on after the last frame of motion, far enough for a model to hear ahead.
    """

    samples: torch.Tensor
    motion: torch.Tensor
    visemes: torch.Tensor


class _Shard(NamedTuple):
    samples: npt.NDArray[np.int16]
    sample_ends: npt.NDArray[np.int64]
    motion: npt.NDArray[np.float16]
    motion_ends: npt.NDArray[np.int64]
    visemes: npt.NDArray[np.int8]


@lru_cache(maxsize=_SHARDS_AT_ONCE)
def _load(path: Path) -> _Shard:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            return _Shard(*(data[name] for name in _Shard._fields))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise Audio2MotionError(f"the shard {path} is damaged: delete it and make the corpus again ({error})") from None


class CorpusDataset(Dataset[Example]):
    """Crops of `crop_s` seconds; `ahead` extra frames of sound follow each, and motion is that of `lead` frames later.

    `folders` are corpora with the same channels; every `holdout`-th shard belongs to the validation part.
    """

    def __init__(
        self,
        folders: list[Path],
        *,
        crop_s: float,
        ahead: int,
        lead: int = 0,
        validation: bool = False,
        holdout: int = 20,
        seed: int = 0,
    ) -> None:
        infos = [CorpusInfo.read(folder) for folder in folders]
        if len({info.channels for info in infos}) != 1:
            raise Audio2MotionError("the corpora move different channels: train on one kind at a time")
        self.channels = infos[0].channels
        shards = [path for folder in folders for path in sorted(folder.glob("shard-*.npz"))]
        if not shards:
            raise Audio2MotionError(f"{folders[0]} holds no shards: finish it with `audio2motion corpus`")
        holdout = min(holdout, len(shards))
        picked = [p for i, p in enumerate(shards) if (i % holdout == holdout - 1) == validation or len(shards) == 1]
        self._frames, self._ahead, self._lead = round(crop_s * MOTION_RATE_HZ), ahead, lead
        self._validation, self._seed = validation, seed
        self.epoch = 0
        self.items: list[tuple[Path, int, int]] = []  # shard, take, crop within the take
        self.groups: list[list[int]] = []
        for path in picked:
            shard = _load(path)
            lengths = np.diff(shard.motion_ends, prepend=0)
            group = [(path, i, k) for i, n in enumerate(lengths) for k in range(max(1, round(n / self._frames)))]
            self.groups.append(list(range(len(self.items), len(self.items) + len(group))))
            self.items += group

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Example:
        path, take, crop = self.items[index]
        shard = _load(path)
        first, last = (int(shard.motion_ends[take - 1]) if take else 0), int(shard.motion_ends[take])
        rng = np.random.default_rng([self._seed, 0 if self._validation else self.epoch + 1, index])
        slack = max(0, last - first - self._frames)
        # Many crops start where a take starts: models must manage the beginning of a recording.
        at_grid = self._validation or rng.random() < 0.4
        start = min(crop * self._frames, slack) if at_grid else int(rng.integers(slack + 1))
        frames = slice(min(first + start + self._lead, last), min(first + start + self._lead + self._frames, last))
        motion = torch.zeros(self._frames, shard.motion.shape[1])
        visemes = torch.full((self._frames,), -100, dtype=torch.int64)
        count = frames.stop - frames.start
        motion[:count] = torch.from_numpy(shard.motion[frames].astype(np.float32))
        classes = shard.visemes[frames].astype(np.int64)
        visemes[:count] = torch.from_numpy(np.where(classes < 0, -100, classes))
        return Example(self._sound(shard, take, start, rng), motion, visemes)

    def _sound(self, shard: _Shard, take: int, start: int, rng: np.random.Generator) -> torch.Tensor:
        low, high = (int(shard.sample_ends[take - 1]) if take else 0), int(shard.sample_ends[take])
        low += start * SAMPLES_PER_FRAME
        wanted = (self._frames + self._ahead) * SAMPLES_PER_FRAME
        samples = np.zeros(wanted, np.float32)
        piece = shard.samples[low : min(low + wanted, high)].astype(np.float32) / 32768.0
        if not self._validation:
            piece = piece * np.float32(10 ** (rng.uniform(-10, 6) / 20) * rng.choice([-1.0, 1.0]))
        samples[: len(piece)] = piece.clip(-1, 1)
        return torch.from_numpy(samples)


class ShardSampler(Sampler[int]):
    """All crops once an epoch: shards in random order, crops shuffled among as many shards as stay in memory."""

    def __init__(self, dataset: CorpusDataset, seed: int) -> None:
        self._dataset, self._seed = dataset, seed

    def __len__(self) -> int:
        return len(self._dataset)

    def __iter__(self) -> Iterator[int]:
        rng = np.random.default_rng([self._seed, self._dataset.epoch])
        order = rng.permutation(len(self._dataset.groups))
        for at in range(0, len(order), _SHARDS_AT_ONCE):
            block = [item for shard in order[at : at + _SHARDS_AT_ONCE] for item in self._dataset.groups[shard]]
            yield from (block[i] for i in rng.permutation(len(block)))
