"""G between whose convolutions nothing is stored twice."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from talkinghead.models.liveportrait.fast import fold
from talkinghead.models.liveportrait.fast.generator import FastBlock, FastGenerator, Modulation, Shared
from talkinghead.models.liveportrait.fast.upsampled import UpsampledConv
from talkinghead.models.liveportrait.fused import launch
from talkinghead.models.liveportrait.fused.launch import Stats, convolved
from talkinghead.models.liveportrait.networks.generator import LEAK


def bias_of(conv: nn.Conv2d | nn.Conv3d) -> Tensor:
    """A convolution's bias (out,) float32."""
    return fold.bias_of(conv).float()


def joined(convs: list[nn.Conv2d]) -> nn.Conv2d:
    """Convolutions of one input as one, their outputs one after the other."""
    weight, bias = torch.cat([c.weight for c in convs]), torch.cat([fold.bias_of(c) for c in convs])
    padding = convs[0].padding
    assert isinstance(padding, tuple)
    conv = fold.conv2d(weight, bias, (padding[0], padding[1]))
    fold.channels_last(conv)
    return conv


def _plain(module: nn.Module) -> nn.Conv2d:
    assert isinstance(module, nn.Conv2d)
    return module


class Hidden(nn.Module):
    """The hidden maps of several norms, read off the guide: (B, g, h, w) -> (n, B, f h, f w, hidden), dense."""

    bias: Tensor

    def __init__(self, shared: list[Shared]) -> None:
        super().__init__()
        self.factor, self.parts = shared[0].factor, sum(one.parts for one in shared)
        self.phases = nn.ModuleDict()
        if self.factor == 1:
            self.phases["22"] = joined([_plain(one.conv) for one in shared])
            bias = bias_of(_plain(self.phases["22"]))
        else:
            (only,) = shared
            assert isinstance(only.conv, UpsampledConv)
            self.phases.update(dict(only.conv.phases.items()))
            bias = bias_of(_plain(next(iter(self.phases.values()))))
        self.register_buffer("bias", bias)

    def forward(self, guide: Tensor) -> Tensor:
        batch, _, height, width = guide.shape
        phases = {name: convolved(guide, _plain(conv)) for name, conv in self.phases.items()}
        hidden, f = len(self.bias) // self.parts, self.factor
        into = torch.empty(self.parts, batch, f * height, f * width, hidden, dtype=guide.dtype, device=guide.device)
        return launch.interleave(phases, (height, width), f, into, self.bias, parts=self.parts)


class FusedModulation(nn.Module):
    """A SPADE norm's scale and shift read off its hidden map in one convolution, and applied at once."""

    bias: Tensor

    def __init__(self, modulation: Modulation) -> None:
        super().__init__()
        self.conv = joined([modulation.scale, modulation.shift])
        self.register_buffer("bias", bias_of(self.conv))

    def forward(self, x: Tensor, of_x: Stats, hidden: Tensor, leak: float) -> Tensor:
        guide = convolved(hidden.permute(0, 3, 1, 2), self.conv)
        return launch.modulate(x, of_x, guide, self.bias, leak)


class FusedBlock(nn.Module):
    """A SPADE residual block; `before` (C,) is a bias that its input still lacks, `leak` what its output passes."""

    bias: Tensor

    def __init__(self, block: FastBlock, before: Tensor | None = None, leak: float = 1.0) -> None:
        super().__init__()
        self.modulations = nn.ModuleList(FusedModulation(m) for m in fold.each(block.modulations, Modulation))
        self.conv_0, self.conv_1, self.conv_s, self.leak = block.conv_0, block.conv_1, block.conv_s, leak
        # The bias of conv_0 goes under in the norm that follows, and so does `before`, but for the way around.
        bias = bias_of(block.conv_1)
        if block.conv_s is not None:
            bias = bias + bias_of(block.conv_s)
        elif before is not None:
            bias = bias + before
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor, hidden: Tensor) -> Tensor:
        """`x` (B, C, H, W); `hidden` (2 or 3, B, f H, f W, h)."""
        of_x = launch.stats(x)
        y = convolved(self.modulations[0](x, of_x, hidden[0], LEAK), self.conv_0)
        y = convolved(self.modulations[1](y, launch.stats(y), hidden[1], LEAK), self.conv_1)
        if self.conv_s is None:
            return launch.add_(y, x, self.bias, self.leak)
        shortcut = convolved(self.modulations[2](x, of_x, hidden[2], 1.0), self.conv_s)
        return launch.add_(y, shortcut, self.bias, self.leak)


class FusedGenerator(nn.Module):
    """(B, 256, 64, 64) channels last -> pictures (B, 512, 512, 3) uint8: what `FastGenerator` draws, truncated."""

    image_bias: Tensor

    def __init__(self, network: FastGenerator) -> None:
        super().__init__()
        middle = fold.each(network.middle, FastBlock)
        self.fc = network.fc
        self.hidden = nn.ModuleList([Hidden([b.shared for b in middle])])
        self.hidden.extend(Hidden([b.shared]) for b in (network.up_0, network.up_1))
        # The first block's input has no bias yet. Its norm takes none notice, its way around does.
        self.middle = nn.ModuleList(
            FusedBlock(b, bias_of(network.fc) if i == 0 else None) for i, b in enumerate(middle)
        )
        self.up_0, self.up_1 = FusedBlock(network.up_0), FusedBlock(network.up_1, leak=LEAK)
        image = network.conv_img
        self.conv_img = fold.conv2d(fold.pad_weight(image.weight, fold.padded(image.out_channels), image.in_channels),
                                    None, 1)  # fmt: skip
        fold.channels_last(self.conv_img)
        self.register_buffer("image_bias", bias_of(image))

    def forward(self, guide: Tensor) -> Tensor:
        x = convolved(guide, self.fc)
        hidden = self.hidden[0](guide)
        for i, block in enumerate(self.middle):
            x = block(x, hidden[2 * i : 2 * i + 2])
        x = self.up_0(x, self.hidden[1](guide))
        x = self.up_1(x, self.hidden[2](guide))
        return launch.picture(convolved(x, self.conv_img), self.image_bias)
