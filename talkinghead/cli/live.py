"""`talkinghead live`: a camera drives a portrait in real time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from talkinghead.cli.options import drawing_options, logging_options, motion_options, settings_from
from talkinghead.cli.progress import say
from talkinghead.cli.stopping import stop_at_once


@click.command()
@click.argument("portrait", type=click.Path(path_type=Path))
@click.option("--camera", default="0", show_default=True, metavar="CAMERA",
              help="Number of a webcam, a video file, or a stream's URL.")  # fmt: skip
@click.option("--camera-face", type=click.IntRange(min=1), metavar="N", help="Which of the faces before the camera.")
@click.option("--no-window", is_flag=True, help="Show nothing.")
@click.option("--virtual-camera", is_flag=True, help="Send the frames to a camera that other programs see.")
@click.option("--record", type=click.Path(path_type=str), metavar="OUT", help="Also write a video, without sound.")
@click.option("--force", is_flag=True, help="Overwrite OUT.")
@click.option("--max-side", type=click.IntRange(min=64), default=720, show_default=True, metavar="PX",
              help="Shrink the portrait to this before anything is drawn.")  # fmt: skip
@click.option("--max-frames", type=click.IntRange(min=1), metavar="N", help="Stop after so many frames.")
@drawing_options
@motion_options
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
    settings = settings_from(options)
    from talkinghead.live.loop import open_session

    with stop_at_once():
        session = open_session(
            portrait,
            settings,
            camera=camera,
            camera_face=camera_face,
            window=not no_window,
            virtual_camera=virtual_camera,
            record=record,
            force=force,
            max_side_px=max_side,
        )
    say(session.note, quiet)
    report = session.run(max_frames)
    say(report.summary(), quiet)
    if record and not quiet:
        click.echo(record)
