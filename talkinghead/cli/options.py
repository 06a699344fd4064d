"""Options that several commands share, and the one place where they become Settings."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import click

from talkinghead.core.device import DEVICES, PRECISIONS
from talkinghead.core.errors import InputError
from talkinghead.core.settings import RENDERERS, Framing, Gains, Settings, parse_fps

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

ALL_FACES = 0
REGIONS = ("all", "exp", "pose", "lip", "eyes")
DRIVING_OPTIONS = ("expression-friendly", "pose-friendly")


class FrameRate(click.ParamType):
    """25, 29.97 or 30000/1001."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        if isinstance(value, Fraction):
            return value
        try:
            return parse_fps(value)
        except InputError as error:
            self.fail(str(error), param, ctx)


class FaceChoice(click.ParamType):
    """A face's number, counted from the largest, or "all" (0)."""

    name = "N|all"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if value == "all":
            return ALL_FACES
        try:
            number = int(value)
        except ValueError:
            number = -1
        if number < 1 and value != ALL_FACES:
            self.fail(f"{value!r} is not a face: write its number, 1 for the largest, or all", param, ctx)
        return number


class Box(click.ParamType):
    """x,y,width,height in pixels."""

    name = "x,y,w,h"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        try:
            x, y, width, height = (float(part) for part in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not a box: write x,y,width,height in pixels", param, ctx)
        if not all(map(math.isfinite, (x, y, width, height))):
            self.fail(f"{value!r} is not a box: write x,y,width,height in pixels", param, ctx)
        if width <= 0 or height <= 0:
            self.fail(f"{value!r} has no area", param, ctx)
        return x, y, width, height


def _remember_debug(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    if value:
        ctx.find_root().meta["talkinghead.debug"] = True
    return value


def _all(*decorators: Callable[[Decorated], Decorated]) -> Callable[[Decorated], Decorated]:
    """Several option decorators as one, listed in the order in which --help shows them."""

    def decorate(function: Decorated) -> Decorated:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


logging_options = _all(
    click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors."),
    click.option("-v", "--verbose", is_flag=True, help="Say more."),
    click.option("--debug", is_flag=True, expose_value=False, is_eager=True, callback=_remember_debug,
                 help="Show the traceback of an error."),
)  # fmt: skip

output_options = _all(
    click.option("-o", "--output", type=click.Path(path_type=str), metavar="OUT",
                 help="File to write: .mp4 .mov .mkv .webm .gif, or a folder ending in / for numbered PNG frames."),
    click.option("--force", is_flag=True, help="Overwrite OUT."),
    click.option("--save-motion", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
                 help="Also write the driving motion: .npz, .csv (ARKit) or .pkl (LivePortrait)."),
    click.option("--report", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.json",
                 help="Measure the result and write timings and quality figures."),
)  # fmt: skip

drawing_options = _all(
    click.option("--renderer", type=click.Choice(RENDERERS), default="auto", show_default=True),
    click.option("--checkpoints", type=click.Path(path_type=Path, file_okay=False), envvar="TALKINGHEAD_CHECKPOINTS",
                 metavar="DIR", help="Folder of downloaded weights."),
    click.option("--device", type=click.Choice(DEVICES), default="auto", show_default=True),
    click.option("--precision", type=click.Choice(PRECISIONS), default="auto", show_default=True),
    click.option("--fps", type=FrameRate(), help="Frames per second: 25, 29.97, 30000/1001."),
    click.option("--crop", is_flag=True, help="Write the face crop alone, without pasting it back."),
    click.option("--no-crop", is_flag=True, help="SOURCE already is a face crop."),
    click.option("--face", type=FaceChoice(), help="Which face, counted from the largest."),
    click.option("--box", type=Box(), help="Where the face is, if none is found."),
    click.option("--seed", type=int, default=0, show_default=True, help="Of blinks, brows and head motion."),
)  # fmt: skip

motion_options = _all(
    click.option("--still", is_flag=True, help="Keep the head still."),
    click.option("--mouth", type=float, default=1.0, help="Gain of jaw and lips  [default: 1]"),
    click.option("--head", type=float, default=1.0, help="Gain of head motion  [default: 1]"),
    click.option("--blink", type=float, default=1.0, help="Gain of the lids  [default: 1]"),
    click.option("--expression", type=float, default=1.0, help="Gain of brows, gaze and cheeks  [default: 1]"),
)  # fmt: skip

liveportrait_options = _all(
    click.option("--region", type=click.Choice(REGIONS), default="all", help="Part that moves (liveportrait)."),
    click.option("--absolute", is_flag=True, help="Take the driver's pose and expression as they are (liveportrait)."),
    click.option("--no-stitching", is_flag=True, help="Do not fit the shoulders (liveportrait)."),
    click.option("--multiplier", type=float, default=1.0, help="Of the keypoints' motion (liveportrait)."),
    click.option("--driving-option", type=click.Choice(DRIVING_OPTIONS), default="expression-friendly",
                 help="How an absolute driver's size is met (liveportrait)."),
    click.option("--lip-retargeting", is_flag=True, help="Fit the driver's lip opening (liveportrait)."),
    click.option("--eye-retargeting", is_flag=True, help="Fit the driver's eye opening (liveportrait)."),
    click.option("--normalize-lip", is_flag=True, help="Close the source's open mouth first (liveportrait)."),
    click.option("--compile", is_flag=True, help="Let torch.compile fuse the networks (liveportrait)."),
)  # fmt: skip


def settings_from(options: dict[str, Any]) -> Settings:
    """Settings from a command's keyword arguments; what a command does not offer keeps its default.

    Raises:
        click.UsageError: --crop and --no-crop together.
    """
    if options.get("crop") and options.get("no_crop"):
        raise click.UsageError("--crop and --no-crop exclude each other")
    framing: Framing = "crop" if options.get("crop") else "whole" if options.get("no_crop") else "picture"
    gains = Gains(**{part: options.get(part, 1.0) for part in ("mouth", "head", "blink", "expression")})
    neural = {
        "region": options.get("region", "all"),
        "absolute": options.get("absolute", False),
        "stitching": not options.get("no_stitching", False),
        "multiplier": options.get("multiplier", 1.0),
        "driving_option": options.get("driving_option", "expression-friendly"),
        "lip_retargeting": options.get("lip_retargeting", False),
        "eye_retargeting": options.get("eye_retargeting", False),
        "normalize_lip": options.get("normalize_lip", False),
        "compile": options.get("compile", False),
    }
    shared = ("renderer", "checkpoints", "device", "precision", "fps", "face", "box", "seed", "still")
    given = {name: options[name] for name in shared if name in options}
    if given.get("face") == ALL_FACES:
        raise click.UsageError("--face all is for `speak`: give a face's number")
    return Settings(framing=framing, gains=gains, liveportrait=neural, **given)
