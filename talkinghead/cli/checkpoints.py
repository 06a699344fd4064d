"""`talkinghead checkpoints`: list, download and verify weights."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from talkinghead.cli.options import logging_options
from talkinghead.cli.progress import say

if TYPE_CHECKING:
    from talkinghead.checkpoints import FileFinding
    from talkinghead.checkpoints.hub import Progress
    from talkinghead.checkpoints.registry import WeightSet

directory_option = click.option(
    "--checkpoints", "directory", type=click.Path(path_type=Path, file_okay=False), envvar="TALKINGHEAD_CHECKPOINTS",
    metavar="DIR", help="Folder of weights  [default: the user's data folder]",
)  # fmt: skip


@click.group()
def command() -> None:
    """List, download and verify weights."""


@command.command("list")
@directory_option
@logging_options
def list_(directory: Path | None, quiet: bool, verbose: bool) -> None:
    """Show which weights there are, whether they are here, their size, licence and place (-v: every file)."""
    from talkinghead.checkpoints import findings, registry

    rows = [(registry.EMBEDDED_SET, *_embedded_state(), "MIT", "the speech model that every installation carries")]
    details: dict[str, list[FileFinding]] = {}
    folder = _folder(directory)
    for weights in registry.downloadable().values():
        found = details[weights.name] = list(findings(weights, folder))
        rows.append((weights.name, _state(found, directory), _size(weights, found), weights.licence, weights.purpose))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, [*widths, 0])).rstrip())
        for finding in details.get(row[0], []) if verbose else []:
            click.echo(f"    {_word(finding, directory)}: {finding.path}")
    say(f"in {folder}", quiet)


@command.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--force", is_flag=True, help="Overwrite files of your own in DIR.")
@directory_option
@logging_options
def pull(names: tuple[str, ...], force: bool, directory: Path | None, quiet: bool, verbose: bool) -> None:
    """Download weights by NAME: liveportrait, liveportrait-animals, joyvasa.

    A transfer that was cut off is continued. Every file is checked against its published size and sha256 before it
    takes its place. HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE are honoured.
    """
    from talkinghead.checkpoints import hub, registry

    chosen = [registry.weight_set(name) for name in names]
    for weights in chosen:
        with _progress(quiet) as progress:
            folder = hub.pull(weights, directory, force=force, progress=progress)
        say(f"{weights.name} ({weights.licence} licence): complete in {folder}", quiet)


@command.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@directory_option
@logging_options
def verify(names: tuple[str, ...], directory: Path | None, quiet: bool, verbose: bool) -> None:
    """Hash the weights that are here, or those of NAME, and compare them with the published ones.

    Exits with code 1 where a file is damaged, or a set that was named is not complete.
    """
    from talkinghead.checkpoints import State, findings, registry

    failed = False
    if not names or registry.EMBEDDED_SET in names:
        state, _ = _embedded_state()
        failed |= state != "present"
        say_result(registry.EMBEDDED_SET, state, quiet and state == "present")
    named = [registry.weight_set(name) for name in names if name != registry.EMBEDDED_SET]
    for weights in named if names else registry.downloadable().values():
        for finding in findings(weights, _folder(directory), fresh=True):
            missing = finding.state is State.MISSING
            bad = _is_damaged(finding, directory) or (missing and bool(names) and not finding.file.optional)
            failed |= bad
            if not missing or names:
                say_result(str(finding.path), _word(finding, directory), quiet and not bad)
    if failed:
        sys.exit(1)


def say_result(what: str, state: str, quiet: bool) -> None:
    """One line of `verify`, on standard output."""
    if not quiet:
        click.echo(f"{state}: {what}")


def _folder(directory: Path | None) -> Path:
    from talkinghead.checkpoints import places

    return places.named_directory(directory) or places.default_directory()


def _is_damaged(finding: FileFinding, directory: Path | None) -> bool:
    """Whether a file has other contents than it must have here; in a folder of one's own only its checksums count."""
    from talkinghead.checkpoints import State
    from talkinghead.checkpoints import verify as verifying

    if finding.state is State.OTHER and (finding.pulled or directory is None):
        return True
    return finding.state in (State.OTHER, State.UNKNOWN) and not verifying.is_whole(finding.path)


def _word(finding: FileFinding, directory: Path | None) -> str:
    from talkinghead.checkpoints import State

    if _is_damaged(finding, directory):
        return "damaged"
    return "present, not the published file" if finding.state is State.OTHER else finding.state.value


def _state(found: list[FileFinding], directory: Path | None) -> str:
    """One word for a set."""
    from talkinghead.checkpoints import State

    needed = [finding for finding in found if not finding.file.optional]
    missing = sum(finding.state is State.MISSING for finding in needed)
    if any(_is_damaged(finding, directory) for finding in found):
        return "damaged"
    if missing:
        return "missing" if missing == len(needed) else f"{missing} of {len(needed)} files missing"
    return "present" if all(finding.state is not State.OTHER for finding in needed) else "present (own)"


def _size(weights: WeightSet, found: list[FileFinding]) -> str:
    """Size of what is here, else of what would be pulled, as far as it is known before."""
    here = sum(finding.path.stat().st_size for finding in found if finding.path.is_file())
    known = sum(file.bytes or 0 for file in weights.files)
    if not here and not known:
        return "size unknown"
    return f"{(here or known) / 1e6:.0f} MB"


def _embedded_state() -> tuple[str, str]:
    """State and size of the embedded speech model; safetensors itself notices a truncated file."""
    from talkinghead.checkpoints import speech_model_folder
    from talkinghead.core.errors import CheckpointError

    try:
        folder = speech_model_folder()
    except CheckpointError:
        return "missing", ""
    from safetensors import SafetensorError, safe_open

    files = sorted(folder.glob("*.safetensors"))
    for file in files:
        try:
            with safe_open(file, framework="numpy"):
                pass
        except (SafetensorError, OSError):
            return "damaged", ""
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return ("present" if files else "missing"), f"{size / 1e6:.0f} MB"


@contextmanager
def _progress(quiet: bool) -> Iterator[Progress]:
    """Bytes, speed and time left on a terminal; one line per file elsewhere; nothing when quiet."""
    if quiet:
        yield lambda name, done, total: None
    elif sys.stderr.isatty():
        with _bars() as progress:
            yield progress
    else:
        yield _plain()


def _plain() -> Callable[[str, int, int], None]:
    begun: set[str] = set()

    def progress(name: str, done: int, total: int) -> None:
        if name not in begun:
            begun.add(name)
            rest = "already here" if done == total else f"continued at {done / 1e6:.1f} MB" if done else "downloading"
            say(f"{name}: {total / 1e6:.1f} MB, {rest}")

    return progress


@contextmanager
def _bars() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns: list[Any] = [TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()]
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as shown:

        def progress(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = shown.add_task(name, total=total)
            shown.update(tasks[name], completed=done, total=total)

        yield progress
