"""LivePortrait's networks as ONNX files, in operators that any runtime has.

    appearance.onnx   picture (B, 3, 256, 256) in 0..1 -> feature (B, 32, 16, 64, 64)
    motion.onnx       picture -> pitch, yaw, roll (B, 66) logits; t (B, 3); exp (B, 63); scale (B, 1); kp (B, 63)
    render.onnx       feature, kp_driving, kp_source (B, 21, 3) -> image (B, 3, 512, 512) in 0..1: W and G
    stitching.onnx, lip.onnx, eye.onnx                   keypoints and ratios (B, n) -> deltas

The networks are the plain ones with norms folded. Sampling is the exception: few runtimes have GridSample in three
dimensions, so translations become matrix products and the deformation eight Gathers.
"""

from __future__ import annotations

import copy
import importlib.util
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from talkinghead.core.errors import DependencyError, OutputError
from talkinghead.models.liveportrait.fast import fold, sampling
from talkinghead.models.liveportrait.fast.warping import gaussian
from talkinghead.models.liveportrait.networks.blocks import ConvBlock2d, ConvBlock3d, ResBlock3d, SpectralConv2d
from talkinghead.models.liveportrait.networks.motion import RawMotion
from talkinghead.models.liveportrait.networks.warping import Decoder, DenseMotion, WarpingModule, identity_grid, size_of
from talkinghead.models.liveportrait.weights import Models
from talkinghead.models.onnx_runtime import onnx_runtime

OPSET = 17
TOLERANCE = 1e-3
_PICTURE_PX = 256


class Exported(NamedTuple):
    """One written file and its largest error against PyTorch, as a share of the answer's maximum (None: unchecked)."""

    path: Path
    error: float | None


def folded(network: nn.Module) -> nn.Module:
    """A copy of a plain network whose batch and spectral norms are folded into its convolutions."""
    network = copy.deepcopy(network)
    for part in list(network.modules()):
        if isinstance(part, ConvBlock2d):  # noqa: SIM114 (folding keeps the number of dimensions)
            part.conv, part.norm = fold.fold_batch_norm(part.conv, part.norm), nn.Identity()
        elif isinstance(part, ConvBlock3d | Decoder):
            part.conv, part.norm = fold.fold_batch_norm(part.conv, part.norm), nn.Identity()
        elif isinstance(part, DenseMotion):
            part.compress, part.norm = fold.fold_batch_norm(part.compress, part.norm), nn.Identity()
        elif isinstance(part, ResBlock3d):
            part.conv1, part.norm2 = fold.fold_batch_norm(part.conv1, part.norm2), nn.Identity()
        for name, child in list(part.named_children()):
            if isinstance(child, SpectralConv2d):
                setattr(part, name, fold.fold_spectral(child))
    return network


class Render(nn.Module):
    """W and G in one graph, without GridSample."""

    def __init__(self, warping: nn.Module, generator: nn.Module) -> None:
        super().__init__()
        assert isinstance(warping, WarpingModule)
        self.warping, self.generator = warping, generator

    def forward(self, feature: Tensor, kp_driving: Tensor, kp_source: Tensor) -> Tensor:
        motion, size = self.warping.dense_motion_network, size_of(feature)
        compact = functional.relu(motion.norm(motion.compress(feature)))
        shift = functional.pad(kp_source - kp_driving, (0, 0, 1, 0))
        heat = functional.pad(gaussian(kp_driving, size) - gaussian(kp_source, size), (0, 0, 0, 0, 0, 0, 1, 0))
        joined = torch.cat([heat.unsqueeze(2), sampling.sample_shifted(compact, shift)], 2).flatten(1, 2)
        prediction = motion.hourglass(joined)
        weights = motion.mask(prediction).softmax(1)
        mean_shift = torch.unflatten(torch.matmul(weights.permute(0, 2, 3, 4, 1).flatten(1, 3), shift), 1, size)
        moved = gathered(feature, identity_grid(*size, like=shift) + mean_shift)
        occlusion = motion.occlusion(prediction.flatten(1, 2)).sigmoid()
        warped = self.warping.fourth(self.warping.third(moved.flatten(1, 2))) * occlusion
        image: Tensor = self.generator(warped)
        return image


def gathered(volume: Tensor, deformation: Tensor) -> Tensor:
    """(B, C, D, H, W) sampled by (B, D, H, W, 3), as grid_sample does, by eight gathers."""
    size = size_of(volume)
    indices, weights = sampling.corners(deformation, size)
    indices, weights, rows = indices.flatten(1, 3), weights.flatten(1, 3), volume.flatten(2)
    total = torch.zeros_like(rows)
    for corner in range(8):
        index = indices[..., corner].unsqueeze(1).expand(-1, rows.shape[1], -1)
        total = total + rows.gather(2, index) * weights[..., corner].unsqueeze(1)
    return torch.unflatten(total, 2, size)


class _Task(NamedTuple):
    name: str
    network: nn.Module
    inputs: dict[str, Tensor]
    outputs: Sequence[str]


def _tasks(models: Models) -> list[_Task]:
    """What is exported, with inputs to trace and to check with."""
    draw = torch.Generator().manual_seed(0)
    picture = torch.rand(1, 3, _PICTURE_PX, _PICTURE_PX, generator=draw)
    feature = models.appearance(picture)
    kp_driving, kp_source = torch.rand(2, 1, 21, 3, generator=draw) - 0.5
    render = Render(folded(models.warping), folded(models.generator))
    tasks = [
        _Task("appearance", folded(models.appearance), {"picture": picture}, ["feature"]),
        _Task("motion", copy.deepcopy(models.motion), {"picture": picture}, RawMotion._fields),
        _Task("render", render, {"feature": feature, "kp_driving": kp_driving, "kp_source": kp_source}, ["image"]),
    ]
    for name in ("stitching", "lip", "eye"):
        network = getattr(models, name)
        width = network.mlp[0].in_features
        tasks.append(_Task(name, network, {"keypoints": torch.rand(1, width, generator=draw)}, ["deltas"]))
    return tasks


@torch.no_grad()
def export_onnx(
    models: Models,
    directory: Path,
    *,
    check: bool = True,
    force: bool = False,
    progress: Callable[[Exported], None] | None = None,
) -> list[Exported]:
    """Write all networks as ONNX files into `directory`, each checked with onnxruntime against PyTorch.

    Every file is written beside its place and renamed when it is whole and right; the batch size is free.

    Raises:
        DependencyError: onnx is not installed.
        OutputError: a file exists and `force` is not set, cannot be written, or answers otherwise than PyTorch.
    """
    if importlib.util.find_spec("onnx") is None:
        raise DependencyError("the export needs onnx: pip install 'talkinghead[onnx]'")
    tasks = _tasks(models)
    paths = [directory / f"{task.name}.onnx" for task in tasks]
    existing = [path for path in paths if path.exists()]
    if existing and not force:
        raise OutputError(f"{existing[0]} exists: choose another folder or overwrite it with --force")
    written = []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for task, path in zip(tasks, paths):
            with tempfile.TemporaryDirectory(dir=directory, prefix=".export-") as beside:
                part = Path(beside) / path.name
                _write(task, part)
                exported = Exported(path, _error(task, part) if check else None)
                part.replace(path)
            written.append(exported)
            if progress:
                progress(exported)
    except OSError as error:
        raise OutputError(f"{directory} cannot be written: {error.strerror or error}") from error
    return written


def _write(task: _Task, path: Path) -> None:
    names = [*task.inputs, *task.outputs]
    with warnings.catch_warnings():
        # Sizes are traced as constants on purpose, and this exporter, unlike its successor, needs no further package.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            task.network.eval(),
            tuple(task.inputs.values()),
            str(path),
            input_names=list(task.inputs),
            output_names=list(task.outputs),
            opset_version=OPSET,
            dynamo=False,
            dynamic_axes={name: {0: "batch"} for name in names},
        )


def _error(task: _Task, path: Path) -> float:
    """The largest difference between onnxruntime and PyTorch over all outputs, as a share of the output's maximum."""
    session = onnx_runtime().InferenceSession(str(path), providers=["CPUExecutionProvider"])
    answers = session.run(None, {name: value.numpy() for name, value in task.inputs.items()})
    answer: Tensor | tuple[Tensor, ...] = task.network(*task.inputs.values())
    expected = [answer] if isinstance(answer, Tensor) else list(answer)
    error = max(
        float(np.abs(found - value.numpy()).max() / (np.abs(value.numpy()).max() + 1e-12))
        for found, value in zip(answers, expected)
    )
    if not error <= TOLERANCE:
        raise OutputError(f"{path.name} answers otherwise than PyTorch (relative error {error:.1e}): nothing was kept")
    return error
