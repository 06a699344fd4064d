"""G, the SPADE generator (Park et al. 2019): a feature map becomes a picture."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from talkinghead.models.liveportrait.networks.blocks import SpectralConv2d

LEAK = 0.2
N_MIDDLE = 6
HIDDEN = 128


class Spade(nn.Module):
    """Instance norm of x (B, C, H, W), then x * (1 + gamma) + beta with gamma and beta read off `guide`."""

    def __init__(self, channels: int, guide_channels: int, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.mlp_shared = nn.Sequential(nn.Conv2d(guide_channels, hidden, 3, padding=1), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(hidden, channels, 3, padding=1)
        self.mlp_beta = nn.Conv2d(hidden, channels, 3, padding=1)

    def forward(self, x: Tensor, guide: Tensor) -> Tensor:
        shared = self.mlp_shared(functional.interpolate(guide, size=x.shape[2:]))
        out: Tensor = functional.instance_norm(x) * (1 + self.mlp_gamma(shared)) + self.mlp_beta(shared)
        return out


class SpadeResBlock(nn.Module):
    """(B, in, H, W) and guide -> (B, out, H, W); the shortcut is learned where the channels change."""

    def __init__(self, in_channels: int, out_channels: int, guide_channels: int, hidden: int = HIDDEN) -> None:
        super().__init__()
        middle = min(in_channels, out_channels)
        self.learned_shortcut = in_channels != out_channels
        self.conv_0 = SpectralConv2d(in_channels, middle)
        self.conv_1 = SpectralConv2d(middle, out_channels)
        self.norm_0 = Spade(in_channels, guide_channels, hidden)
        self.norm_1 = Spade(middle, guide_channels, hidden)
        if self.learned_shortcut:
            self.conv_s = SpectralConv2d(in_channels, out_channels, 1, bias=False)
            self.norm_s = Spade(in_channels, guide_channels, hidden)

    def forward(self, x: Tensor, guide: Tensor) -> Tensor:
        shortcut = self.conv_s(self.norm_s(x, guide)) if self.learned_shortcut else x
        y = self.conv_0(functional.leaky_relu(self.norm_0(x, guide), LEAK))
        y = self.conv_1(functional.leaky_relu(self.norm_1(y, guide), LEAK))
        out: Tensor = shortcut + y
        return out


class Generator(nn.Module):
    """Feature map (B, 4 w, H, W) -> RGB (B, 3, 8 H, 8 W) in 0..1; the published width w is 64, H and W are 64."""

    def __init__(self, width: int = 64, hidden: int = HIDDEN) -> None:
        super().__init__()
        guide, wide = 4 * width, 8 * width
        self.fc = nn.Conv2d(guide, wide, 3, padding=1)
        for i in range(N_MIDDLE):
            self.add_module(f"G_middle_{i}", SpadeResBlock(wide, wide, guide, hidden))
        self.up_0 = SpadeResBlock(wide, guide, guide, hidden)
        self.up_1 = SpadeResBlock(guide, width, guide, hidden)
        self.conv_img = nn.Sequential(nn.Conv2d(width, 12, 3, padding=1), nn.PixelShuffle(2))

    def middle(self) -> list[SpadeResBlock]:
        """The blocks at the guide's own size, in order."""
        blocks = [self.get_submodule(f"G_middle_{i}") for i in range(N_MIDDLE)]
        return [block for block in blocks if isinstance(block, SpadeResBlock)]

    def forward(self, guide: Tensor) -> Tensor:
        x = self.fc(guide)
        for block in self.middle():
            x = block(x, guide)
        x = self.up_0(functional.interpolate(x, scale_factor=2.0), guide)
        x = self.up_1(functional.interpolate(x, scale_factor=2.0), guide)
        image: Tensor = self.conv_img(functional.leaky_relu(x, LEAK))
        return image.sigmoid()
