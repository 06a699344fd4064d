"""Options that several commands share, made from the one table in `core.settings`, and listed in groups by --help."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

from talkinghead.core.errors import InputError
from talkinghead.core.marking import LABEL
from talkinghead.core.options import Option
from talkinghead.core.settings import OPTIONS, Settings, parse_box, parse_fps, settings_of

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
Decorator = Callable[[Any], Any]

SECTIONS = {
    "make": "What to make",
    "face": "The face",
    "motion": "The motion",
    "voice": "The voice",
    "neural": "The liveportrait renderer",
    "warp": "The warp renderer",
    "marks": "How it is marked as made",
    "saying": "Saying less or more",
}


class GroupedOption(click.Option):
    """An option that knows under which heading --help lists it."""

    def __init__(self, *args: Any, section: str = "make", **kwargs: Any) -> None:
        self.section = section
        super().__init__(*args, **kwargs)


class GroupedCommand(click.Command):
    """A command whose --help lists options under headings, those of nobody's at the end."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows: dict[str, list[tuple[str, str]]] = {section: [] for section in SECTIONS}
        for parameter in self.get_params(ctx):
            record = None if isinstance(parameter, click.Argument) else parameter.get_help_record(ctx)
            if record is not None:
                section = parameter.section if isinstance(parameter, GroupedOption) else "saying"
                rows[section].append(record)
        for section, heading in SECTIONS.items():
            if rows[section]:
                with formatter.section(heading):
                    formatter.write_dl(rows[section])


class Text(click.ParamType):  # type: ignore[type-arg]  # generic only from click 8.4 on
    """A value that one of our own readers understands: its InputError is a usage error."""

    def __init__(self, read: Callable[[str], Any], name: str) -> None:
        self._read, self.name = read, name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self._read(value)
        except InputError as error:
            self.fail(str(error), param, ctx)


class GivenFile(click.Path):
    """A file's name as a `Path`; an address on the web is told apart, whose slashes a `Path` would swallow."""

    def __init__(self, allow_dash: bool = False) -> None:
        super().__init__(path_type=Path, allow_dash=allow_dash)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str) and "://" in value:
            self.fail(f"{value} is an address: download the file first, and give its name", param, ctx)
        return super().convert(value, param, ctx)


FRAME_RATE = Text(parse_fps, "rate")
BOX = Text(parse_box, "x,y,w,h")


def option(*names: str, section: str, **kwargs: Any) -> Decorator:
    """`click.option` under a heading of --help."""
    return click.option(*names, cls=GroupedOption, section=section, **kwargs)


def from_table(names: Iterable[str]) -> Decorator:
    """The options of the table by their long names, in this order."""
    return together(*(_made(OPTIONS[name]) for name in names))


def _made(item: Option) -> Decorator:
    """One option of the table as click wants it; its value arrives under its long name."""
    names, section = (f"--{item.name}", item.name.replace("-", "_")), item.group
    if item.is_flag:

        def chosen(ctx: click.Context, param: click.Parameter, given: bool) -> Any:
            return item.stored if given else item.default

        return option(*names, section=section, is_flag=True, callback=chosen, help=item.help)
    if item.name == "checkpoints":
        return option(*names, section=section, type=click.Path(path_type=Path, file_okay=False), metavar=item.metavar,
                      envvar="TALKINGHEAD_CHECKPOINTS", help=item.help)  # fmt: skip
    kind = click.Choice(item.choices) if item.choices else Text(item.read, item.name)
    text = item.help if item.default is None else f"{item.help}  [default: {_short(item.default)}]"
    return option(*names, section=section, type=kind, default=item.default, metavar=item.metavar, help=text)


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def together(*decorators: Decorator) -> Decorator:
    """Several option decorators as one, listed in the order in which --help shows them."""

    def decorate(function: Any) -> Any:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def _remember_debug(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    if value:
        ctx.find_root().meta["talkinghead.debug"] = True
    return value


def _say_more(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    """Show what the library's rooms log of their own accord."""
    if value:
        logging.basicConfig(format="talkinghead: %(message)s")
        logging.getLogger("talkinghead").setLevel(logging.INFO)
    return value


_quiet = option("-q", "--quiet", section="saying", is_flag=True, help="Print nothing but errors.")
_debug = option("--debug", section="saying", is_flag=True, expose_value=False, is_eager=True, callback=_remember_debug,
                help="Show the traceback of an error.")  # fmt: skip
# For commands that have more to say, and for those that have not.
logging_options = together(
    _quiet,
    option("-v", "--verbose", section="saying", is_flag=True, callback=_say_more, help="Say more."),
    _debug,
)
quiet_options = together(_quiet, _debug)

output_options = together(
    option("-o", "--output", section="make", type=click.Path(path_type=str), metavar="OUT",
           help="File to write: .mp4 .mov .mkv .webm .gif, .m3u8 (HLS), or a folder ending in / for numbered PNG "
                "frames; - for MP4 on standard output; rtmp://, rtp://, udp://, srt:// for a server."),
    option("--force", section="make", is_flag=True, help="Overwrite OUT."),
    option("--save-motion", section="make", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
           help="Also write the driving motion: .npz, .csv (ARKit) or .pkl (LivePortrait)."),
    option("--report", section="make", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.json",
           help="Measure the result and write timings and quality figures."),
    option("--nvenc", section="make", is_flag=True, help="Let an NVIDIA GPU encode the video (H.264)."),
)  # fmt: skip

RENDERER = ("renderer", "checkpoints", "device", "precision")
PICTURE = ("background", "max-side")
FACE = ("face", "box", "force-mouth", "crop", "no-crop")
GAINS = ("emotion", "still", "mouth", "head", "blink", "expression")
RENDERERS_OWN = ("crop-size", "region", "absolute", "no-stitching", "multiplier", "driving-option", "lip-retargeting",
                 "eye-retargeting", "normalize-lip", "acceleration")  # fmt: skip

SIGNING = ("no-metadata", "sign-cert", "sign-key", "tsa")
MARKS = ("label", "label-text", *SIGNING)


def marked(options: dict[str, Any], no_label: bool) -> dict[str, Any]:
    """The options of a command that draws a visible mark unless it is told not to.

    Raises:
        click.UsageError: it is told not to, and which.
    """
    if no_label and options["label_text"] != LABEL:
        raise click.UsageError("--no-label and --label-text exclude each other: choose one")
    return {**options, "label": not no_label}


def settings_from(options: dict[str, Any], *, one_face: bool = False) -> Settings:
    """Settings from a command's keyword arguments; what a command does not offer keeps its default.

    Raises:
        click.UsageError: two of them exclude each other, or all faces are asked of a command that moves `one_face`.
    """
    if one_face and options["face"] == "all":
        raise click.UsageError("--face all is for `speak`: give a face's number")
    given = {name.replace("_", "-"): value for name, value in options.items()}
    try:
        return settings_of({name: value for name, value in given.items() if name in OPTIONS})
    except InputError as error:
        raise click.UsageError(str(error)) from None
