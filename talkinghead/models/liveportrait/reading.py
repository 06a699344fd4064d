"""What M, the motion extractor, says of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from talkinghead.core.types import Pixels
from talkinghead.models.liveportrait.head import N_KEYPOINTS, Head, rotation_matrix
from talkinghead.models.liveportrait.networks.motion import N_BINS, RawMotion, bins_to_degrees

# The widths of M's heads, in their order.
RAW_SIZES = [N_BINS, N_BINS, N_BINS, 3, 3 * N_KEYPOINTS, 1, 3 * N_KEYPOINTS]


class Reading(NamedTuple):
    """What M reads off pictures: `canonical` keypoints (B, K, 3), the `head`'s state, and `degrees` (B, 3)."""

    canonical: Tensor
    head: Head
    degrees: Tensor


def as_tensor(pictures: Sequence[Pixels]) -> Tensor:
    """B pictures (h, w, 3) uint8 -> (B, 3, h, w) float32 in 0..1."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255


def read_raw(raw: RawMotion) -> Reading:
    """M's raw heads as keypoints, expression and pose."""
    degrees = torch.stack([bins_to_degrees(raw.pitch), bins_to_degrees(raw.yaw), bins_to_degrees(raw.roll)], 1)
    head = Head(torch.unflatten(raw.exp, 1, (N_KEYPOINTS, 3)), rotation_matrix(degrees), raw.t, raw.scale)
    return Reading(torch.unflatten(raw.kp, 1, (N_KEYPOINTS, 3)), head, degrees)
