"""`talkinghead animate`: a picture or a video, moved by a video, a picture, a motion file or a folder of frames."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from talkinghead.cli.options import (
    BOX,
    FACE,
    GAINS,
    MARKS,
    PICTURE,
    RENDERER,
    RENDERERS_OWN,
    GivenFile,
    GroupedCommand,
    from_table,
    logging_options,
    option,
    output_options,
    settings_from,
)
from talkinghead.cli.progress import say
from talkinghead.cli.saving import check_targets, save
from talkinghead.cli.stopping import stop_at_once

if TYPE_CHECKING:
    from talkinghead.clip import Clip
    from talkinghead.core.settings import Settings

_PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp"})


@click.command(cls=GroupedCommand)
@click.argument("source", type=GivenFile())
@click.argument("driving", type=GivenFile())
@option("--audio", section="voice", type=click.Path(path_type=Path), metavar="FILE",
        help="Sound instead of the driver's own.")  # fmt: skip
@option("--no-audio", section="voice", is_flag=True, help="Write no sound.")
@option("--driving-face", section="motion", type=click.IntRange(min=1), metavar="N",
        help="Which face of DRIVING, counted from the largest.")  # fmt: skip
@option("--driving-box", section="motion", type=BOX, metavar="X,Y,W,H",
        help="Where a driving picture's face is, if none is found.")  # fmt: skip
@output_options
@from_table((*RENDERER, "fps", *PICTURE, *FACE, *GAINS, *RENDERERS_OWN, *MARKS))
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
    nvenc: bool,
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
    settings = settings_from(options, one_face=True)
    out = output or f"{source.stem}--{driving.stem}.{'webm' if settings.is_transparent else 'mp4'}"
    single = Path(out).suffix.lower() in _PICTURES and not out.endswith("/")
    if single:
        unwanted: dict[str, object] = {
            "--save-motion": save_motion, "--report": report, "--fps": settings.fps, "--audio": audio,
            "--nvenc": nvenc or None,
        }  # fmt: skip
        _check_single(out, force, unwanted, (source, driving), settings)
    else:
        check_targets(out, save_motion, report, force, made_from=(source, driving, audio), nvenc=nvenc,
                      transparent=settings.is_transparent, marking=settings.marking)  # fmt: skip
    with stop_at_once():
        from talkinghead.calls import animate

        clip = animate(
            source, driving, audio=audio, silent=no_audio, driving_face=driving_face, driving_box=driving_box,
            single=single, settings=settings,
        )  # fmt: skip
    say(clip.note, quiet)
    if single:
        _write_single(clip, Path(out), force, quiet)
        return
    save(clip, out, force=force, motion_to=save_motion, report=report, quiet=quiet, verbose=verbose, begin_s=begin,
         nvenc=nvenc)  # fmt: skip
    _warn_of_lost_faces(clip, quiet)


def _check_single(
    out: str, force: bool, given: dict[str, object], made_from: tuple[Path | None, ...], settings: Settings
) -> None:
    """One picture out: nothing that only a video has may be asked for."""
    from talkinghead.core.output import check_not_input
    from talkinghead.media.image_writing import check_picture_target

    if meaningless := [name for name, value in given.items() if value is not None]:
        raise click.UsageError(f"{meaningless[0]} is for videos, and {out} is one picture: name a .mp4")
    check_picture_target(Path(out), force, settings.is_transparent, settings.marking)
    check_not_input(Path(out), *made_from)


def _write_single(clip: Clip, out: Path, force: bool, quiet: bool) -> None:
    from talkinghead.media.image_writing import write_image

    if clip.frames != 1:
        raise click.UsageError(f"a video does not fit into {out}: name a .mp4, or a folder ending in /")
    write_image(out, clip.first_picture(), force=force, making=clip.making)
    if not quiet:
        click.echo(out)


def _warn_of_lost_faces(clip: Clip, quiet: bool) -> None:
    track = clip.tracking.get("driver")
    if track is not None and track["lost"]:
        say(
            f"no face in {track['lost']} of {track['frames']} driving frames ({track['gaps']} gaps, the longest "
            f"{track['longest_s']:.1f} s): the last pose was held, then eased to rest",
            quiet,
        )
