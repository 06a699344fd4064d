"""Weights: which there are, where they lie, whether they are what they should be.

    resolve("liveportrait")                 the files of a set, verified before anything is run from them
    speech_model_folder()                   the folder of the speech model that every installation carries
    talkinghead.checkpoints.hub.pull(...)   download a set

Files in the default folder must have the published hashes, as must files that were pulled into any other. In a folder
that somebody named, weights of their own making are welcome: they load if their shapes fit, and one line says that
they are not the published ones.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from talkinghead.checkpoints import places, verify
from talkinghead.checkpoints.registry import WeightFile, WeightSet, weight_set
from talkinghead.checkpoints.verify import State
from talkinghead.core.errors import CheckpointError

__all__ = ["CheckpointSet", "FileFinding", "State", "findings", "resolve", "speech_model_folder"]

_log = logging.getLogger("talkinghead")
_warned: set[Path] = set()


@dataclass(frozen=True)
class CheckpointSet:
    """A complete set of weights: `paths` by the registry's names; optional files only where they are there.

    `verified` says that every file has the published hash, or the one recorded when it was pulled.
    """

    name: str
    directory: Path
    paths: Mapping[str, Path]
    verified: bool


class FileFinding(NamedTuple):
    """One file of a set in one directory; `pulled` where the directory's lock file knows it."""

    file: WeightFile
    path: Path
    state: State
    pulled: bool


def findings(weights: WeightSet, directory: Path, *, fresh: bool = False) -> Iterator[FileFinding]:
    """Look at every file of a set; `fresh` hashes it whatever is remembered.

    Raises:
        CheckpointError: a file cannot be read.
    """
    pins = verify.read_lock(directory)
    for name, path in places.locate(weights, directory).items():
        file = next(file for file in weights.files if file.name == name)
        size, sha256 = verify.pin_of(file, path, directory, pins)
        pulled = verify.recorded(path, directory, pins) is not None
        yield FileFinding(file, path, verify.state_of(path, size, sha256, fresh=fresh), pulled)


def resolve(name: str, directory: Path | None = None) -> CheckpointSet:
    """The files of the set `name`, examined; nothing in them is run.

    Args:
        name: "liveportrait", "liveportrait-animals" or "joyvasa".
        directory: the folder that holds them; None means TALKINGHEAD_CHECKPOINTS, else the user's default folder.

    Raises:
        CheckpointError: there is no such set, or a file of it is missing, truncated or altered.
    """
    weights = weight_set(name)
    named = places.named_directory(directory)
    folder = named or places.default_directory()
    found = list(findings(weights, folder))
    _refuse_incomplete(weights, folder, found)
    paths: dict[str, Path] = {}
    strange: list[FileFinding] = []
    for finding in found:
        if finding.state is State.MISSING:
            continue
        if finding.state is not State.GOOD:
            _refuse_damaged(weights, finding, named)
            strange.append(finding)
        paths[finding.file.name] = finding.path
    _warn(weights, folder, [finding.path for finding in strange if finding.state is State.OTHER])
    return CheckpointSet(name, folder, paths, verified=not strange)


def _refuse_incomplete(weights: WeightSet, folder: Path, found: list[FileFinding]) -> None:
    missing = [f for f in found if f.state is State.MISSING and not f.file.optional]
    if not missing:
        return
    if len(missing) == sum(not file.optional for file in weights.files):
        what = f"there are no {weights.name} weights in {folder}"
    else:
        what = f"{missing[0].path} is missing"
    raise CheckpointError(
        f"{what}: run `talkinghead checkpoints pull {weights.name}`, "
        "or name the folder that has them with --checkpoints"
    )


def _refuse_damaged(weights: WeightSet, finding: FileFinding, named: Path | None) -> None:
    """Stop at a file that should have a known hash and has not, or that its own checksums call damaged.

    `named` is the folder that somebody named, if so: files of their own may lie there.
    """
    command = f"talkinghead checkpoints pull {weights.name}"
    again = f"run `{command}`" if named is None else f"run `{command} --force --checkpoints {named}`"
    again += " to load it again"
    try:
        pointer, whole = verify.is_pointer(finding.path), verify.is_whole(finding.path)
    except OSError as error:
        raise CheckpointError(f"{finding.path} cannot be read: {error.strerror}") from None
    if pointer:
        raise CheckpointError(f"{finding.path} is only git's pointer to the file: run `git lfs pull` there, or {again}")
    if finding.state is State.OTHER and (finding.pulled or named is None):
        raise CheckpointError(
            f"{finding.path} is damaged or not the published file (size or sha256 differ), and nothing in it was run: "
            f"{again}, or name a folder of your own weights with --checkpoints"
        )
    if not whole:
        raise CheckpointError(
            f"{finding.path} is damaged (its checksums do not fit), and nothing in it was run: {again}"
        )


def _warn(weights: WeightSet, folder: Path, strange: list[Path]) -> None:
    """One line per set and process."""
    mark = folder / weights.name
    if strange and mark not in _warned:
        _warned.add(mark)
        names = strange[0].name + (f" and {len(strange) - 1} more" if len(strange) > 1 else "")
        _log.warning(
            "%s weights in %s are not the published ones (%s): using them as they are", weights.name, folder, names
        )


def speech_model_folder() -> Path:
    """The folder of the speech model that every installation carries: `audio2motion.embedded_checkpoint`.

    Raises:
        CheckpointError: the installation is not complete.
    """
    from audio2motion import Audio2MotionError, embedded_checkpoint

    try:
        return embedded_checkpoint()
    except Audio2MotionError as error:
        raise CheckpointError(str(error)) from error
