"""Where weights lie on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from talkinghead.checkpoints.registry import WeightSet

ENVIRONMENT = "TALKINGHEAD_CHECKPOINTS"


def default_directory() -> Path:
    """The user's own folder for weights, where the platform keeps application data."""
    return platformdirs.user_data_path("talkinghead", appauthor=False) / "checkpoints"


def named_directory(directory: Path | None) -> Path | None:
    """The folder that somebody named, by argument or environment; None means the default."""
    if directory is not None:
        return Path(directory).expanduser()
    named = os.environ.get(ENVIRONMENT)
    return Path(named).expanduser() if named else None


def locate(weights: WeightSet, directory: Path) -> dict[str, Path]:
    """The set's files by name, as this directory lays them out, whether they exist or not.

    A directory that somebody downloaded for LivePortrait or JoyVASA is taken as it is: the directory itself, the
    `pretrained_weights` in it, or the one folder of it that holds the set.
    """
    wanted = [file for file in weights.files if not file.optional]

    def present(layout: dict[str, Path]) -> int:
        return sum(layout[file.name].is_file() for file in wanted)

    # The first of the best: `max` keeps the order, and the first is where pulling puts files.
    return max(_layouts(weights, directory), key=present)


def _layouts(weights: WeightSet, directory: Path) -> Iterator[dict[str, Path]]:
    directory = directory.absolute()
    above = directory.parent
    for root in (directory, directory / "pretrained_weights", above):
        for folder in weights.folders:
            layout = {file.name: root / (folder + file.path) for file in weights.files}
            # The folder above counts only where the named one is itself a part of the layout.
            if root != above or all(path.is_relative_to(directory) for path in layout.values()):
                yield layout
