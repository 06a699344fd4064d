"""Training with accelerate: one CPU to many GPUs, mixed precision, checkpoints, resume, early stopping."""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader

from audio2motion.config import MOTION_RATE_HZ, ModelConfig
from audio2motion.corpus.dataset import CorpusDataset, Example, ShardSampler
from audio2motion.errors import Audio2MotionError
from audio2motion.network.model import SpeechMotionModel, load_model, save_model
from audio2motion.training.history import read_history, write_history
from audio2motion.training.losses import MotionLoss
from audio2motion.training.settings import Progress, TrainConfig, learning_rate
from audio2motion.training.tuning import extend_look_ahead, interpolate_weights

if TYPE_CHECKING:
    from accelerate import Accelerator

__all__ = ["STATE_FOLDER", "TrainConfig", "Trainer", "train"]

STATE_FOLDER, SETTINGS_FILE = "state", "training.json"
_LOW_LATENCY_EVERY = 3  # every third step is taken at the short look-ahead
_MARGIN = 6  # motion frames of sound beyond the look-ahead that features and convolutions reach


def collate(examples: list[Example]) -> Example:
    """Examples to one batch."""
    return Example(*(torch.stack(parts) for parts in zip(*examples)))


class Trainer:
    """One training run into one folder."""

    def __init__(
        self,
        corpora: list[Path],
        folder: Path,
        model_config: ModelConfig,
        config: TrainConfig,
        resume: bool = False,
        report: Callable[[str], None] = print,
        init: Path | None = None,
    ) -> None:
        if (folder / STATE_FOLDER).exists() and not resume:
            raise Audio2MotionError(f"{folder} holds a training run: go on with --resume, or choose another folder")
        self.folder, self.config = folder, config
        self.accelerator = _accelerator(folder, config)
        # Of many processes one speaks.
        self._say = report if self.accelerator.is_main_process else lambda _: None
        self.train_set, train, held_out = _loaders(corpora, model_config, config)
        model, self.kept = _models(model_config, config, init)
        weights = [p for p in model.parameters() if p.requires_grad]
        fused = self.accelerator.device.type in ("cpu", "cuda")  # others may not know it
        optimizer = torch.optim.AdamW(weights, config.learning_rate, weight_decay=config.weight_decay, fused=fused)
        self.model, self.optimizer, self.train_loader, self.test_loader = self.accelerator.prepare(
            model, optimizer, train, held_out
        )
        channels = model_config.channels if model_config.output == "blendshapes" else None
        self.loss = MotionLoss(channels).to(self.accelerator.device)
        # The exponential mean of the weights is what is kept: smoother, and better than the last step's.
        self.mean = torch.optim.swa_utils.AveragedModel(
            self.accelerator.unwrap_model(self.model), avg_fn=_running_mean(config.average)
        )
        self.progress = Progress()
        self.history: list[dict[str, float]] = []
        self.accelerator.register_for_checkpointing(self.progress, self.mean)
        if resume:
            self._resume()
        self.accelerator.init_trackers("tensorboard")
        (folder / SETTINGS_FILE).write_text(json.dumps(asdict(config), indent=1) + "\n")

    def _resume(self) -> None:
        state = self.folder / STATE_FOLDER
        if not state.is_dir():
            raise Audio2MotionError(f"{self.folder} holds no training run to resume")
        self.accelerator.load_state(str(state))
        self.history = read_history(self.folder)

    def _agreed(self, seconds: float) -> float:
        """The first process's time for all: one that stopped a step early would leave the others waiting for it."""
        if self.accelerator.num_processes == 1:
            return seconds
        from accelerate.utils import broadcast

        return float(broadcast(torch.tensor([seconds], dtype=torch.float64, device=self.accelerator.device))[0])

    @property
    def _share(self) -> float:
        return self.progress.share(self.config, len(self.train_loader))

    def run(self) -> Path:
        """Train to the end; returns the folder, which then holds the best model's config.json and weights."""
        while self.progress.epoch < self.config.epochs and self._share < 1:
            self._epoch()
            gain = self.history[-1]["validation"] < self.progress.best
            if gain:
                self.progress.best, self.progress.best_epoch = self.history[-1]["validation"], self.progress.epoch
            self.progress.epoch += 1
            self._keep(gain)
            if self.progress.epoch - self.progress.best_epoch > self.config.patience:
                self._say(f"no gain for {self.config.patience} epochs: stopped early")
                break
        self.accelerator.end_training()
        return self.folder

    def _epoch(self) -> None:
        self.train_set.epoch = self.progress.epoch
        self.model.train()
        sums: dict[str, float] = {}
        steps = 0
        for batch in self.train_loader:
            began = time.monotonic()
            for name, value in self._step(batch).items():
                sums[name] = sums.get(name, 0.0) + value
            steps += 1
            self.progress.seconds = self._agreed(self.progress.seconds + time.monotonic() - began)
            if self._share >= 1:
                break
        row = {name: value / max(steps, 1) for name, value in sums.items()}
        rate = learning_rate(self.config, self._share)
        row |= {"train": sum(row.values()), "validation": self._validate(), "rate": rate}
        row |= {"epoch": self.progress.epoch, "minutes": self.progress.seconds / 60}
        self.history.append(row)
        self.accelerator.log(row, step=self.progress.step)
        self._say(f"epoch {self.progress.epoch}: loss {row['train']:.4f}, held out {row['validation']:.4f}, "
                  f"{row['minutes']:.1f} min")  # fmt: skip

    def _step(self, batch: Example) -> dict[str, float]:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, self._share)
        low_latency = self.progress.step % _LOW_LATENCY_EVERY == _LOW_LATENCY_EVERY - 1
        terms = self._terms(self.model, batch, low_latency)
        self.accelerator.backward(torch.stack(list(terms.values())).sum())
        self.accelerator.clip_grad_norm_(self.model.parameters(), self.config.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.mean.update_parameters(self.accelerator.unwrap_model(self.model))
        self.progress.step += 1
        return {name: float(value.detach()) for name, value in terms.items()}

    def _terms(self, model: torch.nn.Module, batch: Example, low_latency: bool) -> dict[str, torch.Tensor]:
        inner = self.accelerator.unwrap_model(self.model)
        output, _ = model(batch.samples, inner.start(len(batch.samples), low_latency))
        terms: dict[str, torch.Tensor] = self.loss(output, batch.motion, batch.visemes)
        return terms

    @torch.no_grad()
    def _validate(self) -> float:
        self.mean.eval()
        totals = []
        for batch in self.test_loader:
            total = torch.stack(list(self._terms(self.mean, batch, low_latency=False).values())).sum()
            totals.append(self.accelerator.gather(total.reshape(1)))
        return float(torch.cat(totals).mean())

    def _keep(self, best: bool) -> None:
        self.accelerator.save_state(str(self.folder / STATE_FOLDER))
        if self.accelerator.is_main_process:
            write_history(self.folder, self.history)
            if best:
                assert isinstance(self.mean.module, SpeechMotionModel)
                model = self.mean.module
                if self.kept is not None:
                    model = interpolate_weights(model, self.kept, self.config.keep)
                save_model(model, self.folder)


def _accelerator(folder: Path, config: TrainConfig) -> Accelerator:
    try:
        from accelerate import Accelerator
        from accelerate.utils import DistributedDataParallelKwargs, set_seed
    except ImportError:
        raise Audio2MotionError("training needs accelerate: pip install 'talkinghead[train]'") from None
    folder.mkdir(parents=True, exist_ok=True)
    accelerator = Accelerator(
        mixed_precision=config.mixed_precision,
        log_with=["tensorboard"] if importlib.util.find_spec("tensorboard") else [],
        project_dir=str(folder),
        # Each look-ahead has a bridge of its own, and a step uses one of them.
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )
    set_seed(config.seed)
    return accelerator


def _loaders(
    corpora: list[Path], model_config: ModelConfig, config: TrainConfig
) -> tuple[CorpusDataset, DataLoader[Example], DataLoader[Example]]:
    """The training set, and what loads it and the part that is held out."""
    ahead = model_config.look_ahead + round(model_config.encoder.settle_s * MOTION_RATE_HZ) + _MARGIN
    train = CorpusDataset(corpora, crop_s=config.crop_s, ahead=ahead, lead=config.lead, seed=config.seed)
    held_out = CorpusDataset(corpora, crop_s=config.crop_s, ahead=ahead, lead=config.lead, validation=True)
    if model_config.output == "blendshapes" and model_config.channels != train.channels:
        raise Audio2MotionError(
            f"the corpus moves {len(train.channels)} channels, the model {len(model_config.channels)}: "
            "they must be the same"
        )
    options: dict[str, Any] = {
        "batch_size": config.batch_size,
        "collate_fn": collate,
        "num_workers": config.workers,
    }
    sampler = ShardSampler(train, config.seed)
    loader = DataLoader(train, sampler=sampler, drop_last=len(train) > config.batch_size, **options)
    return train, loader, DataLoader(held_out, **options)


def _models(
    model_config: ModelConfig, config: TrainConfig, init: Path | None
) -> tuple[SpeechMotionModel, SpeechMotionModel | None]:
    """The model to train, and the one whose share of the weights is kept in the end."""
    model = SpeechMotionModel(model_config)
    if init is None:
        if config.keep:
            raise Audio2MotionError("there is nothing to keep: name the checkpoint to start from (--init)")
        return model, None
    first = load_model(init)
    if first.config != model_config:
        first = extend_look_ahead(first, model_config)
    model.load_state_dict(first.state_dict())
    return model, first if config.keep else None


def _running_mean(decay: float) -> Callable[[torch.Tensor, torch.Tensor, torch.Tensor | int], torch.Tensor]:
    """Exponential mean that forgets the first steps quickly."""

    def update(mean: torch.Tensor, value: torch.Tensor, count: torch.Tensor | int) -> torch.Tensor:
        kept = min(decay, (1 + float(count)) / (10 + float(count)))
        return mean.lerp(value, 1 - kept)

    return update


def train(
    corpora: list[Path],
    folder: Path,
    model_config: ModelConfig,
    config: TrainConfig,
    *,
    resume: bool = False,
    report: Callable[[str], None] = print,
    init: Path | None = None,
) -> Path:
    """Train a model on corpora into `folder`; see `TrainConfig`. Returns the folder.

    `init`: a checkpoint to start from, whose config `model_config` must be, but for its look-ahead.
    """
    return Trainer(corpora, folder, model_config, config, resume, report, init).run()
