"""G with spectral norms folded, shared work done once and upsampling avoided where it only repeats values."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from talkinghead.models.liveportrait.fast import fold
from talkinghead.models.liveportrait.fast.upsampled import UpsampledConv
from talkinghead.models.liveportrait.networks.generator import LEAK, Generator, Spade, SpadeResBlock


def instance_norm(x: Tensor) -> Tensor:
    """(B, C, H, W) -> the same shape, memory format and type: each channel of each sample to mean 0, variance 1."""
    if x.device.type == "cpu":
        return functional.group_norm(x, x.shape[1])  # the CPU's own kernel for channels last
    variance, mean = torch.var_mean(x.float(), (2, 3), correction=0, keepdim=True)
    return ((x - mean) * torch.rsqrt(variance + 1e-5)).to(x.dtype)


def modulate(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """x * scale + shift, where `x` (B, C, H, W) may be smaller than the others by a factor: it is then repeated."""
    factor = scale.shape[-1] // x.shape[-1]
    if factor == 1:
        return torch.addcmul(shift, x, scale)

    def blocks(y: Tensor) -> Tensor:
        rows = torch.unflatten(y.permute(0, 2, 3, 1), 2, (-1, factor))
        return torch.unflatten(rows, 1, (-1, factor))

    small = x.permute(0, 2, 3, 1)[:, :, None, :, None]
    return torch.addcmul(blocks(shift), small, blocks(scale)).flatten(3, 4).flatten(1, 2).permute(0, 3, 1, 2)


class Shared(nn.Module):
    """The hidden maps of a block's SPADE norms, all read off one guide: (B, g, h, w) -> n of (B, hidden, f h, f w)."""

    def __init__(self, norms: list[Spade], factor: int) -> None:
        super().__init__()
        convs = [fold.each(norm.mlp_shared[:1], nn.Conv2d)[0] for norm in norms]
        self.factor, self.parts = factor, len(convs)
        weight, bias = torch.cat([c.weight for c in convs]), torch.cat([fold.bias_of(c) for c in convs])
        self.conv = fold.conv2d(weight, bias, 1) if factor == 1 else UpsampledConv(weight, bias, factor)

    def forward(self, guide: Tensor) -> tuple[Tensor, ...]:
        if self.factor == 1:
            return functional.relu_(self.conv(guide)).chunk(self.parts, 1)
        batch, _, height, width = guide.shape
        hidden = self.conv.out_channels // self.parts
        size = (batch, self.parts * hidden, height * self.factor, width * self.factor)
        into = torch.empty(size, dtype=guide.dtype, device=guide.device, memory_format=torch.channels_last)
        out: Tensor = self.conv(guide, into)
        return out.chunk(self.parts, 1)


class Modulation(nn.Module):
    """A SPADE norm's scale and shift from its hidden map."""

    def __init__(self, norm: Spade) -> None:
        super().__init__()
        self.scale = fold.conv2d(norm.mlp_gamma.weight, fold.bias_of(norm.mlp_gamma) + 1, 1)
        self.shift = fold.conv2d(norm.mlp_beta.weight, norm.mlp_beta.bias, 1)

    def forward(self, normalised: Tensor, hidden: Tensor) -> Tensor:
        hidden = hidden.contiguous(memory_format=torch.channels_last)
        return modulate(normalised, self.scale(hidden), self.shift(hidden))


class FastBlock(nn.Module):
    """A SPADE residual block whose input may still await its upsampling: `factor` is the guide's."""

    def __init__(self, block: SpadeResBlock, factor: int) -> None:
        super().__init__()
        norms = [block.norm_0, block.norm_1] + ([block.norm_s] if block.learned_shortcut else [])
        self.shared = Shared(norms, factor)
        self.modulations = nn.ModuleList(Modulation(norm) for norm in norms)
        self.conv_0, self.conv_1 = fold.fold_spectral(block.conv_0), fold.fold_spectral(block.conv_1)
        self.conv_s = fold.fold_spectral(block.conv_s) if block.learned_shortcut else None

    def forward(self, x: Tensor, guide: Tensor) -> Tensor:
        hidden = self.shared(guide)
        normalised = instance_norm(x)
        y: Tensor = self.conv_0(functional.leaky_relu_(self.modulations[0](normalised, hidden[0]), LEAK))
        y = self.conv_1(functional.leaky_relu_(self.modulations[1](instance_norm(y), hidden[1]), LEAK))
        if self.conv_s is None:
            return y.add_(x)
        return y.add_(self.conv_s(self.modulations[2](normalised, hidden[2])))


class FastGenerator(nn.Module):
    """(B, 256, 64, 64) -> RGB (B, 3, 512, 512) in 0..1, as Generator."""

    def __init__(self, network: Generator) -> None:
        super().__init__()
        self.fc = fold.conv2d(network.fc.weight, network.fc.bias, 1)
        self.middle = nn.ModuleList(FastBlock(block, 1) for block in network.middle())
        self.up_0, self.up_1 = FastBlock(network.up_0, 2), FastBlock(network.up_1, 4)
        image = fold.each(network.conv_img[:1], nn.Conv2d)[0]
        self.conv_img = fold.conv2d(image.weight, image.bias, 1)

    def forward(self, guide: Tensor) -> Tensor:
        guide = guide.contiguous(memory_format=torch.channels_last)
        x = self.fc(guide)
        for block in self.middle:
            x = block(x, guide)
        x = self.up_1(self.up_0(x, guide), guide)
        x = self.conv_img(functional.leaky_relu_(x, LEAK))
        return functional.pixel_shuffle(x.float(), 2).sigmoid()
