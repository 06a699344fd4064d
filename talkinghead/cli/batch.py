"""`talkinghead batch`: many videos from a manifest."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from talkinghead.cli.options import quiet_options
from talkinghead.cli.progress import say


@click.command()
@click.argument("manifest", type=click.Path(path_type=Path, dir_okay=False))
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), default=Path(), metavar="DIR",
              help="Folder for the videos and the journal  [default: here]")  # fmt: skip
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes on this machine.")
@click.option("--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True)
@click.option("--ray-address", metavar="ADDRESS", help="Of the Ray cluster; without it, as Ray finds one.")
@click.option("--force", is_flag=True, help="Overwrite videos that this batch did not make.")
@quiet_options
def command(
    manifest: Path,
    output: Path,
    workers: int,
    engine: str,
    ray_address: str | None,
    force: bool,
    quiet: bool,
) -> None:
    """Make every video that MANIFEST (.csv or .jsonl) lists.

    \b
    Columns: source, and one of audio, driving, text; optional output; any other column is an
    option of `speak` or `animate` by its long name, e.g.
        source,audio,seed,still
        face.png,one.wav,1,
        face.png,two.wav,2,yes

    What went well is remembered in DIR/batch-journal.jsonl: a second run does only what is missing. Exits with code 1
    where a job failed.
    """
    from talkinghead.batch.jobs import Outcome
    from talkinghead.batch.manifest import read_manifest
    from talkinghead.batch.runner import run

    jobs = read_manifest(manifest, output)

    def report(outcome: Outcome) -> None:
        if outcome.error is not None:
            click.echo(f"row {outcome.row} failed: {' '.join(outcome.error.split())}", err=True)
        else:
            say(f"row {outcome.row}: {outcome.output}", quiet)

    outcomes = run(
        jobs,
        output,
        workers=workers,
        engine="ray" if engine == "ray" else "local",
        address=ray_address,
        force=force,
        report=report,
    )
    failed = sorted(outcome.row for outcome in outcomes if outcome.error is not None)
    listed = f" (row{'s' if len(failed) > 1 else ''} {', '.join(map(str, failed))})" if failed else ""
    made, before = len(outcomes) - len(failed), len(jobs) - len(outcomes)
    say(f"{made} made, {len(failed)} failed{listed}, {before} done before", quiet)
    if failed:
        sys.exit(1)
