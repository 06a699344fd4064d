"""Paste-back where the frames are drawn: on a GPU, within the crop's rectangle only."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from talkinghead.core.types import Patch, Pixels, Portrait
from talkinghead.faces import crop as cropping
from talkinghead.faces.paste import Placement, feathered_placement


class Patcher:
    """Blends frames of a portrait's crop with its picture, as `faces.paste` does but for rounding: 2 grey levels.

    Args:
        portrait: whose picture, and whose crop.
        at: how the crop is placed.
        device: where frames are.
    """

    def __init__(self, portrait: Portrait, at: Placement, device: torch.device) -> None:
        x0, y0, x1, y1 = at.rectangle
        self.corner_px = x0, y0
        column, row = np.meshgrid(np.arange(x1 - x0), np.arange(y1 - y0))
        at_crop = np.stack([column, row], -1) @ at.to_crop[:, :2].T + at.to_crop[:, 2]
        # grid_sample's -1 and 1 are the outer edges of the outermost pixels.
        grid = (2 * at_crop + 1) / np.array(portrait.crop.size_px) - 1
        under = portrait.image.pixels[y0:y1, x0:x1]
        self._grid = torch.from_numpy(grid.astype(np.float32)).to(device)
        self._weights = torch.from_numpy(at.weights.astype(np.float32) / 255).to(device)
        self._under = torch.from_numpy(np.ascontiguousarray(under)).to(device).permute(2, 0, 1).float()
        self._under = self._under * (1 - self._weights) + 0.5

    def __call__(self, frames: Tensor) -> Tensor:
        """Frames (B, h, w, 3) uint8 -> patches (B, y1 - y0, x1 - x0, 3) uint8."""
        pixels = frames.permute(0, 3, 1, 2).float()
        grid = self._grid.expand(len(frames), *self._grid.shape)
        warped = functional.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
        blended = torch.addcmul(self._under, warped, self._weights)
        return blended.clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()

    def patch(self, pixels: Pixels) -> Patch:
        """One of the patches as what a drawing gives."""
        return Patch(pixels, self.corner_px)


def patcher(portrait: Portrait, device: torch.device) -> Patcher | None:
    """What pastes on `device`, None where the CPU had better do it: beside a GPU, or a crop that is to be shrunk."""
    if device.type != "cuda" or cropping.integer_offset(portrait.crop) is not None:
        return None
    at = feathered_placement(portrait.crop, portrait.image.size_px)
    return None if at is None or at.shrunk_px is not None else Patcher(portrait, at, device)
