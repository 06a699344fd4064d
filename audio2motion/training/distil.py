"""Distilling the embedded speech encoder into a small Wav2Vec2 of our own, on synthesised speech and recordings.

The student hears windows of one to three seconds, as it will in a stream, and tells the features that the encoder found
with all of a take before it. Its teacher's takes come while it learns: it begins with the first ones.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from audio2motion.config import SAMPLE_RATE_HZ
from audio2motion.network.layout import MOONSHINE_HOP, MOONSHINE_SIZE, MOONSHINE_WINDOW
from audio2motion.training.distil_settings import DistilConfig
from audio2motion.training.distil_takes import Heard, Takes
from audio2motion.training.student import make_student, normalised, save_student, student_frames, teacher_places

REPORT_FILE = "distilled.json"
_FETCH_EVERY = 16  # steps: to fetch takes, the device waits
_SYNCHRONISED_EVERY = 8  # steps: the clock is the device's, not its queue's


class Store:
    """Takes on a device: sound (K, n) int16 and features (K, T, 288) float16, filled one after the other."""

    def __init__(self, most: int, take_s: float, device: torch.device) -> None:
        samples = round(take_s * SAMPLE_RATE_HZ)
        frames = (samples - MOONSHINE_WINDOW) // MOONSHINE_HOP + 1
        self.sound = torch.zeros(most, samples, dtype=torch.int16, device=device)
        self.features = torch.zeros(most, frames, MOONSHINE_SIZE, dtype=torch.float16, device=device)
        self.takes = self.human = 0

    @property
    def full(self) -> bool:
        return self.takes == len(self.sound)

    def add(self, heard: list[Heard]) -> None:
        """Keep these takes, as far as there is room."""
        for take in heard[: len(self.sound) - self.takes]:
            self.sound[self.takes] = torch.from_numpy(take.sound)
            self.features[self.takes] = torch.from_numpy(take.features)
            self.takes, self.human = self.takes + 1, self.human + take.human

    def moments(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and spread (288,) of the features so far."""
        rows = self.features[: self.takes].float().flatten(0, 1)
        return rows.mean(0), rows.std(0) + 1e-3

    def windows(self, take: torch.Tensor, start: torch.Tensor, samples: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Windows (B, samples) from sample `start` (B,) of `take` (B,) on, and the features (B, T, 288) at the times of
        the student's frames."""
        at = start[:, None] + torch.arange(samples, device=start.device)
        sound = self.sound[take[:, None], at].float() / 32768
        places = teacher_places(start, student_frames(samples)).clamp(0, self.features.shape[1] - 1)
        low = places.floor().long()
        high, part = (low + 1).clamp(max=self.features.shape[1] - 1), (places - low)[:, :, None]
        before, after = self.features[take[:, None], low].float(), self.features[take[:, None], high].float()
        return sound, before * (1 - part) + after * part

    def some(self, batch: int, samples: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Windows from anywhere in any take."""
        device = self.sound.device
        take = torch.randint(self.takes, (batch,), device=device)
        start = torch.randint(self.sound.shape[1] - samples + 1, (batch,), device=device)
        return self.windows(take, start, samples)


def distance(told: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """L1 and cosine distance between normalised features (B, T, 288)."""
    l1 = (told - wanted).abs().mean()
    return l1 + (1 - nn.functional.cosine_similarity(told, wanted, dim=2)).mean()


class Distiller:
    """One run, from the first take to the checkpoint."""

    def __init__(
        self, config: DistilConfig, folder: Path, device: torch.device, began: float, say: Callable[[str], None]
    ) -> None:
        self.config, self.folder, self.device, self._say = config, folder, device, say
        self._began = began
        self._ends = self._began + 60 * config.minutes
        torch.manual_seed(config.takes.seed)
        self.store = Store(self._most(config.hours * 3600), config.takes.take_s, device)
        self.student = make_student(config.student, MOONSHINE_SIZE).to(device)
        self.student.eval()  # nothing in it is left to chance
        self._optimizer = torch.optim.AdamW(self.student.parameters(), lr=config.learning_rate, betas=(0.9, 0.98),
                                            weight_decay=config.weight_decay,
                                            fused=device.type == "cuda")  # fmt: skip
        self._mean = self._spread = torch.zeros(0)
        self.history: list[dict[str, float]] = []
        self.steps = 0

    def _most(self, seconds: float) -> int:
        return max(1, round(seconds / self.config.takes.take_s))

    def run(self, takes: Takes) -> None:
        """Learn from takes as they come, until it is time to save."""
        held_out = self._held_out(takes)
        self._say(f"{time.monotonic() - self._began:.0f} s: held-out takes are there")
        patient = self._began + 0.25 * (self._ends - self._began)
        while self.store.takes < min(self.config.first, len(self.store.sound)):
            if self.store.takes > 1 and time.monotonic() > patient:
                break
            self.store.add(takes.ready(64))
            time.sleep(0.05)
        self._mean, self._spread = self.store.moments()
        first, saved = time.monotonic(), time.monotonic()
        last_s = max(2.0, 0.04 * (self._ends - first))  # for what comes after the last step
        self._say(f"{first - self._began:.0f} s: begins with {self.store.takes} takes")
        losses: list[torch.Tensor] = []
        while (share := (time.monotonic() - first) / max(self._ends - last_s - first, 1e-3)) < 1:
            if not self.store.full and self.steps % _FETCH_EVERY == 0:
                self.store.add(takes.ready(4 * _FETCH_EVERY))
            losses.append(self._step(share))
            if time.monotonic() - saved > self.config.save_s:
                self._note(losses, held_out)
                self.save(held_out)
                losses, saved = [], time.monotonic()
        if losses or not self.history:
            self._note(losses, held_out)
        self.save(held_out)

    def _step(self, share: float) -> torch.Tensor:
        config = self.config
        warm, rest = share / config.warmup, (share - config.warmup) / (1 - config.warmup)
        rate = warm if warm < 1 else 0.5 * (1 + math.cos(math.pi * rest))
        for group in self._optimizer.param_groups:
            group["lr"] = config.learning_rate * max(rate, 1e-3)
        seconds = config.windows_s[self.steps % len(config.windows_s)]
        sound, features = self.store.some(max(1, round(config.batch_s / seconds)), round(seconds * SAMPLE_RATE_HZ))
        loss = distance(self.told(sound), (features - self._mean) / self._spread)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.student.parameters(), config.clip)
        self._optimizer.step()
        self._optimizer.zero_grad()
        self.steps += 1
        if self.device.type == "cuda" and self.steps % _SYNCHRONISED_EVERY == 0:
            torch.cuda.current_stream().synchronize()
        return loss.detach()

    def told(self, sound: torch.Tensor) -> torch.Tensor:
        """Normalised features (B, T, 288) that the student tells of windows (B, N)."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            logits: torch.Tensor = self.student(normalised(sound)).logits
        return logits.float()

    def _held_out(self, takes: Takes) -> dict[str, Store]:
        """What is compared: takes in other voices, and recordings that are not learnt from."""
        found = {}
        for name, human in (("espeak-ng", False), ("human", True)):
            if not human or self.config.takes.recordings is not None:
                found[name] = Store(self.config.held_out, self.config.takes.take_s, self.device)
                found[name].add(takes.held_out(self.config.held_out, human))
        return found

    @torch.no_grad()
    def agreement(self, store: Store) -> float:
        """Mean cosine between the told and the teacher's normalised features, in windows of the longest kind."""
        samples = round(max(self.config.windows_s) * SAMPLE_RATE_HZ)
        found = []
        for start in range(0, store.sound.shape[1] - samples + 1, samples):
            take = torch.arange(store.takes, device=self.device)
            sound, features = store.windows(take, torch.full_like(take, start), samples)
            wanted = (features - self._mean) / self._spread
            found.append(nn.functional.cosine_similarity(self.told(sound), wanted, dim=2).mean())
        return float(torch.stack(found).mean())

    def _note(self, losses: list[torch.Tensor], held_out: dict[str, Store]) -> None:
        row = {"seconds": time.monotonic() - self._began, "steps": float(self.steps),
               "hours": self.store.takes * self.config.takes.take_s / 3600}  # fmt: skip
        if losses:
            row["loss"] = float(torch.stack(losses).mean())
        row |= {f"cosine {name}": self.agreement(store) for name, store in held_out.items()}
        self.history.append(row)
        self._say(", ".join(f"{name} {value:.4g}" for name, value in row.items()))

    def save(self, held_out: dict[str, Store]) -> None:
        """Write the checkpoint, and the report of the run so far beside it."""
        save_student(self.student, self._mean, self._spread, self.folder)
        report = {
            "parameters": sum(p.numel() for p in self.student.parameters()),
            "human_share": self.store.human / self.store.takes,
            "held_out_minutes": {name: store.takes * self.config.takes.take_s / 60 for name, store in held_out.items()},
            **self.history[-1], "history": self.history, "config": asdict(self.config),
        }  # fmt: skip
        (self.folder / REPORT_FILE).write_text(json.dumps(report, indent=1, default=str) + "\n")


def distil(
    folder: Path, config: DistilConfig, takes: Takes, device: str = "auto", report: Callable[[str], None] = print
) -> Path:
    """Distil the embedded encoder into a Wav2Vec2 checkpoint in `folder`, with a report; returns the folder.

    `takes` are those of the same config; the run's minutes count from when they began to be made. Raises
    Audio2MotionError where espeak-ng, the embedded encoder or the recordings are missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    chosen = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        Distiller(config, folder, torch.device(device), takes.began, report).run(takes)
    finally:
        torch.backends.cudnn.benchmark = chosen
    return folder
