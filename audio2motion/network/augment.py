"""Log-mel features of voices that no corpus has: other throats, microphones, noises, gaps. For training only."""

from __future__ import annotations

import torch

_KNEE = 0.7  # the share of the bands that a throat stretches; those above make room


def _smooth(batch: int, knots: int, bands: int, like: torch.Tensor) -> torch.Tensor:
    """Random curves over the bands (B, 1, bands), normal at `knots` places and straight between them."""
    drawn = torch.randn(batch, 1, knots).to(like)
    return torch.nn.functional.interpolate(drawn, bands, mode="linear", align_corners=True)


def _uniform(batch: int, low: float, high: float, like: torch.Tensor) -> torch.Tensor:
    return (low + (high - low) * torch.rand(batch, 1, 1)).to(like)


def warp_throat(features: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    """Stretch the band axis of (B, T, bands) by `factor` (B,): vocal tract length perturbation (Jaitly and Hinton)."""
    bands = features.shape[2]
    at = torch.arange(bands, device=features.device, dtype=features.dtype)[None]
    knee, last, factor = _KNEE * (bands - 1), bands - 1.0, factor[:, None]
    above = factor * knee + (at - knee) * (last - factor * knee) / (last - knee)
    source = torch.where(at < knee, at * factor, above).clamp(0, last - 1e-3)
    low = source.floor().long()
    part = (source - low)[:, None]
    low = low[:, None].expand(-1, features.shape[1], -1)
    return features.gather(2, low) * (1 - part) + features.gather(2, low + 1) * part


def augmented(features: torch.Tensor) -> torch.Tensor:
    """Features (B, T, bands) of `LogMel` as another speaker in another place might have made them.

    Vocal tracts 12 % shorter or longer, 15 % of contrast, a smooth colour, stationary noise under it, and masks over
    bands and times (SpecAugment, Park et al. 2019). Random numbers are torch's own.
    """
    batch, frames, bands = features.shape
    out = warp_throat(features, _uniform(batch, 0.88, 1.13, features)[:, 0, 0])
    out = out * _uniform(batch, 0.85, 1.15, out) + 0.1 * _smooth(batch, 6, bands, out)
    floor = _uniform(batch, -2.2, -0.3, out) + 0.25 * _smooth(batch, 5, bands, out)
    noisy = torch.logaddexp(4 * out, 4 * floor) / 4  # features are a quarter of a natural logarithm
    out = torch.where(torch.rand(batch, 1, 1).to(out) < 0.5, noisy, out)
    for _ in range(2):
        out = out * ~_spans(batch, bands, 6, out)[:, None, :] * ~_spans(batch, frames, 14, out)[:, :, None]
    return out


def _spans(batch: int, length: int, longest: int, like: torch.Tensor) -> torch.Tensor:
    """(B, length) true in one random span of up to `longest` - 1 places per row."""
    start = torch.randint(0, max(1, length), (batch, 1))
    end = start + torch.randint(0, longest, (batch, 1))
    at = torch.arange(length)[None]
    return ((at >= start) & (at < end)).to(like.device)
