"""What the model is trained to get right: the shapes, the opening and width they make, their speed, the sounds."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from audio2motion.network.model import Output
from audio2motion.phones import VISEMES
from audio2motion.targets import opening_weights, width_weights

_LIPS, _SILENCE = VISEMES.index("p b m"), VISEMES.index("silence")
_ABOUT = 15


@dataclass(frozen=True, slots=True)
class LossWeights:
    """Weights of the terms; `closed` multiplies the opening's error where lips must touch."""

    shape: float = 1.0
    opening: float = 4.0
    width: float = 6.0
    velocity: float = 2.0
    viseme: float = 0.1
    voice_activity: float = 0.2
    closed: float = 1.5


class MotionLoss(nn.Module):
    """Terms over a prediction (B, T, C) and its target; `channels` None: implicit keypoints, no lips' measures."""

    opening: torch.Tensor
    width: torch.Tensor

    def __init__(self, channels: tuple[str, ...] | None, weights: LossWeights | None = None) -> None:
        super().__init__()
        self.weights = weights or LossWeights()
        opening, width = (
            (opening_weights(channels), width_weights(channels)) if channels else (torch.zeros(0), torch.zeros(0))
        )
        self.register_buffer("opening", torch.as_tensor(opening))
        self.register_buffer("width", torch.as_tensor(width))

    def forward(self, output: Output, motion: torch.Tensor, visemes: torch.Tensor) -> dict[str, torch.Tensor]:
        """Named terms, already weighted; their sum is the loss. `motion` (B, T, C) is NaN where unknown,
        `visemes` (B, T) negative."""
        w = self.weights
        steps = min(output.motion.shape[1], motion.shape[1])
        said, wanted, classes = output.motion[:, :steps].float(), motion[:, :steps], visemes[:, :steps]
        terms = self._voice_activity(output.voice_activity[:, :steps].float(), classes)
        # Where lips are unknown (noise, a lost face), there is nothing to learn from.
        known = wanted.isfinite().all(2)
        said, wanted = said * known[:, :, None], wanted.nan_to_num() * known[:, :, None]
        classes = classes.masked_fill(~known, -100)
        terms["shape"] = w.shape * nn.functional.mse_loss(said, wanted)
        terms["velocity"] = w.velocity * nn.functional.mse_loss(said.diff(dim=1), wanted.diff(dim=1))
        if len(self.opening):
            emphasis = 1 + (w.closed - 1) * (classes == _LIPS)
            gap = (said - wanted) @ self.opening
            terms["opening"] = w.opening * (emphasis * gap.square()).mean()
            terms["velocity"] = terms["velocity"] + w.velocity * gap.diff(dim=1).square().mean()
            terms["width"] = w.width * ((said - wanted) @ self.width).square().mean()
        logits = output.visemes[:, :steps].float().flatten(0, 1)
        if (classes >= 0).any():
            terms["viseme"] = w.viseme * nn.functional.cross_entropy(logits, classes.flatten())
        return terms

    def _voice_activity(self, log_odds: torch.Tensor, classes: torch.Tensor) -> dict[str, torch.Tensor]:
        """The term of voice activity: is there speech within `_ABOUT` steps? Only where sounds are known."""
        if not (classes >= 0).any():
            return {}
        spoken = nn.functional.max_pool1d((classes > _SILENCE).float(), 2 * _ABOUT + 1, 1, _ABOUT)
        error = nn.functional.binary_cross_entropy_with_logits(log_odds, spoken, reduction="none")
        return {"voice_activity": self.weights.voice_activity * error[classes >= 0].mean()}
