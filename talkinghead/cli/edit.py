"""`talkinghead edit`: one picture in, one picture out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from talkinghead.cli.options import (
    FACE,
    MARKS,
    PICTURE,
    RENDERER,
    GivenFile,
    GroupedCommand,
    from_table,
    logging_options,
    option,
    settings_from,
)
from talkinghead.cli.progress import say
from talkinghead.cli.stopping import stop_at_once

_HELP = {
    "smile": "-1 (frown) to 1",
    "brows": "-1 (down) to 1 (up)",
    "blink": "-1 (wide) to 1 (shut)",
    "wink_left": "the person's left eye, 0 to 1",
    "wink_right": "the person's right eye, 0 to 1",
    "squint": "-1 (wide) to 1",
    "gaze_x": "-1 to 1 (to the person's left)",
    "gaze_y": "-1 (down) to 1 (up)",
    "jaw": "-1 (lips pressed) to 1 (open)",
    "pucker": "-1 (stretched) to 1",
    "pitch": "degrees, positive lowers the nose",
    "yaw": "degrees, positive turns to the picture's left",
    "roll": "degrees, positive leans to the picture's right",
    "x": "shift to the right, in half face crops",
    "y": "shift downwards, in half face crops",
    "zoom": "0.5 to 2",
}


def _controls(function: Any) -> Any:
    for name, text in reversed(_HELP.items()):
        function = option(
            f"--{name.replace('_', '-')}", name, section="motion", type=float, metavar="VALUE", help=text
        )(function)
    return function


def _assignments(texts: tuple[str, ...]) -> dict[str, float]:
    """`NAME=VALUE` words as a dict."""
    out = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            out[name.strip()] = float(value)
        except ValueError:
            raise click.UsageError(f"{text!r} is not NAME=VALUE, e.g. jawOpen=0.3") from None
    return out


def _sheet(text: str) -> tuple[str, tuple[float, ...]]:
    name, _, values = text.partition("=")
    try:
        return name.strip().replace("-", "_"), tuple(float(value) for value in values.split(","))
    except ValueError:
        raise click.UsageError(f"{text!r} is not NAME=V1,V2,..., e.g. smile=0,0.5,1") from None


@click.command(cls=GroupedCommand)
@click.argument("picture", type=GivenFile())
@option("-o", "--output", section="make", type=click.Path(path_type=Path, dir_okay=False), metavar="OUT",
        help="Picture to write  [default: PICTURE--edited.png]")  # fmt: skip
@option("--force", section="make", is_flag=True, help="Overwrite OUT.")
@_controls
@option("--set", "shapes", section="motion", multiple=True, metavar="NAME=VALUE",
        help="Any ARKit blendshape; repeatable.")  # fmt: skip
@option("--sheet", "sheets", section="make", multiple=True, metavar="NAME=V1,V2,...",
        help="Draw several values side by side; twice for a table.")  # fmt: skip
@from_table(
    (
        *RENDERER,
        *PICTURE,
        *FACE,
        "emotion",
        "crop-size",
        "region",
        "no-stitching",
        "multiplier",
        "normalize-lip",
        "acceleration",
        *MARKS,
    )
)
@logging_options
def command(
    picture: Path,
    output: Path | None,
    force: bool,
    shapes: tuple[str, ...],
    sheets: tuple[str, ...],
    quiet: bool,
    verbose: bool,
    **options: Any,
) -> None:
    """Change the face in PICTURE: smile, brows, gaze, lids, mouth and pose.

    \b
    talkinghead edit face.png --smile 0.6 --yaw 12 --set jawOpen=0.3
    talkinghead edit face.png --sheet smile=-0.5,0,0.5,1 --sheet yaw=-10,0,10
    """
    from talkinghead.core.output import check_not_input
    from talkinghead.media.image_writing import check_picture_target, write_image
    from talkinghead.motion.controls import controls_to_motion
    from talkinghead.provenance.making import MadeFrom, Making

    out = output or Path(f"{picture.stem}--edited.png")
    controls = {name: value for name in _HELP if (value := options.pop(name)) is not None}
    controls.update(_assignments(shapes))
    tables = [_sheet(text) for text in sheets]
    if len(tables) > 2:
        raise click.UsageError("a sheet varies one or two controls: give --sheet at most twice")
    if len(dict(tables)) < len(tables):
        raise click.UsageError(f"--sheet varies {tables[0][0]} twice: name two controls, or all values in one")
    settings = settings_from(options, one_face=True)
    # What is misspelt, out of range or in the way is told before the picture is opened.
    check_picture_target(out, force, settings.is_transparent, settings.marking)
    check_not_input(out, picture)
    for values in [controls, *({name: value} for name, column in tables for value in column)]:
        controls_to_motion(values)
    with stop_at_once():
        from talkinghead.calls import editor

        avatar = editor(picture, settings)
    say(avatar.note, quiet)
    pixels = avatar.edit_sheet(controls, dict(tables)) if tables else avatar.edit_rgba(controls)
    write_image(out, pixels, force=force, making=Making(settings.marking, (MadeFrom(picture, "source"),), edits=True))
    if not quiet:
        click.echo(out)
