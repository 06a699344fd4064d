"""Training with accelerate: one CPU to many GPUs, mixed precision, checkpoints, resume, early stopping."""

from __future__ import annotations

import importlib.util
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

from audio2motion.config import MOTION_RATE_HZ, ModelConfig
from audio2motion.corpus.dataset import CorpusDataset, Example, ShardSampler
from audio2motion.errors import Audio2MotionError
from audio2motion.network.model import SpeechMotionModel, load_model, save_model
from audio2motion.training.losses import MotionLoss
from audio2motion.training.tuning import blended, reaching

STATE_FOLDER, HISTORY_FILE, SETTINGS_FILE = "state", "history.json", "training.json"


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """How to train. `minutes` and `epochs` both end it, whichever comes first; `patience` in epochs without gain.

    `lead`: motion frames (20 ms) by which lips are taught to move before the sound that they shape. `keep`: the share
    of the checkpoint that a run started from in the one that it leaves (see `audio2motion.training.tuning.blended`).
    """

    epochs: int = 20
    minutes: float | None = None
    batch_size: int = 16
    crop_s: float = 5.0
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.02
    warmup: float = 0.05
    clip: float = 1.0
    average: float = 0.997
    patience: int = 6
    seed: int = 0
    lead: int = 2
    workers: int = 0
    mixed_precision: str = "no"
    keep: float = 0.0


@dataclass
class Progress:
    """Where a run is; travels with its checkpoint."""

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    best: float = math.inf
    best_epoch: int = -1

    def state_dict(self) -> dict[str, Any]:
        return asdict(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


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
        try:
            from accelerate import Accelerator
            from accelerate.utils import DistributedDataParallelKwargs, set_seed
        except ImportError:
            raise Audio2MotionError("training needs accelerate: pip install 'talkinghead[train]'") from None

        if (folder / STATE_FOLDER).exists() and not resume:
            raise Audio2MotionError(f"{folder} holds a training run: go on with --resume, or choose another folder")
        self.folder, self.config = folder, config
        folder.mkdir(parents=True, exist_ok=True)
        self.accelerator = Accelerator(
            mixed_precision=config.mixed_precision,
            log_with=_tensorboard(),
            project_dir=str(folder),
            # Each look-ahead has a bridge of its own, and a step uses one of them.
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
        )
        # Of many processes one speaks.
        self._say = report if self.accelerator.is_main_process else lambda _: None
        set_seed(config.seed)
        ahead = model_config.look_ahead + round(model_config.encoder.settle_s * MOTION_RATE_HZ) + 6
        self.train_set = CorpusDataset(corpora, crop_s=config.crop_s, ahead=ahead, lead=config.lead, seed=config.seed)
        held_out = CorpusDataset(corpora, crop_s=config.crop_s, ahead=ahead, lead=config.lead, validation=True)
        _check_channels(model_config, self.train_set.channels)
        sampler = ShardSampler(self.train_set, config.seed)
        options: dict[str, Any] = {
            "batch_size": config.batch_size,
            "collate_fn": collate,
            "num_workers": config.workers,
        }
        train = DataLoader(
            self.train_set, sampler=sampler, drop_last=len(self.train_set) > config.batch_size, **options
        )
        model = SpeechMotionModel(model_config)
        first = None if init is None else _first(init, model_config)
        if first is not None:
            model.load_state_dict(first.state_dict())
        elif config.keep:
            raise Audio2MotionError("there is nothing to keep: name the checkpoint to start from (--init)")
        self.kept = first if config.keep else None
        weights = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(weights, lr=config.learning_rate, weight_decay=config.weight_decay)
        self.model, self.optimizer, self.train_loader, self.test_loader = self.accelerator.prepare(
            model, optimizer, train, DataLoader(held_out, **options)
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
        self.history = json.loads((self.folder / HISTORY_FILE).read_text())

    def _agreed(self, seconds: float) -> float:
        """The first process's time for all: one that stopped a step early would leave the others waiting for it."""
        if self.accelerator.num_processes == 1:
            return seconds
        from accelerate.utils import broadcast

        return float(broadcast(torch.tensor([seconds], dtype=torch.float64, device=self.accelerator.device))[0])

    def _share(self) -> float:
        """How much of the run is over, 0..1: by epochs or by time, whichever is further."""
        total = self.config.epochs * max(1, len(self.train_loader))
        by_time = self.progress.seconds / (60 * self.config.minutes) if self.config.minutes else 0.0
        return min(1.0, max(self.progress.step / total, by_time))

    def _rate(self) -> float:
        """Linear warm-up, then a half cosine to zero."""
        share, warmup = self._share(), self.config.warmup
        if share < warmup:
            return self.config.learning_rate * max(share / warmup, 0.02)
        return self.config.learning_rate * 0.5 * (1 + math.cos(math.pi * (share - warmup) / (1 - warmup)))

    def run(self) -> Path:
        """Train to the end; returns the folder, which then holds the best model's config.json and weights."""
        while self.progress.epoch < self.config.epochs and self._share() < 1:
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
            if self._share() >= 1:
                break
        row = {name: value / max(steps, 1) for name, value in sums.items()}
        row |= {"train": sum(row.values()), "validation": self._validate(), "rate": self._rate()}
        row |= {"epoch": self.progress.epoch, "minutes": self.progress.seconds / 60}
        self.history.append(row)
        self.accelerator.log(row, step=self.progress.step)
        self._say(f"epoch {self.progress.epoch}: loss {row['train']:.4f}, held out {row['validation']:.4f}, "
                  f"{row['minutes']:.1f} min")  # fmt: skip

    def _step(self, batch: Example) -> dict[str, float]:
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate()
        # Every third step at the short look-ahead.
        terms = self._terms(self.model, batch, quick=self.progress.step % 3 == 2)
        self.accelerator.backward(torch.stack(list(terms.values())).sum())
        self.accelerator.clip_grad_norm_(self.model.parameters(), self.config.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.mean.update_parameters(self.accelerator.unwrap_model(self.model))
        self.progress.step += 1
        return {name: float(value.detach()) for name, value in terms.items()}

    def _terms(self, model: torch.nn.Module, batch: Example, quick: bool) -> dict[str, torch.Tensor]:
        inner = self.accelerator.unwrap_model(self.model)
        output, _ = model(batch.samples, inner.start(len(batch.samples), quick))
        return self.loss(output, batch.motion, batch.visemes)

    @torch.no_grad()
    def _validate(self) -> float:
        self.mean.eval()
        totals = []
        for batch in self.test_loader:
            total = torch.stack(list(self._terms(self.mean, batch, quick=False).values())).sum()
            totals.append(self.accelerator.gather(total.reshape(1)))
        return float(torch.cat(totals).mean())

    def _keep(self, best: bool) -> None:
        self.accelerator.save_state(str(self.folder / STATE_FOLDER))
        if self.accelerator.is_main_process:
            (self.folder / HISTORY_FILE).write_text(json.dumps(self.history, indent=1) + "\n")
            if best:
                assert isinstance(self.mean.module, SpeechMotionModel)
                model = self.mean.module
                save_model(model if self.kept is None else blended(model, self.kept, self.config.keep), self.folder)


def _first(folder: Path, config: ModelConfig) -> SpeechMotionModel:
    """The checkpoint in `folder`, made to hear as far ahead as `config` says."""
    model = load_model(folder)
    return model if model.config == config else reaching(model, config)


def _running_mean(decay: float) -> Callable[[torch.Tensor, torch.Tensor, torch.Tensor | int], torch.Tensor]:
    """Exponential mean that forgets the first steps quickly."""

    def update(mean: torch.Tensor, value: torch.Tensor, count: torch.Tensor | int) -> torch.Tensor:
        kept = min(decay, (1 + float(count)) / (10 + float(count)))
        return mean.lerp(value, 1 - kept)

    return update


def _tensorboard() -> list[str]:
    return ["tensorboard"] if importlib.util.find_spec("tensorboard") else []


def _check_channels(config: ModelConfig, channels: tuple[str, ...]) -> None:
    if config.output == "blendshapes" and config.channels != channels:
        raise Audio2MotionError(
            f"the corpus moves {len(channels)} channels, the model {len(config.channels)}: they must be the same"
        )


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

    `init`: a checkpoint to start from, whose config `model_config` must be, but for how far it hears ahead.
    """
    return Trainer(corpora, folder, model_config, config, resume, report, init).run()


def plot_history(folder: Path, picture: Path) -> None:
    """Draw a run's losses as a PNG."""
    # The object interface leaves pyplot's global state, and whoever uses it, alone.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    history = json.loads((folder / HISTORY_FILE).read_text())
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name in ("train", "validation", "opening", "velocity", "shape", "width", "viseme"):
        if name in history[0]:
            axes.plot([row["minutes"] for row in history], [row[name] for row in history], label=name)
    axes.set(xlabel="minutes", ylabel="loss", yscale="log")
    axes.legend()
    figure.savefig(picture, dpi=110)
