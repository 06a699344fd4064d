"""`talkinghead live`: a camera drives a portrait in real time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from talkinghead.cli.options import (
    FACE,
    GAINS,
    RENDERER,
    RENDERERS_OWN,
    SIGNING,
    GroupedCommand,
    from_table,
    logging_options,
    marked,
    option,
    settings_from,
)
from talkinghead.cli.progress import say
from talkinghead.cli.stopping import stop_at_once


@click.command(cls=GroupedCommand)
@click.argument("portrait", type=click.Path(path_type=Path))
@option("--camera", section="motion", default="0", show_default=True, metavar="CAMERA",
        help="Number of a webcam, a video file, or a stream's URL.")  # fmt: skip
@option("--camera-face", section="motion", type=click.IntRange(min=1), metavar="N",
        help="Which of the faces before the camera.")  # fmt: skip
@option("--no-window", section="make", is_flag=True, help="Show nothing.")
@option("--virtual-camera", section="make", is_flag=True, help="Send the frames to a camera that other programs see.")
@option("--record", section="make", type=click.Path(path_type=str), metavar="OUT",
        help="Also write a video, without sound.")  # fmt: skip
@option("--force", section="make", is_flag=True, help="Overwrite OUT.")
@option("--max-side", section="make", type=click.IntRange(min=64), default=720, show_default=True, metavar="PX",
        help="Shrink the portrait to this before anything is drawn.")  # fmt: skip
@option("--no-label", section="marks", is_flag=True, help="Draw no visible mark into the upper left corner.")
@option("--max-frames", section="make", type=click.IntRange(min=1), metavar="N", help="Stop after so many frames.")
@from_table((*RENDERER, "background", *FACE, *GAINS, *RENDERERS_OWN, "label-text", *SIGNING))
@logging_options
def command(
    portrait: Path,
    camera: str,
    camera_face: int | None,
    no_window: bool,
    virtual_camera: bool,
    record: str | None,
    force: bool,
    max_side: int,
    no_label: bool,
    max_frames: int | None,
    quiet: bool,
    verbose: bool,
    **options: Any,
) -> None:
    """Drive PORTRAIT, a picture, by a camera in real time.

    Keys in the window: n takes your face of this moment as the neutral one, q or Escape quits.
    """
    if no_window and not record and not virtual_camera and max_frames is None:
        raise click.UsageError("--no-window leaves nothing to do: add --record, --virtual-camera or --max-frames")
    settings = settings_from(marked(options, no_label), one_face=True)
    with stop_at_once():
        from talkinghead.avatar import Avatar
        from talkinghead.live.loop import open_live
        from talkinghead.media.images import read_image

        loop = open_live(
            Avatar(read_image(portrait, max_side_px=max_side), settings=settings),
            camera=camera,
            camera_face=camera_face,
            window=not no_window,
            virtual_camera=virtual_camera,
            record=record,
            force=force,
        )
    say(loop.note, quiet)
    report = loop.run(max_frames)
    say(report.summary(), quiet)
    if record and not quiet:
        click.echo(record)
