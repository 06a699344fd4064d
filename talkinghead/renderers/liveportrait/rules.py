"""LivePortrait's motion rules: pure functions from head states and options to keypoints.

Shapes: B batch (frames), K = 21 keypoints. Keypoints live in the crop: x right, y down, z inward, the crop's edges at
-1 and 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from talkinghead.core.renderer_options import Region
from talkinghead.models.liveportrait.head import N_KEYPOINTS, Head
from talkinghead.motion.blendshapes import EYE_KEYPOINTS, LIP_KEYPOINTS

# A source whose lips stand this far apart (lip ratio) has its mouth closed by lip normalisation.
OPEN_LIP_RATIO = 0.03

_Y, _Z = 1, 2
# What absolute motion takes of the driver's expression: whole keypoints, and single axes of others.
_ABSOLUTE_WHOLE = (1, 2, 6, *range(11, 21))
_ABSOLUTE_AXES = ((3, _Y), (4, _Y), (5, _Z), (8, _Z), (9, _Y), (9, _Z))


def relative(source: Head, driver: Head, rest: Head, replaced: Sequence[int] = ()) -> Head:
    """The source moved by what the driver moved from its `rest`; `replaced` keypoints take the driver's expression."""
    exp = source.exp + driver.exp - rest.exp
    if replaced:
        chosen = list(replaced)
        exp[:, chosen] = driver.exp[:, chosen]
    return Head(
        exp,
        driver.rotation @ rest.rotation.transpose(1, 2) @ source.rotation,
        source.t + driver.t - rest.t,
        source.scale * driver.scale / rest.scale,
    )


def absolute(source: Head, driver: Head) -> Head:
    """The driver's pose and most of its expression, at the source's scale."""
    exp = absolute_expression(source.exp, driver.exp)
    return Head(exp, driver.rotation, driver.t, source.scale.expand(len(exp), 1))


def absolute_expression(source: Tensor, driver: Tensor) -> Tensor:
    """(B, K, 3): what absolute motion takes of the driver's expression (B, K, 3), the source's elsewhere."""
    taken = torch.zeros(N_KEYPOINTS, 3, dtype=torch.bool, device=source.device)
    taken[list(_ABSOLUTE_WHOLE)] = True
    for keypoint, axis in _ABSOLUTE_AXES:
        taken[keypoint, axis] = True
    return torch.where(taken, driver, source)


def confine(source: Head, moved: Head, region: Region) -> Head:
    """`moved` where `region` lets it move, `source` elsewhere."""
    if region == "all":
        return moved
    batch = len(moved.exp)
    still = Head(*[part.expand(batch, *part.shape[1:]) for part in source])
    if region == "exp":
        return still._replace(exp=moved.exp)
    if region == "pose":
        return still._replace(rotation=moved.rotation, t=moved.t)
    chosen = list(LIP_KEYPOINTS if region == "lip" else EYE_KEYPOINTS)
    exp = still.exp.clone()
    exp[:, chosen] = moved.exp[:, chosen]
    return still._replace(exp=exp)


Network = Callable[[Tensor], Tensor]


def retarget(network: Network, x_source: Tensor, ratios: Tensor) -> Tensor:
    """Keypoint deltas (B, K, 3) that move the source to a target ratio.

    Args:
        network: R_lip or R_eye.
        x_source: (1 or B, K, 3).
        ratios: (B, 2) source and target lip ratio, or (B, 3) source left and right and target eye ratio.
    """
    flat = x_source.flatten(1).expand(len(ratios), -1)
    return torch.unflatten(network(torch.cat([flat, ratios], 1)), 1, (N_KEYPOINTS, 3))


def stitch(network: Network, x_source: Tensor, x: Tensor) -> Tensor:
    """Driven keypoints (B, K, 3) fitted to the source's (1 or B, K, 3) so that what lies below the face stays."""
    answer = network(torch.cat([x_source.flatten(1).expand(len(x), -1), x.flatten(1)], 1))
    deltas, shift = answer[:, : 3 * N_KEYPOINTS], answer[:, 3 * N_KEYPOINTS :]
    x = x + torch.unflatten(deltas, 1, (N_KEYPOINTS, 3))
    return torch.cat([x[..., :2] + shift[:, None], x[..., 2:]], -1)


def multiply(x_source: Tensor, x: Tensor, multiplier: float) -> Tensor:
    """Driven keypoints with their way from the source's multiplied."""
    return x_source + multiplier * (x - x_source)
