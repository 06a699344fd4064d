"""The diffusion transformer: noisy motion to motion, frame by frame under its own sound."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from talkinghead.models.joyvasa.config import N_NUMBERS, Config
from talkinghead.models.joyvasa.encoder import sinusoids


class FrameDecoderLayer(nn.Module):
    """A post-norm decoder layer whose cross-attention sees the sound of the same frame alone.

    Attention to one thing is that thing, so what it adds depends on the sound only: `heard` gives it once for all steps
    of the sampling, and queries and keys are never computed.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        width = config.width
        self.self_attn = nn.MultiheadAttention(width, config.heads, batch_first=True)
        self.multihead_attn = nn.MultiheadAttention(width, config.heads, batch_first=True)
        self.linear1 = nn.Linear(width, config.feedforward)
        self.linear2 = nn.Linear(config.feedforward, width)
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.activation = nn.GELU()

    def heard(self, sound: Tensor) -> Tensor:
        """Features (B, T, width) -> what cross-attention adds to each frame (B, T, width)."""
        attention = self.multihead_attn
        assert attention.in_proj_weight is not None
        _, _, weight = attention.in_proj_weight.chunk(3)
        _, _, bias = attention.in_proj_bias.chunk(3)
        values: Tensor = attention.out_proj(nn.functional.linear(sound, weight, bias))
        return values

    def forward(self, x: Tensor, heard: Tensor) -> Tensor:
        """(B, T, width), and `heard` of the sound, to the same shape."""
        x = self.norm1(x + self.self_attn(x, x, x, need_weights=False)[0])
        x = self.norm2(x + heard)
        out: Tensor = self.norm3(x + self.linear2(self.activation(self.linear1(x))))
        return out


class Denoiser(nn.Module):
    """[10 previous, 100 noisy] frames of 70 numbers, their sound and the diffusion step -> the clean frames."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.feature_proj = nn.Linear(N_NUMBERS, width)
        self.diff_step_map = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
        self.transformer = nn.ModuleDict(
            {"layers": nn.ModuleList(FrameDecoderLayer(config) for _ in range(config.layers))}
        )
        self.motion_dec = nn.Sequential(
            nn.Linear(width, config.head_width), nn.GELU(), nn.Linear(config.head_width, N_NUMBERS)
        )

    @property
    def _layers(self) -> nn.ModuleList:
        layers = self.transformer["layers"]
        assert isinstance(layers, nn.ModuleList)
        return layers

    def heard(self, sound: Tensor) -> list[Tensor]:
        """Features (B, previous + frames, width) -> one tensor of that shape per layer, the same at every step."""
        return [layer.heard(sound) for layer in self._layers]  # type: ignore[operator]

    def forward(self, motion: Tensor, heard: list[Tensor], step: int) -> Tensor:
        """(B, previous + frames, 70), sound, step 1..50 -> (B, previous + frames, 70)."""
        width, frames = self.config.width, self.config.context
        rows = torch.arange(frames, device=motion.device)
        if self.config.positions == "constant":
            rows = torch.full_like(rows, frames)
        at = self.diff_step_map(sinusoids(torch.tensor([step], device=motion.device), width))
        x = self.feature_proj(motion) + sinusoids(rows, width) + at
        for layer, told in zip(self._layers, heard, strict=True):
            x = layer(x, told)
        out: Tensor = self.motion_dec(x)
        return out
