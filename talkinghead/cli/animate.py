"""`talkinghead animate`: a picture or a video, moved by a video, a picture, a motion file or a folder of frames."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from talkinghead.cli.options import (
    Box,
    drawing_options,
    liveportrait_options,
    logging_options,
    motion_options,
    output_options,
    settings_from,
)
from talkinghead.cli.progress import say
from talkinghead.cli.saving import check_targets, save
from talkinghead.cli.stopping import stop_at_once

_PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp"})


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("driving", type=click.Path(path_type=Path))
@click.option("--audio", type=click.Path(path_type=Path), metavar="FILE", help="Sound instead of the driver's own.")
@click.option("--no-audio", is_flag=True, help="Write no sound.")
@click.option("--driving-face", type=click.IntRange(min=1), metavar="N",
              help="Which face of DRIVING, counted from the largest.")  # fmt: skip
@click.option("--driving-box", type=Box(), help="Where a driving picture's face is, if none is found.")
@output_options
@drawing_options
@motion_options
@liveportrait_options
@logging_options
def command(
    source: Path,
    driving: Path,
    audio: Path | None,
    no_audio: bool,
    driving_face: int | None,
    driving_box: tuple[float, float, float, float] | None,
    output: str | None,
    force: bool,
    save_motion: Path | None,
    report: Path | None,
    quiet: bool,
    verbose: bool,
    **options: Any,
) -> None:
    """Move SOURCE, a picture or a video, by DRIVING.

    \b
    DRIVING is
      a video        its expressions and head pose, its sound carried over
      a picture      its expression: one frame where OUT is a picture, else a short clip
      a motion file  .npz, LivePortrait .pkl, ARKit .csv
      a folder       of numbered frames, audio.wav beside them

    Writes SOURCE--DRIVING.mp4 into the current folder.
    """
    begin = time.monotonic()
    if audio and no_audio:
        raise click.UsageError("--audio and --no-audio exclude each other")
    settings = settings_from(options)
    out = output or f"{source.stem}--{driving.stem}.mp4"
    single = Path(out).suffix.lower() in _PICTURES and not out.endswith("/")
    if single:
        if save_motion or report:
            raise click.UsageError("--save-motion and --report are for videos: name a .mp4")
        from talkinghead.media.images import check_picture_target

        check_picture_target(Path(out), force)
    else:
        check_targets(out, save_motion, report, force)
    with stop_at_once():
        from talkinghead.drivers.opening import animate

        clip = animate(
            source, driving, settings, audio=audio, silent=no_audio, driving_face=driving_face, driving_box=driving_box,
            single=single,
        )  # fmt: skip
    say(clip.note, quiet)
    if single:
        if clip.frames != 1:
            raise click.UsageError(f"a video does not fit into {out}: name a .mp4, or a folder ending in /")
        from talkinghead.media.images import write_image

        write_image(Path(out), next(iter(clip)), force=force)
        if not quiet:
            click.echo(out)
        return
    save(clip, out, force=force, motion_to=save_motion, report=report, quiet=quiet, verbose=verbose, begin_s=begin)
    _warn_of_lost_faces(clip.track, quiet)


def _warn_of_lost_faces(track: Any, quiet: bool) -> None:
    if track is not None and track.lost:
        say(
            f"no face in {track.lost} of {track.frames} driving frames ({track.gaps} gaps, the longest "
            f"{track.longest_s:.1f} s): the last pose was held, then eased to rest",
            quiet,
        )
