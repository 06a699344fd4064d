"""Checkpoint files: what is wrong is refused by name, in one line."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from talkinghead.core.errors import CheckpointError
from talkinghead.models.liveportrait.engine import Engine
from talkinghead.models.liveportrait.networks.retargeting import lip_retargeting
from talkinghead.models.liveportrait.weights import FILES, ModelFiles, filled, load_models


def state() -> dict[str, torch.Tensor]:
    return lip_retargeting().state_dict()


def test_missing_folder_names_the_file_and_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"appearance_feature_extractor\.pth is missing: .*checkpoints pull"):
        load_models(tmp_path)


def test_damaged_files_are_told_when_their_network_is_asked_for(tmp_path: Path) -> None:
    for place in FILES.values():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(b"no weights")
    files = ModelFiles(tmp_path)
    with pytest.raises(CheckpointError, match=r"retargeting_module\.pth cannot be read as weights"):
        _ = files.lip
    with pytest.raises(CheckpointError, match=r"warping_module\.pth cannot be read as weights"):
        Engine(files)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("talkinghead-weights")]


def test_state_is_taken_whole() -> None:
    given = state()
    network = filled(lip_retargeting, given, "lip.pth")
    assert all(torch.equal(value, given[key]) for key, value in network.state_dict().items())
    assert not network.training


def _drop(given: dict[str, object]) -> None:
    del given["mlp.0.bias"]


def _add(given: dict[str, object]) -> None:
    given["mlp.8.bias"] = torch.zeros(3)


def _reshape(given: dict[str, object]) -> None:
    given["mlp.0.bias"] = torch.zeros(129)


def _replace(given: dict[str, object]) -> None:
    given["mlp.0.bias"] = "zeros"


@pytest.mark.parametrize("spoil", [_drop, _add, _reshape, _replace])
def test_other_keys_and_shapes_are_refused(spoil: Callable[[dict[str, object]], None]) -> None:
    given: dict[str, object] = dict(state())
    spoil(given)
    with pytest.raises(CheckpointError, match=r"lip\.pth is not LivePortrait's: .*mlp\.[08]\.bias") as caught:
        filled(lip_retargeting, given, "lip.pth")
    assert "\n" not in str(caught.value)


def test_half_precision_files_become_single() -> None:
    given = {key: value.half() for key, value in state().items()}
    assert filled(lip_retargeting, given, "lip.pth").mlp[0].weight.dtype == torch.float32


def test_networks_that_files_fill_are_built_without_pytorchs_compiler() -> None:
    modules = "appearance, generator, motion, retargeting, warping"
    built = "appearance.AppearanceExtractor(), motion.MotionExtractor(), warping.WarpingModule(), generator.Generator()"
    code = (
        f"import sys, torch; from talkinghead.models.liveportrait.networks import {modules}\n"
        f"with torch.device('meta'): {built}, retargeting.stitching()\n"
        "print(sorted({'sympy', 'torch._dynamo'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
