"""How far a blendshape of weight 1 moves the mouth: the one table that everything which draws or measures it shares.

The unit is the distance between the pupils. The numbers come from the feasibility study of the warp renderer, which
chose them so that portraits drawn with them open and widen as measured mouths do; the outer eye corners' distance is
that of the mean adult face. Lip targets, losses, evaluation, the warp renderer, tracking and the self-check of drawn
frames read them here, so that a weight means the same everywhere.
"""

from __future__ import annotations

from typing import NamedTuple


class MouthAmplitudes(NamedTuple):
    """Displacements in pupil distances at weight 1, on both sides where a blendshape has two."""

    jaw_open: float = 0.34  # jawOpen: chin and lower lip, down
    upper_lip_up: float = 0.085  # mouthUpperUp: the upper lip, up
    lower_lip_down: float = 0.10  # mouthLowerDown: the lower lip, down against the jaw
    lip_press: float = 0.05  # mouthPress: the lips, towards each other
    open_a: float = 0.24  # the gap between the inner lips at an open a, the widest of speech: opening 1
    outer_eyes: float = 1.43  # the distance between the outer eye corners


MOUTH_AMPLITUDES = MouthAmplitudes()

# Change of the mouth's width, in pupil distances at weight 1 (both sides), negative where it narrows.
WIDTH_AMPLITUDES: dict[str, float] = {
    "mouthStretch": 0.26,
    "mouthSmile": 0.26,
    "mouthDimple": 0.13,
    "mouthPucker": -0.26,
    "mouthFunnel": -0.16,
    "jawOpen": -0.06,
}
