"""The last part of every command that writes a clip: progress, report, one closing line."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from talkinghead.cli.progress import progress, say

if TYPE_CHECKING:
    from talkinghead.pipeline import Clip


def save(
    clip: Clip,
    out: str,
    *,
    force: bool,
    motion_to: Path | None,
    report: Path | None,
    quiet: bool,
    begin_s: float,
) -> None:
    """Draw `clip` into the file `out` and say so; `begin_s` is the monotonic time at which the command began."""
    drawn = 0
    with progress("drawing", clip.frames, quiet) as advance:

        def count(done: int) -> None:
            nonlocal drawn
            drawn = done
            advance(done)

        clip.save(out, force=force, progress=count, motion_to=motion_to)
    took_s = time.monotonic() - begin_s
    length_s = drawn / clip.fps
    say(f"{drawn} frames, {float(length_s):.1f} s of video in {took_s:.1f} s", quiet)
    if not quiet:
        click.echo(out)
