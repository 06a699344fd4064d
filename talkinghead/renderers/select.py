"""Choosing what draws: the embedded warp renderer or LivePortrait's networks."""

from __future__ import annotations

from typing import NamedTuple

from talkinghead.core.errors import CheckpointError
from talkinghead.core.settings import Settings
from talkinghead.motion.protocols import Renderer


class Selection(NamedTuple):
    """A renderer and one line for people: which it is and how to get the other."""

    renderer: Renderer
    note: str


def select(settings: Settings) -> Selection:
    """The renderer that `settings` ask for.

    "auto" takes LivePortrait where its weights and a GPU are there, else the embedded warp renderer.

    Raises:
        CheckpointError: LivePortrait was asked for by name and its weights are missing or damaged.
    """
    if settings.renderer in ("liveportrait", "liveportrait-animals"):
        return Selection(_liveportrait(settings), f"renderer: {settings.renderer}")
    if settings.renderer == "warp":
        return Selection(_warp(settings), "renderer: warp")
    missing = _why_not_liveportrait(settings)
    if missing is None:
        return Selection(_liveportrait(settings), "renderer: liveportrait (for the embedded one: --renderer warp)")
    return Selection(_warp(settings), f"renderer: warp, embedded ({missing})")


def _why_not_liveportrait(settings: Settings) -> str | None:
    """What keeps "auto" from the neural renderer, or None."""
    from talkinghead.checkpoints import resolve

    try:
        resolve("liveportrait", settings.checkpoints)
    except CheckpointError:
        if settings.checkpoints is not None:
            return f"{settings.checkpoints} holds no complete liveportrait weights"
        return "for the neural one: a GPU and `talkinghead checkpoints pull liveportrait`"
    from talkinghead.core.device import resolve_device

    if resolve_device(settings.device).type == "cpu":
        return "no GPU; the neural one is slow without: --renderer liveportrait"
    return None


def _warp(settings: Settings) -> Renderer:
    from talkinghead.renderers.warp import WarpRenderer

    return WarpRenderer(keep_mouth=settings.keep_mouth)


def _liveportrait(settings: Settings) -> Renderer:
    from talkinghead.renderers.liveportrait.renderer import open_renderer

    return open_renderer(settings)
