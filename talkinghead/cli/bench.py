"""`talkinghead bench`: how long talkinghead takes on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from talkinghead.cli.figures import say_figures
from talkinghead.cli.options import GivenFile, GroupedCommand, from_table, option, quiet_options
from talkinghead.cli.progress import say
from talkinghead.core.output import check_writable
from talkinghead.core.settings import RendererName, Settings

if TYPE_CHECKING:
    from talkinghead.bench.measure import Bench, RendererFigures


@click.command(cls=GroupedCommand)
@click.argument("picture", type=GivenFile(), required=False)
@option("--renderer", "renderers", section="make", type=click.Choice(("warp", "liveportrait")), multiple=True,
        help="Measure this one; repeatable  [default: all that can draw here]")  # fmt: skip
@option("--seconds", section="make", type=click.FloatRange(0, 600, min_open=True), default=10.0, show_default=True,
        help="Of speech.")  # fmt: skip
@option("--runs", section="make", type=click.IntRange(1, 100), default=3, show_default=True,
        help="How often each is done; the best one counts.")  # fmt: skip
@option("--json", "as_json", section="make", is_flag=True, help="Print JSON.")
@option("-o", "--output", section="make", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.json",
        help="Also write the JSON into a file.")  # fmt: skip
@option("--force", section="make", is_flag=True, help="Overwrite FILE.json.")
@from_table(("checkpoints", "device", "precision"))
@quiet_options
def command(
    picture: Path | None,
    renderers: tuple[RendererName, ...],
    seconds: float,
    runs: int,
    as_json: bool,
    output: Path | None,
    force: bool,
    checkpoints: Path | None,
    device: str,
    precision: str,
    quiet: bool,
) -> None:
    """Measure how long talkinghead takes here: cold, warm and part by part, for each renderer.

    \b
    talkinghead bench                    an example portrait and 10 s of speech
    talkinghead bench face.png --json    your own picture, for programs

    A machine that does other work meanwhile gives figures of nothing: the line about the machine tells its load.
    """
    if output is not None:
        check_writable(output, force)
    from talkinghead.bench.measure import bench

    settings = Settings(checkpoints=checkpoints, device=device, precision=precision)
    found = bench(picture, renderers=tuple(dict.fromkeys(renderers)), seconds=seconds, runs=runs, settings=settings,
                  note=lambda line: say(line, quiet))  # fmt: skip
    say_figures(found.as_json(), None if as_json else _lines(found), output, force, quiet)


def _lines(found: Bench) -> Iterator[str]:
    """The figures as text."""
    yield found.machine.line
    yield "{}, {}x{}; best of {}".format(found.picture, *found.size, found.runs)
    for name, figures in found.renderers.items():
        yield from ("", f"{name}, {figures.audio_s:.1f} s of speech, {figures.frames} frames")
        yield from _figures(figures)
    for name, why in found.left_out.items():
        yield from ("", f"{name} was left out: {why}")


def _figures(found: RendererFigures) -> Iterator[str]:
    memory = "" if found.peak_memory_mb is None else f", at most {found.peak_memory_mb:.0f} MB"
    yield f"  cold, a new process   {found.cold_s:7.2f} s   {found.cold_real_time_factor:.2f} of real time{memory}"
    yield f"  loading               {found.load_s:7.2f} s"
    yield f"  warm                  {found.warm_s:7.2f} s   {found.real_time_factor:.2f} of real time"
    yield f"  warm, first frame     {found.first_frame_s:7.2f} s"
    yield "  part after part:"
    for name, stage in found.stages.items():
        yield f"    {name:<20}{stage.seconds:7.2f} s   {100 * stage.share:3.0f} %"
