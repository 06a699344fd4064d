"""Figures that were measured: printed, and kept in a file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from talkinghead.cli.progress import say
from talkinghead.core.output import whole_file


def say_figures(as_json: str, lines: Iterable[str] | None, output: Path | None, force: bool, quiet: bool) -> None:
    """Print `lines`, or without them the JSON text, and write that to `output`, where there is one.

    Raises:
        OutputError: the file cannot be written, or is there and `force` is not set.
    """
    click.echo(as_json.rstrip() if lines is None else "\n".join(lines))
    if output is not None:
        with whole_file(output, force) as part:
            part.write_text(as_json, encoding="utf-8")
        say(f"figures: {output}", quiet)
