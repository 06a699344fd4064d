"""How near LivePortrait's networks come to the speed of a CPU's matrix products, in single precision.

    python benchmarks/filtering.py                    one thread and all
    python benchmarks/filtering.py --threads 1 --cpu-time --json figures.json

Three forms of W and G, with random weights of the published sizes, are drawn in turn with a large matrix product, so
that a busy machine disturbs all alike: the published modules (plain), ours with every convolution direct, and ours with
those filtered that gain by it (`models/liveportrait/fast/filtered.py`), as `Engine` runs them on a CPU in fp32.

Prints a Markdown table for each number of threads: seconds per frame, the billions of multiplications and additions
that the form really does per second, and those that the direct convolutions of the arranged networks would have done
in the same time. Direct convolutions cannot pass the matrix product; filtered ones may, by that last figure alone.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

SIDE = 2048  # of the square matrices
sys.path.insert(0, str(Path(__file__).parent))


def networks() -> dict[str, Callable[[], Any]]:
    """One frame of each form of W + G."""
    import torch
    from liveportrait import random_models

    from talkinghead.models.liveportrait.fast.filtered import filter_convolutions
    from talkinghead.models.liveportrait.fast.generator import FastGenerator
    from talkinghead.models.liveportrait.fast.warping import FastWarping

    models = random_models()
    feature = models.appearance(torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(0)))
    still = torch.rand(1, 21, 3, generator=torch.Generator().manual_seed(1)) - 0.5
    driving = still + 0.05
    forms: dict[str, Callable[[], Any]] = {"plain": lambda: models.generator(models.warping(feature, driving, still))}

    def arranged(filtered: bool) -> Callable[[], Any]:
        warping, generator = FastWarping(models.warping), FastGenerator(models.generator)
        if filtered:
            filter_convolutions(warping, generator)
        source = warping.prepare(feature)
        return lambda: generator(warping(source, driving, still))

    return forms | {"ours, direct": arranged(False), "ours, filtered": arranged(True)}


def multiplications(work: Callable[[], Any]) -> float:
    """How many multiplications with their additions are done, each counted as two operations, in 1e9."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops() / 1e9


def seconds(works: dict[str, Callable[[], Any]], rounds: int, cpu_time: bool) -> dict[str, float]:
    """The median time of each, taken in turn."""
    now = time.process_time if cpu_time else time.perf_counter
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds + 1):
        for name, work in works.items():
            begin = now()
            work()
            taken[name].append(now() - begin)
    # The first round sets up memory and kernels.
    return {name: statistics.median(values[1:]) for name, values in taken.items()}


@click.command()
@click.option("--threads", multiple=True, type=int, help="Repeatable; 1 and all without.")
@click.option("--rounds", default=3, show_default=True)
@click.option(
    "--cpu-time", is_flag=True, help="Processor time instead of the clock's: for one thread, on a busy machine."
)
@click.option("--json", "json_to", type=click.Path(path_type=Path), help="Also write the figures here.")
def main(threads: tuple[int, ...], rounds: int, cpu_time: bool, json_to: Path | None) -> None:
    """Measure and print a Markdown table for each number of threads."""
    import torch
    from liveportrait import machine

    figures: dict[str, Any] = {}
    threads = threads or tuple(sorted({1, torch.get_num_threads()}))
    if cpu_time and threads != (1,):
        raise click.UsageError("threads wait for one another in processor time: --cpu-time goes with --threads 1")
    with torch.no_grad():
        works = networks()
        done = {name: multiplications(work) for name, work in works.items()}
        a = torch.rand(SIDE, SIDE)
        works = {"a matrix product": lambda: a @ a} | works
        done["a matrix product"] = 2 * SIDE**3 / 1e9
        for count in threads:
            torch.set_num_threads(count)
            print(f"{machine('cpu')}{'; processor time' if cpu_time else ''}\n")
            print("| | s | times faster | GFLOP done | GFLOP/s | of the direct form |\n|---|---|---|---|---|---|")
            taken = seconds(works, rounds, cpu_time)
            for name, spent in taken.items():
                direct = done["ours, direct" if name == "ours, filtered" else name] / spent
                faster = "" if name == "a matrix product" else f"{taken['plain'] / spent:.2f}"
                print(
                    f"| {name} | {spent:.2f} | {faster} | {done[name]:.0f} | {done[name] / spent:.0f} | {direct:.0f} |"
                )
            print(flush=True)
            figures[str(count)] = {"seconds": taken, "gflop": done}
    if json_to:
        json_to.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
