"""From "surely the person, surely not, unknown" to a share of each pixel, and the person's own colours at the edge."""

from __future__ import annotations

import cv2
import numpy as np

from talkinghead.core.types import Floats, Pixels
from talkinghead.faces.guided import GuidedFilter

# How much what is known, and what is only likely, counts against the picture's smoothness.
_KNOWN, _LIKELY = 100.0, 0.005
# Windows from wide ones, which carry far, to narrow ones, which see single hairs: radius as a share of the band, steps.
_PASSES = ((0.4, 10), (0.0, 25))
_EPSILON = 1e-4
_DONE = 1e-3
# Foreground colours come from all around, then from near by.
_BLURS = (0.09, 0.006)
_ALMOST_ALL = 0.95


def solve_alpha(pixels: Pixels, known: Floats, likely: Floats, band_px: float) -> Floats:
    """(h, w) shares 0..1 of a picture (h, w, 3) of which `known` (h, w) says 0, 1, or -1 for unknown.

    Closed-form matting: the shares that are, in every small window, a linear function of its colours. `likely` (h, w)
    is a guess at what is unknown, `band_px` half the width of it along an edge.
    """
    unknown = known < 0
    if not unknown.any():
        return known
    # Far from what is unknown there is nothing to solve.
    x, y, wide, tall = cv2.boundingRect(unknown.astype(np.uint8))
    margin = round(band_px) + 2
    part = slice(max(0, y - margin), y + tall + margin), slice(max(0, x - margin), x + wide + margin)
    guide = np.asarray(pixels[part] / np.float32(255), np.float32)
    wanted = np.where(unknown, likely, known)[part].astype(np.float32)
    trust = np.where(unknown[part], np.float32(_LIKELY), np.float32(_KNOWN))
    alpha = wanted.copy()
    for share, steps in _PASSES:
        smooth = GuidedFilter(guide, max(1, round(share * band_px)), _EPSILON)
        alpha = _solved(smooth, trust, wanted, alpha, steps)
    out: Floats = known.copy()
    out[part] = np.where(unknown[part], np.clip(alpha, 0, 1), known[part])
    return out


def _solved(smooth: GuidedFilter, trust: Floats, wanted: Floats, start: Floats, steps: int) -> Floats:
    """Conjugate gradients for (L + trust) alpha = trust * wanted, L = 1 - smooth, preconditioned by 1 + trust."""

    def applied(values: Floats) -> Floats:
        return np.asarray(values - smooth(values) + trust * values, np.float32)

    alpha: Floats = start.copy()
    scale = 1 / (1 + trust)
    rest = trust * wanted - applied(alpha)
    step = scale * rest
    before = float((rest * step).sum())
    for _ in range(steps):
        if before < _DONE:
            break
        moved = applied(step)
        curved = float((step * moved).sum())
        if curved <= 0:  # rounding: nothing better is to be had
            break
        length = before / curved
        alpha += np.float32(length) * step
        rest -= np.float32(length) * moved
        scaled = scale * rest
        now = float((rest * scaled).sum())
        step = scaled + np.float32(now / before) * step
        before = now
    return alpha


def shares_of(alpha: Pixels) -> Floats:
    """A matte (h, w) of 255 as shares of 1."""
    return np.asarray(alpha * np.float32(1 / 255), np.float32)


def own_colours(pixels: Pixels, alpha: Floats) -> Pixels:
    """The person's colours (h, w, 3) everywhere, without what shows through at the edges; beyond, the nearest ones.

    pixels = alpha * own + (1 - alpha) * behind, both smooth: M. Forte, Approximate Fast Foreground Colour Estimation,
    2021, twice. Nothing of the old background is left in what is transparent.
    """
    picture, share = pixels.astype(np.float32), alpha[..., None].astype(np.float32)
    # What is half of one and half of the other says little of either.
    own, behind = filled(picture, _surely(alpha)), filled(picture, _surely(1 - alpha))
    for blur in _BLURS:
        radius = max(1, round(blur * max(alpha.shape)))
        own, behind = _fused(picture, own, behind, alpha, radius)
    # What is all person is the picture itself, and what is none of it is none of the picture.
    own = np.where(share >= 1, picture, own)
    return np.clip(np.round(own), 0, 255).astype(np.uint8)


def _surely(share: Floats) -> Floats:
    return (share > _ALMOST_ALL).astype(np.float32)


def _fused(picture: Floats, own: Floats, behind: Floats, alpha: Floats, radius: int) -> tuple[Floats, Floats]:
    size = (2 * radius + 1,) * 2
    share = alpha[..., None]
    weight = cv2.blur(alpha, size)[..., None]
    mean = cv2.blur(own * share, size) / (weight + 1e-5)
    other = cv2.blur(behind * (1 - share), size) / (1 - weight + 1e-5)
    # Where no person is near, nothing is known of colours: they stay.
    mean = np.where(weight > 1e-3, mean, own)
    left = picture - share * mean - (1 - share) * other
    return np.clip(mean + share * left, 0, 255), np.clip(other + (1 - share) * left, 0, 255)


def filled(picture: Floats, weight: Floats) -> Floats:
    """(h, w, 3): the picture where `weight` (h, w) is 1, continued smoothly from there to where it is 0."""
    share = weight[..., None]
    levels = [(picture * share, weight)]
    while min(levels[-1][1].shape) > 1:
        colour, mass = levels[-1]
        levels.append((cv2.pyrDown(colour), cv2.pyrDown(mass)))
    colour, mass = levels.pop()
    out: Floats = colour.reshape(*mass.shape, 3) / np.maximum(mass, np.float32(1e-6))[..., None]
    while levels:
        colour, mass = levels.pop()
        height, width = mass.shape
        wider: Floats = cv2.resize(out, (width, height), interpolation=cv2.INTER_LINEAR).reshape(height, width, 3)
        near = np.minimum(mass, 1)[..., None]
        out = np.asarray(near * (colour / np.maximum(mass, 1e-6)[..., None]) + (1 - near) * wider, np.float32)
    return out
