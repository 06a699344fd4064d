"""The last part of every command that writes a clip: progress, report, one closing line."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from talkinghead.cli.progress import progress, say

if TYPE_CHECKING:
    from talkinghead.clip import Clip
    from talkinghead.core.marking import Marking


def check_targets(
    out: str,
    motion_to: Path | None,
    report: Path | None,
    force: bool,
    made_from: Iterable[Path | None] = (),
    nvenc: bool = False,
    transparent: bool = False,
    marking: Marking | None = None,
) -> None:
    """Whether everything can be written that was asked for: told before the work, not after.

    Raises:
        click.UsageError: two of them are the same file.
        OutputError: an unknown suffix, one that keeps nothing `transparent`, something there already without `force`,
            a folder that cannot be written, a file that the result is `made_from`, one that no GPU here encodes though
            it shall, or one that cannot be signed as `marking` asks.
        InputError: the certificate or its key are not of use.
    """
    from talkinghead.core.output import check_not_input, check_writable
    from talkinghead.media.streams import stream_of
    from talkinghead.media.video import check_nvenc, check_target
    from talkinghead.motion.files import check_suffix

    check_target(out, force, transparent, marking)
    if nvenc:
        check_nvenc(out)
    if force and stream_of(out) is not None:
        raise click.UsageError("--force is for files: a stream overwrites nothing")
    if motion_to is not None:
        check_suffix(motion_to)
    for target in (Path(out), motion_to, report):
        if target is not None:
            check_not_input(target, *made_from)
    named = [Path(out).absolute()]
    for extra in (motion_to, report):
        if extra is not None:
            check_writable(extra, force)
            if extra.absolute() in named:
                raise click.UsageError(f"{extra} is named twice: give every output a file of its own")
            named.append(extra.absolute())


def check_motion_files(clip: Clip, motion_to: Path | None, force: bool) -> None:
    """Whether each face's motion can be written, now that it is known how many there are.

    Raises:
        OutputError: one exists and `force` is not set, or its folder cannot be written.
    """
    from talkinghead.core.output import check_writable

    for path in clip.motion_files(motion_to) if motion_to else ():
        check_writable(path, force)


def save(
    clip: Clip,
    out: str,
    *,
    force: bool,
    motion_to: Path | None,
    report: Path | None,
    quiet: bool,
    verbose: bool,
    begin_s: float,
    nvenc: bool = False,
) -> None:
    """Draw `clip` into the file `out` and say so; `begin_s` is the monotonic time at which the command began."""
    from talkinghead.media.streams import stream_of

    if out.lower().endswith(".gif") and clip.sound is not None:
        say("a GIF has no sound: name a .mp4 to hear it", quiet)
    opened_s = time.monotonic() - begin_s
    if verbose:
        length = "unknown" if clip.frames is None else f"{clip.frames}"
        heard = clip.sound.name if clip.sound else "none"
        say(f"opened in {opened_s:.1f} s; {length} frames at {clip.fps}/s; sound: {heard}", quiet)
    drawn = _draw(clip, out, force=force, motion_to=motion_to, report_to=report, opened_s=opened_s, quiet=quiet)
    if report is not None:
        say(f"report: {report}", quiet)
    took_s = time.monotonic() - begin_s
    say(f"{drawn} frame{'' if drawn == 1 else 's'}, {float(drawn / clip.fps):.1f} s of video in {took_s:.1f} s", quiet)
    if not quiet and stream_of(out) is None:
        click.echo(out)


def _draw(
    clip: Clip, out: str, *, force: bool, motion_to: Path | None, report_to: Path | None, opened_s: float, quiet: bool
) -> int:
    """Draw the clip with a bar; returns the number of frames."""
    drawn = 0
    with progress("drawing", clip.frames, quiet) as advance:

        def count(done: int) -> None:
            nonlocal drawn
            drawn = done
            advance(done)

        clip.save(out, force=force, progress=count, motion_to=motion_to, report_to=report_to, opened_s=opened_s)
    return drawn
