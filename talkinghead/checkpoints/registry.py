"""What weights there are: the contents of `registry.json`, typed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from talkinghead.core.errors import CheckpointError

_VERSION = 1
EMBEDDED_SET = "audio2motion"


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One file of a set.

    `path` is its place in the hub repository; `bytes` and `sha256` are None where they are taken from the hub's own
    metadata when it is pulled.
    """

    name: str
    path: str
    bytes: int | None = None
    sha256: str | None = None
    optional: bool = False

    def __post_init__(self) -> None:
        parts = PurePosixPath(self.path).parts
        if not parts or ".." in parts or self.path.startswith("/") or "\\" in self.path:
            raise CheckpointError(f"the registry of weights is damaged: {self.path!r} leads out of its folder")


@dataclass(frozen=True, slots=True)
class WeightSet:
    """Weights that are of use together, from one hub repository.

    `folders` are prefixes under which a directory of weights may hold the repository's files; pulling writes under the
    first.
    """

    name: str
    purpose: str
    licence: str
    repository: str
    files: tuple[WeightFile, ...]
    revision: str = "main"
    pinned_by: str = ""
    folders: tuple[str, ...] = ("",)


def data_folder() -> Path:
    """The folder `checkpoints`: in an installed package its data, in a source checkout beside it.

    Raises:
        CheckpointError: the installation is not complete.
    """
    package = Path(__file__).resolve().parents[1]
    installed, checkout = package / "_checkpoints", package.parent / "checkpoints"
    for folder in (installed, checkout):
        if (folder / "registry.json").is_file():
            return folder
    raise CheckpointError(f"this installation lacks its data folder {installed}: install talkinghead again")


@lru_cache(maxsize=1)
def downloadable() -> dict[str, WeightSet]:
    """The sets that can be pulled, by name.

    Raises:
        CheckpointError: the registry is damaged.
    """
    path = data_folder() / "registry.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["version"] != _VERSION:
            raise CheckpointError(f"{path} has version {content['version']}, not {_VERSION}: install talkinghead again")
        return {name: _weight_set(name, entry) for name, entry in content["sets"].items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is damaged ({error}): install talkinghead again") from None


def networks() -> dict[Path, str]:
    """The embedded networks' files, and the sha256 of each as it was published.

    Raises:
        CheckpointError: the registry is damaged.
    """
    path = data_folder() / "registry.json"
    try:
        known = json.loads(path.read_text(encoding="utf-8"))["networks"]
        return {path.parent / place: str(sha256) for place, sha256 in known.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} is damaged ({error}): install talkinghead again") from None


def _weight_set(name: str, entry: dict[str, Any]) -> WeightSet:
    """An unknown key is an error, as is a missing one."""
    entry = dict(entry)
    files = tuple(WeightFile(**file) for file in entry.pop("files"))
    return WeightSet(name=name, files=files, folders=tuple(entry.pop("folders")), **entry)


def weight_set(name: str) -> WeightSet:
    """The set called `name`.

    Raises:
        CheckpointError: there is none.
    """
    sets = downloadable()
    if name not in sets:
        raise CheckpointError(f"there are no weights called {name!r}: choose one of {', '.join(sets)}")
    return sets[name]
