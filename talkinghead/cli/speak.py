"""`talkinghead speak`: a picture and a recording in, a lip-synced video out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from talkinghead.cli.options import (
    drawing_options,
    liveportrait_options,
    logging_options,
    motion_options,
    output_options,
    settings_from,
)
from talkinghead.cli.progress import say
from talkinghead.cli.saving import save


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("audio", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--motion-model", default="embedded", show_default=True, metavar="NAME",
              help="embedded, joyvasa, or the folder of an audio2motion checkpoint.")  # fmt: skip
@output_options
@drawing_options
@motion_options
@liveportrait_options
@logging_options
def command(
    source: Path,
    audio: Path,
    motion_model: str,
    output: str | None,
    force: bool,
    save_motion: Path | None,
    report: Path | None,
    quiet: bool,
    verbose: bool,
    **options: Any,
) -> None:
    """Make SOURCE, a picture or a video, speak AUDIO, any audio or video file (or - for a WAV stream on stdin).

    Writes SOURCE--AUDIO.mp4 into the current folder, with the original sound.
    """
    begin = time.monotonic()
    settings = settings_from(options)
    out = output or f"{source.stem}--{'stdin' if str(audio) == '-' else audio.stem}.mp4"
    from talkinghead.media.video import check_target
    from talkinghead.speaking import speak

    check_target(out, force)

    clip = speak(source, audio, settings, motion_model=motion_model)
    say(clip.note, quiet)
    save(clip, out, force=force, motion_to=save_motion, report=report, quiet=quiet, begin_s=begin)
