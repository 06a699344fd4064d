"""`talkinghead export`: the networks for other runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from talkinghead.cli.options import logging_options
from talkinghead.cli.progress import say

if TYPE_CHECKING:
    from talkinghead.models.liveportrait.export import Exported


@click.group()
def command() -> None:
    """Write the neural renderer's networks for other runtimes."""


@command.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--checkpoints", type=click.Path(path_type=Path, file_okay=False), envvar="TALKINGHEAD_CHECKPOINTS",
              metavar="DIR", help="Folder of downloaded weights.")  # fmt: skip
@click.option("--animals", is_flag=True, help="The animals' weights.")
@click.option("--no-check", is_flag=True, help="Do not compare the files' answers with PyTorch's.")
@click.option("--force", is_flag=True, help="Overwrite files in DIRECTORY.")
@logging_options
def onnx(
    directory: Path,
    checkpoints: Path | None,
    animals: bool,
    no_check: bool,
    force: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Write LivePortrait's networks as ONNX files into DIRECTORY (about 500 MB), for TensorRT and other runtimes.

    \b
    appearance.onnx              picture -> feature volume
    motion.onnx                  picture -> keypoints and pose
    render.onnx                  feature volume and keypoints -> frame
    stitching.onnx lip.onnx eye.onnx
    """
    from talkinghead.checkpoints import resolve
    from talkinghead.models.liveportrait.export import export_onnx
    from talkinghead.models.liveportrait.weights import load_models

    def tell(exported: Exported) -> None:
        checked = "" if exported.error is None else f"  within {exported.error:.0e} of PyTorch"
        size = f"  {exported.path.stat().st_size / 1e6:.1f} MB" if verbose else ""
        say(f"{exported.path.name}{checked}{size}", quiet)

    weights = resolve("liveportrait-animals" if animals else "liveportrait", checkpoints)
    export_onnx(load_models(weights.paths), directory, check=not no_check, force=force, progress=tell)
    if not quiet:
        click.echo(str(directory))
