"""Sound to one feature per frame: HuBERT on each window by itself."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from talkinghead.models.joyvasa.config import SAMPLES_PER_UNIT, Config

# HuBERT's first convolutions reach this far beyond the units that they make.
_OVERLAP_SAMPLES = 80


def build_hubert(config: Config) -> nn.Module:
    """HuBERT base from its configuration; its weights come with the generator's."""
    from transformers import HubertConfig, HubertModel

    model: nn.Module = HubertModel(HubertConfig(**config.hubert))
    return model


def width_of(hubert: nn.Module) -> int:
    """Numbers per unit that HuBERT gives."""
    config: Any = hubert.config
    return int(config.hidden_size)


def reflect(sound: Tensor) -> Tensor:
    """(B, N) -> (B, 320 n + 80), n = N // 320: padded on both sides by reflection, in two goes.

    An odd sample is made up by repeating the outermost.
    """
    units = sound.shape[1] // SAMPLES_PER_UNIT
    side = -(-(SAMPLES_PER_UNIT * units + _OVERLAP_SAMPLES - sound.shape[1]) // 2)
    half, odd = divmod(side, 2)
    sound = functional.pad(functional.pad(sound[:, None], (half, half), "reflect"), (half, half), "reflect")
    return functional.pad(sound, (odd, odd), "replicate")[:, 0]


def encode(hubert: nn.Module, sound: Tensor, frames: int) -> Tensor:
    """Windows of sound (B, 640 frames), as they are, not normalised -> (B, frames, hidden)."""
    heard: Tensor = hubert(reflect(sound)).last_hidden_state
    assert heard.shape[1] == 2 * frames, f"{sound.shape[1]} samples made {heard.shape[1]} units"
    return functional.interpolate(heard.transpose(1, 2), size=frames, mode="linear", align_corners=False).transpose(
        1, 2
    )


def sinusoids(rows: Tensor, width: int) -> Tensor:
    """Rows (R,) of the sinusoidal table (Vaswani et al., 2017) -> (R, width): sine at even places, cosine at odd."""
    rates = torch.exp(torch.arange(0, width, 2, device=rows.device) * (-torch.log(torch.tensor(10_000.0)) / width))
    angles = rows[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)
