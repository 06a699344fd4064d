"""How far long work has come: a bar on a terminal, plain lines elsewhere, nothing when quiet."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import click

_PLAIN_LINE_EVERY_S = 10.0


class Advance(Protocol):
    """Called with the number of frames done so far."""

    def __call__(self, done: int) -> None: ...


def say(message: str, quiet: bool = False) -> None:
    """One line for people, on standard error, so that standard output stays clean for programs."""
    if not quiet:
        click.echo(message, err=True)


@contextmanager
def progress(label: str, total: int | None, quiet: bool = False) -> Iterator[Advance]:
    """Show the progress of `total` frames (None: unknown) while the block runs."""
    if quiet:
        yield lambda done: None
    elif sys.stderr.isatty():
        with _bar(label, total) as advance:
            yield advance
    else:
        yield _plain_lines(label, total)


@contextmanager
def _bar(label: str, total: int | None) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TextColumn("frames"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(label, total=total, start=False)

        def advance(done: int) -> None:
            shown.start_task(task)  # the first frame takes as long as everything before it
            shown.update(task, completed=done)

        yield advance


def _plain_lines(label: str, total: int | None) -> Advance:
    last = time.monotonic()
    first: tuple[float, int] | None = None  # when the first frames were done: they take as long as all that is loaded

    def advance(done: int) -> None:
        nonlocal last, first
        now = time.monotonic()
        if first is None and done:
            first = now, done
        if now - last < _PLAIN_LINE_EVERY_S or not done or first is None:
            return
        last = now
        begin, before = first
        left = f", {_left(now - begin, done - before, total - done)}" if total and done > before else ""
        say(f"{label}: {done}/{total} frames{left}" if total else f"{label}: {done} frames")

    return advance


def _left(took_s: float, done: int, remaining: int) -> str:
    """How long the `remaining` frames will take, where `done` took `took_s`."""
    left_s = round(took_s * remaining / done)
    return f"{left_s} s left" if left_s < 120 else f"{left_s // 60} min left"
