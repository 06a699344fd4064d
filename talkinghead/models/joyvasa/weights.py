"""The published files: the generator's weights and the template that gives its numbers their units."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from talkinghead.core.errors import CheckpointError
from talkinghead.core.safe_pickle import load_pickle, load_weights
from talkinghead.models.joyvasa.config import N_EXPRESSION, N_NUMBERS, Config, Positions
from talkinghead.models.joyvasa.generator import Generator

# Tables that follow from the sizes; the file holds them too.
_COMPUTED = re.compile(r"denoising_net\.(alignment_mask|[PT]E\.pe)|diffusion_sched\.\w+")
# PyTorch's two spellings of weight norm.
_WEIGHT_NORM = {".weight_g": ".parametrizations.weight.original0", ".weight_v": ".parametrizations.weight.original1"}
# What the file says of itself, by our names: anything else is another model.
_ARGUMENTS = {"n_motions": "frames", "n_prev_motions": "previous", "feature_dim": "width", "n_diff_steps": "steps"}
_POSE = (("scale", 1), ("t", 3), ("pitch", 1), ("yaw", 1), ("roll", 1))


@dataclass(frozen=True, eq=False)
class Units:
    """Normalised numbers x (70) mean x * `factor` + `offset`: expression, scale, translation, degrees."""

    factor: npt.NDArray[np.float32]
    offset: npt.NDArray[np.float32]

    def apply(self, motion: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(T, 70) normalised -> (T, 70) in units."""
        return motion * self.factor + self.offset


@dataclass(frozen=True, eq=False)
class Models:
    """The generator and the units of what it generates."""

    generator: Generator
    units: Units


def load_models(paths: Mapping[str, Path], *, device: str | torch.device = "cpu",
                positions: Positions = "constant") -> Models:  # fmt: skip
    """Load JoyVASA's files, strictly; nothing in them is run.

    Args:
        paths: "motion_generator" and "motion_template", as `talkinghead.checkpoints.resolve("joyvasa").paths` has them.
        device: where the generator shall run.
        positions: see `Config`.

    Raises:
        CheckpointError: a file is damaged, or holds something else.
    """
    path = paths["motion_generator"]
    content = load_weights(path, settings=True)
    if not isinstance(content.get("model"), Mapping):
        raise CheckpointError(f"{path} is not JoyVASA's motion generator: it has no entry 'model'")
    config = Config(positions=positions)
    _check_arguments(content.get("args"), config, path)
    generator = fill(config, content["model"], str(path))
    return Models(generator.to(device), read_units(paths["motion_template"]))


def _check_arguments(arguments: object, config: Config, path: Path) -> None:
    # A namespace, whose reading by `load_weights` is an object with the same attributes; older files lack it.
    named = vars(arguments) if hasattr(arguments, "__dict__") else {}
    values = arguments if isinstance(arguments, Mapping) else named
    for theirs, ours in _ARGUMENTS.items():
        value, known = values.get(theirs), getattr(config, ours)
        if value is not None and value != known:
            raise CheckpointError(f"{path} is another model than the published one: {theirs} is {value}, not {known}")


def fill(config: Config, state: Mapping[str, object], where: str) -> Generator:
    """A generator with the weights of `state`, every key and shape checked.

    Raises:
        CheckpointError: a key is missing, unknown, or of another shape.
    """
    renamed = {_spelled(str(key)): value for key, value in state.items() if not _COMPUTED.fullmatch(str(key))}
    with torch.device("meta"):
        generator = Generator(config)
    expected = generator.state_dict()
    wrong = sorted(expected.keys() ^ renamed.keys())
    if wrong:
        kind = "is missing" if wrong[0] in expected else "does not belong there"
        raise CheckpointError(
            f"{where} is not JoyVASA's motion generator: {len(wrong)} keys differ, {wrong[0]!r} {kind}"
        )
    for key, tensor in expected.items():
        value = renamed[key]
        if not isinstance(value, Tensor) or value.shape != tensor.shape:
            shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise CheckpointError(
                f"{where} is not JoyVASA's motion generator: {key!r} is {shape}, not {tuple(tensor.shape)}"
            )
    generator.load_state_dict(renamed, strict=True, assign=True)
    return generator.float().eval().requires_grad_(False)


def _spelled(key: str) -> str:
    for old, new in _WEIGHT_NORM.items():
        if key.endswith("pos_conv_embed.conv" + old):
            return key.removesuffix(old) + new
    return key


def read_units(path: Path) -> Units:
    """The template's means and deviations of expressions, minima and maxima of poses.

    Raises:
        CheckpointError: it is damaged, holds code, or is something else.
    """
    template = load_pickle(path, CheckpointError)
    if not isinstance(template, dict):
        raise CheckpointError(f"{path} is not JoyVASA's motion template: it holds no dictionary")

    def row(name: str, width: int) -> npt.NDArray[np.float32]:
        value = template.get(name)
        if not isinstance(value, np.ndarray | np.number | int | float) or np.size(value) != width:
            raise CheckpointError(f"{path} is not JoyVASA's motion template: {name!r} is not {width} numbers")
        try:
            with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused as that
                value = np.asarray(value, np.float32).reshape(width)
        except OverflowError:
            raise CheckpointError(f"{path} is damaged: {name!r} holds a number that is too large") from None
        if not np.isfinite(value).all():
            raise CheckpointError(f"{path} is damaged: {name!r} holds values that are not finite")
        return value

    lows = [row(f"min_{name}", width) for name, width in _POSE]
    spans = [row(f"max_{name}", width) - low for (name, width), low in zip(_POSE, lows, strict=True)]
    units = Units(
        np.concatenate([row("std_exp", N_EXPRESSION), *spans]), np.concatenate([row("mean_exp", N_EXPRESSION), *lows])
    )
    assert units.factor.shape == (N_NUMBERS,)
    return units
