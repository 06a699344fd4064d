"""`talkinghead edit`: one picture in, one picture out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from talkinghead.cli.options import drawing_options, logging_options, settings_from
from talkinghead.cli.progress import say
from talkinghead.cli.stopping import stop_at_once

SYNTHETIC = "Synthetic picture: the face was changed by talkinghead."

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
        function = click.option(f"--{name.replace('_', '-')}", name, type=float, help=text)(function)
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


@click.command()
@click.argument("picture", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="OUT",
              help="Picture to write  [default: PICTURE--edited.png]")  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite OUT.")
@_controls
@click.option("--set", "shapes", multiple=True, metavar="NAME=VALUE", help="Any ARKit blendshape; repeatable.")
@click.option("--sheet", "sheets", multiple=True, metavar="NAME=V1,V2,...",
              help="Draw several values side by side; twice for a table.")  # fmt: skip
@drawing_options
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
    from talkinghead.media.images import check_picture_target, write_image
    from talkinghead.motion.controls import Editor, Sheet, to_motion

    out = output or Path(f"{picture.stem}--edited.png")
    controls = {name: value for name in _HELP if (value := options.pop(name)) is not None}
    controls.update(_assignments(shapes))
    tables = [Sheet(*_sheet(text)) for text in sheets]
    if len(tables) > 2:
        raise click.UsageError("a sheet varies one or two controls: give --sheet at most twice")
    settings = settings_from(options)
    # What is misspelt, out of range or in the way is told before the picture is opened.
    check_picture_target(out, force)
    for values in [controls, *({table.control: value} for table in tables for value in table.values)]:
        to_motion(values)
    with stop_at_once():
        editor = Editor(picture, settings)
    say(editor.note, quiet)
    pixels = editor.draw_sheet(controls, tables) if tables else editor.draw(controls)
    write_image(out, pixels, force=force, comment=SYNTHETIC)
    if not quiet:
        click.echo(out)
