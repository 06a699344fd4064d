"""Lips that nearly touch do touch, and stay together long enough for a video's frame to fall into it."""

from __future__ import annotations

import torch

from audio2motion.config import ModelConfig
from audio2motion.targets import opening_weights

_GAP_CHANNELS = ("jawOpen", "mouthUpperUpLeft", "mouthUpperUpRight", "mouthLowerDownLeft", "mouthLowerDownRight")
# A closure reaches this many steps (of 20 ms) beyond where the model ends it: at 25 frames a second, one that lasts
# for 40 ms would otherwise fall between two frames as often as not.
SEAL_FRAMES = 1
_SHUT = 0.05


class Seals:
    """Steps of lips (T, channels), in and out, as they come; `ahead` steps are held back to close in time.

    Openings below the config's `closed_below` become none, and those up to twice that shrink. Without `ahead`, in
    haste, lips only part later.
    """

    def __init__(self, config: ModelConfig, ahead: int = SEAL_FRAMES) -> None:
        self.ahead = ahead
        self._asleep = config.output == "expression"
        self._gap = [i for i, name in enumerate(config.channels) if name in _GAP_CHANNELS]
        self._opening = torch.from_numpy(opening_weights(config.channels))
        self._closed_below = config.closed_below
        self._shut = torch.zeros(SEAL_FRAMES)  # of the last steps given out
        self._waiting: torch.Tensor | None = None

    def push(self, lips: torch.Tensor) -> torch.Tensor:
        """The steps whose closures are known now."""
        if self._asleep:
            return lips
        lips = lips.clamp(0, 1)
        if self._waiting is not None:
            lips = torch.cat([self._waiting, lips])
        share = self._share(lips)
        given = max(0, len(lips) - self.ahead)
        self._waiting = lips[given:].clone()
        shut = torch.cat([self._shut, (share < _SHUT).float()])
        near = shut.unfold(0, SEAL_FRAMES + 1 + self.ahead, 1).amax(1) if given else shut[:0]
        self._shut = shut[given : given + SEAL_FRAMES].clone()
        out = lips[:given].clone()
        out[:, self._gap] *= (share[:given] * (1 - near[:given]))[:, None]
        return out

    def _share(self, lips: torch.Tensor) -> torch.Tensor:
        """(T,) what is left of each step's opening."""
        opening = (lips @ self._opening).clamp(min=1e-6)
        return (2 * (opening - self._closed_below) / opening).clamp(0, 1)
