"""`talkinghead motion`: extract motion from video or speech, look at it, convert it."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from talkinghead.cli.options import FRAME_RATE, quiet_options
from talkinghead.cli.progress import progress, say

if TYPE_CHECKING:
    from talkinghead.drivers.driving import Driving
    from talkinghead.motion.motion import Motion

_FORMATS = ".npz (everything), .csv (ARKit, Live Link Face) or .pkl (LivePortrait)"
_force = click.option("--force", is_flag=True, help="Overwrite OUT.")
_fps = click.option("--fps", type=FRAME_RATE, help="Frames per second of the result: 25, 29.97, 30000/1001.")
_file = click.Path(path_type=Path, dir_okay=False)


@click.group()
def command() -> None:
    """Extract, inspect and convert motion files: .npz, .csv (ARKit, Live Link Face), .pkl (LivePortrait)."""


@command.command()
@click.argument("source", type=click.Path(path_type=Path, allow_dash=True))
@click.option("-o", "--output", type=_file, metavar="OUT", help=f"File to write: {_FORMATS}  [default: SOURCE.npz]")
@click.option("--by", type=click.Choice(["auto", "face", "speech"]), default="auto", show_default=True,
              help="Track the face in a video, or predict from the sound; auto: a video's face.")  # fmt: skip
@click.option("--motion-model", default="embedded", show_default=True, metavar="NAME",
              help="Of speech: embedded, or the folder of an audio2motion checkpoint.")  # fmt: skip
@click.option("--face", type=click.IntRange(min=1), metavar="N", help="Which face, counted from the largest.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of speech's blinks, brows and head motion.")
@_fps
@_force
@quiet_options
def extract(
    source: Path,
    output: Path | None,
    by: str,
    motion_model: str,
    face: int | None,
    seed: int,
    fps: Fraction | None,
    force: bool,
    quiet: bool,
) -> None:
    """Write the motion of SOURCE: a video's face, or what the speech model makes of a recording (or - for stdin)."""
    from talkinghead.core.output import check_not_input, check_writable
    from talkinghead.drivers.video import tracked_video
    from talkinghead.motion.files import check_suffix, save_motion
    from talkinghead.motion.motion import Motion

    out = output or Path(f"{'stdin' if str(source) == '-' else source.stem}.npz")
    check_suffix(out)
    check_writable(out, force)
    check_not_input(out, source)
    if by == "face" or (by == "auto" and _has_picture(source)):
        driving: Driving[Any] = tracked_video(source, face=face)
    else:
        driving = _predicted(source, motion_model, fps, seed)
    motion = Motion.concatenate(list(_counted(driving, quiet)))
    if fps is not None:
        motion = motion.resampled(fps)
    save_motion(motion, out, force)
    say(f"{len(motion)} frames at {motion.fps} frames/s, {float(len(motion) / motion.fps):.1f} s", quiet)
    if not quiet:
        click.echo(out)


def _has_picture(source: Path) -> bool:
    """Whether SOURCE holds a video; sound with a cover picture does not."""
    from talkinghead.media.probe import describe, stream_lines

    return str(source) != "-" and bool(stream_lines(describe(source), "Video"))


def _predicted(source: Path, motion_model: str, fps: Fraction | None, seed: int) -> Driving[Any]:
    from talkinghead.core.settings import DEFAULT_FPS
    from talkinghead.drivers.opening import SpeechModel
    from talkinghead.media.sound import open_sound

    return SpeechModel(motion_model).driving(open_sound(source), fps or DEFAULT_FPS, seed=seed)


def _counted(driving: Driving[Any], quiet: bool) -> Iterable[Motion]:
    done = 0
    with progress("extracting", driving.frames, quiet) as advance:
        for chunk in driving:
            done += len(chunk)
            advance(done)
            yield chunk


@command.command()
@click.argument("file", type=_file)
@click.argument("out", type=_file)
@_fps
@_force
@quiet_options
def convert(file: Path, out: Path, fps: Fraction | None, force: bool, quiet: bool) -> None:
    """Write the motion in FILE to OUT in the format of its suffix: .npz, .csv or .pkl.

    Only .npz keeps everything: .csv has blendshapes and head rotation, .pkl LivePortrait's expression and pose.
    """
    from talkinghead.core.output import check_not_input
    from talkinghead.motion.files import load_motion, save_motion

    check_not_input(out, file)
    motion = load_motion(file)
    if fps is not None:
        motion = motion.resampled(fps)
    save_motion(motion, out, force)
    say(f"{len(motion)} frames at {motion.fps} frames/s", quiet)
    if not quiet:
        click.echo(out)


@command.command()
@click.argument("file", type=_file)
@click.option("-o", "--output", type=_file, metavar="OUT.png", help="Where to plot  [default: FILE--motion.png]")
@click.option("--no-plot", is_flag=True, help="Print the facts alone.")
@_force
@quiet_options
def info(file: Path, output: Path | None, no_plot: bool, force: bool, quiet: bool) -> None:
    """Print what the motion in FILE is, and plot its main channels."""
    from talkinghead.motion.files import load_motion
    from talkinghead.motion.plot import facts, plot

    motion = load_motion(file)
    for name, value in facts(motion).items():
        click.echo(f"{name + ':':<13} {value}")
    if no_plot:
        return
    out = output or Path(f"{file.stem}--motion.png")
    plot(motion, out, title=file.name, force=force)
    if not quiet:
        click.echo(out)
