"""Loading the published checkpoint files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from talkinghead.core.errors import CheckpointError
from talkinghead.core.safe_pickle import load_weights
from talkinghead.models.liveportrait.networks import retargeting
from talkinghead.models.liveportrait.networks.appearance import AppearanceExtractor
from talkinghead.models.liveportrait.networks.generator import Generator
from talkinghead.models.liveportrait.networks.motion import MotionExtractor
from talkinghead.models.liveportrait.networks.retargeting import Retargeting
from talkinghead.models.liveportrait.networks.warping import WarpingModule

# Where a checkpoint directory keeps its files, as the hub repository does.
FILES = {
    "appearance_feature_extractor": "liveportrait/base_models/appearance_feature_extractor.pth",
    "motion_extractor": "liveportrait/base_models/motion_extractor.pth",
    "warping_module": "liveportrait/base_models/warping_module.pth",
    "spade_generator": "liveportrait/base_models/spade_generator.pth",
    "stitching_retargeting_module": "liveportrait/retargeting_models/stitching_retargeting_module.pth",
}
# The entries of the last file; it may hold others, which are not read.
STITCHING, LIP, EYE = "retarget_shoulder", "retarget_mouth", "retarget_eye"
_PREFIX = "module."

Module = TypeVar("Module", bound=nn.Module)


@dataclass(frozen=True, eq=False)
class Models:
    """The seven networks, in inference mode, single precision, as their files describe them."""

    appearance: AppearanceExtractor
    motion: MotionExtractor
    warping: WarpingModule
    generator: Generator
    stitching: Retargeting
    lip: Retargeting
    eye: Retargeting


class ModelFiles:
    """Where `Models` lie: each network is read, strictly, onto the CPU, whenever it is asked for.

    So whoever folds and places one needs not wait for the others; several threads may ask.

    Args:
        source: a checkpoint directory, or the files themselves under any names.

    Raises:
        CheckpointError: a file is missing; or, where a network is asked for, damaged, or of another network.
    """

    def __init__(self, source: Path | Mapping[str, Path]) -> None:
        self._paths = _present(source)

    @property
    def appearance(self) -> AppearanceExtractor:
        return self._whole("appearance_feature_extractor", AppearanceExtractor)

    @property
    def motion(self) -> MotionExtractor:
        return self._whole("motion_extractor", MotionExtractor)

    @property
    def warping(self) -> WarpingModule:
        return self._whole("warping_module", WarpingModule)

    @property
    def generator(self) -> Generator:
        return self._whole("spade_generator", Generator)

    @property
    def stitching(self) -> Retargeting:
        return self._part(STITCHING, retargeting.stitching)

    @property
    def lip(self) -> Retargeting:
        return self._part(LIP, retargeting.lip_retargeting)

    @property
    def eye(self) -> Retargeting:
        return self._part(EYE, retargeting.eye_retargeting)

    def _whole(self, name: str, build: Callable[[], Module]) -> Module:
        return filled(build, load_weights(self._paths[name]), str(self._paths[name]))

    def _part(self, entry: str, build: Callable[[], Retargeting]) -> Retargeting:
        path = self._paths["stitching_retargeting_module"]
        state = load_weights(path).get(entry)
        if not isinstance(state, Mapping):
            raise CheckpointError(f"{path} has no entry {entry!r}: it is not LivePortrait's stitching module")
        bare = {str(key).removeprefix(_PREFIX): value for key, value in state.items()}
        return filled(build, bare, f"{path} ({entry})")


def load_models(source: Path | Mapping[str, Path]) -> Models:
    """All networks of `ModelFiles`, with the same argument and errors."""
    files = ModelFiles(source)
    return Models(**{field.name: getattr(files, field.name) for field in fields(Models)})


def _present(source: Path | Mapping[str, Path]) -> dict[str, Path]:
    """Each file's path by its name in `FILES`; CheckpointError where one is missing."""
    paths = _paths(source)
    missing = [
        str(paths.get(name, place)) for name, place in FILES.items() if name not in paths or not paths[name].is_file()
    ]
    if missing:
        raise CheckpointError(
            f"LivePortrait's weights are not complete, {missing[0]} is missing: "
            "run `talkinghead checkpoints pull liveportrait` or name their folder with --checkpoints"
        )
    return paths


def _paths(source: Path | Mapping[str, Path]) -> dict[str, Path]:
    """Each file's path by its name in `FILES`."""
    if isinstance(source, Path):
        return {name: source / place for name, place in FILES.items()}
    return {path.stem: path for path in source.values()}


def filled(build: Callable[[], Module], state: Mapping[str, object], where: str) -> Module:
    """A network built without initialisation and filled with `state`, every key and shape checked.

    Raises:
        CheckpointError: a key is missing, unknown, or of another shape; `where` names the file.
    """
    with torch.device("meta"):
        network = build()
    expected = network.state_dict()
    wrong = sorted(expected.keys() ^ state.keys())
    if wrong:
        kind = "is missing" if wrong[0] in expected else "does not belong there"
        raise CheckpointError(f"{where} is not LivePortrait's: {len(wrong)} keys differ, {wrong[0]!r} {kind}")
    for key, tensor in expected.items():
        value = state[key]
        # PyTorch itself takes a single number for a scalar: files from before 0.4 hold counters that way.
        scalar = tensor.ndim == 0 and isinstance(value, Tensor) and value.shape == (1,)
        if not scalar and (not isinstance(value, Tensor) or value.shape != tensor.shape):
            shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise CheckpointError(f"{where} is not LivePortrait's: {key!r} is {shape}, not {tuple(tensor.shape)}")
    network.load_state_dict(dict(state), strict=True, assign=True)
    return network.float().eval().requires_grad_(False)
