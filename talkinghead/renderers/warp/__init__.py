"""The embedded default renderer: see `WarpRenderer`.

Lengths are in pupil distances D where a name does not say pixels. Where a number comes from stands beside it: "study"
is the feasibility study that this renderer began as; what has no origin was chosen by eye on the study's portraits.
"""

from talkinghead.renderers.warp.mixing import IGNORED_BLENDSHAPES
from talkinghead.renderers.warp.renderer import WarpRenderer

__all__ = ["IGNORED_BLENDSHAPES", "WarpRenderer"]
