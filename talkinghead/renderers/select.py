"""Choosing what draws: the embedded warp renderer or LivePortrait's networks."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import NamedTuple

from talkinghead.core.device import resolve_device
from talkinghead.core.errors import CheckpointError, InputError
from talkinghead.core.settings import Settings, given_options
from talkinghead.motion.protocols import Renderer

_log = logging.getLogger("talkinghead")


class Selection(NamedTuple):
    """A renderer and one line for people: which it is and how to get the other."""

    renderer: Renderer
    note: str


def select(settings: Settings, few_frames: bool = False) -> Selection:
    """The renderer that `settings` ask for.

    "auto" takes LivePortrait where its weights and a GPU are there, else the embedded warp renderer. With `few_frames`
    precision "auto" is full precision, since so few frames take no longer than loading the weights does.

    Raises:
        CheckpointError: LivePortrait was asked for by name and its weights are missing or damaged.
        InputError: options were given that only the other renderer has.
    """
    if settings.renderer in ("liveportrait", "liveportrait-animals"):
        return Selection(_liveportrait(settings, few_frames), f"renderer: {settings.renderer}")
    if settings.renderer == "warp":
        return Selection(_warp(settings), "renderer: warp")
    missing = _why_not_liveportrait(settings)
    if missing is None:
        return Selection(
            _liveportrait(settings, few_frames), "renderer: liveportrait (for the embedded one: --renderer warp)"
        )
    return Selection(_warp(settings), f"renderer: warp, embedded ({missing})")


def _why_not_liveportrait(settings: Settings) -> str | None:
    """What keeps "auto" from the neural renderer, or None."""
    from talkinghead.checkpoints import resolve

    try:
        resolve("liveportrait", settings.checkpoints)
    except CheckpointError as error:
        _log.info("the neural renderer is not there: %s", error)
        if settings.checkpoints is not None:
            return f"{settings.checkpoints} holds no complete liveportrait weights"
        return "for the neural one: a GPU and `talkinghead checkpoints pull liveportrait`"
    if resolve_device(settings.device).type == "cpu":
        return "no GPU; the neural one is slow without: --renderer liveportrait"
    return None


def _warp(settings: Settings) -> Renderer:
    from talkinghead.renderers.warp import WarpRenderer

    given = given_options(settings.liveportrait) + (["precision"] if settings.precision != "auto" else [])
    _refuse(given, "the liveportrait renderer", "warp", "--renderer liveportrait")
    return WarpRenderer(settings.warp)


def _liveportrait(settings: Settings, few_frames: bool) -> Renderer:
    _refuse(given_options(settings.warp), "the warp renderer", "liveportrait", "--renderer warp")
    device = resolve_device(settings.device)  # first: PyTorch and the GPU take longer than all else
    from talkinghead.models.liveportrait.ready import made_ready

    with made_ready(device):
        from talkinghead.renderers.liveportrait import open_renderer

        exact = few_frames and settings.precision == "auto"
        return open_renderer(replace(settings, precision="fp32") if exact else settings)


def _refuse(names: list[str], owner: str, drawing: str, instead: str) -> None:
    """An option that would do nothing is a mistake to be told, not to be passed over."""
    if names:
        listed = ", ".join(f"--{name}" for name in names)
        verb = "is an option" if len(names) == 1 else "are options"
        raise InputError(f"{listed} {verb} of {owner}, and {drawing} draws here: leave it out or say {instead}")
