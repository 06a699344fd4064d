"""The embedded default renderer: see `WarpRenderer`."""

from talkinghead.renderers.warp.mixing import IGNORED_BLENDSHAPES
from talkinghead.renderers.warp.renderer import WarpRenderer

__all__ = ["IGNORED_BLENDSHAPES", "WarpRenderer"]
