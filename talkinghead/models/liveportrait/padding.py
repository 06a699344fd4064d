"""Powers of two instead of any number of frames: a drawing is compiled or recorded anew for each number."""

from __future__ import annotations

import torch
from torch import Tensor

from talkinghead.models.liveportrait.fast.warping import Source
from talkinghead.models.liveportrait.making import Draw


def power_of_two(count: int) -> int:
    """The next power of two, at least `count`."""
    return 1 << (count - 1).bit_length()


def filled_up(tensor: Tensor, count: int) -> Tensor:
    """`tensor` (n, ...) with its last row repeated, so that there are `count`."""
    missing = count - len(tensor)
    return tensor if missing <= 0 else torch.cat([tensor, tensor[-1:].expand(missing, *tensor.shape[1:])])


def in_powers_of_two(draw: Draw) -> Draw:
    """`draw`, which only ever sees 1, 2, 4, 8 ... frames: the last one fills up what is missing.

    Compiling a size takes half a minute, drawing a frame too many some milliseconds; and PyTorch compiles no more than
    eight sizes of a function.
    """

    def padded(source: Source, kp_driving: Tensor, kp_source: Tensor) -> Tensor:
        frames = len(kp_driving)
        whole = power_of_two(frames)
        if whole == frames:
            return draw(source, kp_driving, kp_source)
        if len(source.compact) > 1:
            table = filled_up(torch.unflatten(source.table, 0, (frames, -1)), whole).flatten(0, 1)
            source = Source(filled_up(source.compact, whole), table, source.size)
        return draw(source, filled_up(kp_driving, whole), filled_up(kp_source, whole))[:frames]

    return padded
