"""LivePortrait's networks as a renderer: see `LivePortraitRenderer`."""

from talkinghead.renderers.liveportrait.renderer import LivePortraitRenderer, open_renderer

__all__ = ["LivePortraitRenderer", "open_renderer"]
