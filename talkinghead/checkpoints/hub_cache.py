"""Files that huggingface_hub already keeps on this machine need not be downloaded again."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from talkinghead.checkpoints.registry import WeightFile, WeightSet


class Cached(NamedTuple):
    """A file in the client's cache; `etag`, the hub's own hash of the contents, is the name that they have there."""

    path: Path
    etag: str
    bytes: int
    revision: str


def find(weights: WeightSet, file: WeightFile) -> Cached | None:
    """The file as somebody downloaded it for another program, if so; nobody is asked over the network."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(weights.repository, file.path, revision=weights.revision)
    if not isinstance(found, str):
        return None
    path = Path(found)
    contents = path.resolve()
    if not contents.is_file():
        return None
    # .../snapshots/<commit>/<the file's path in the repository>
    commit = path.parts[-1 - len(Path(file.path).parts)]
    return Cached(path, contents.name, contents.stat().st_size, commit)
