"""Stand-in checkpoint files in the published layout, made from the rule and shapes in the development material."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from types import ModuleType

import torch

from talkinghead.models.liveportrait.weights import EYE, FILES, LIP, STITCHING

MATERIAL = os.environ.get("TALKINGHEAD_MATERIAL")
WHOLE = [name for name in FILES if name != "stitching_retargeting_module"]


def folder() -> Path:
    """Where the material's LivePortrait part lies."""
    assert MATERIAL
    return Path(MATERIAL) / "liveportrait"


def rule() -> ModuleType:
    """The material's standin.py."""
    spec = importlib.util.spec_from_file_location("standin", folder() / "standin.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(directory: Path) -> Path:
    """Write all five files under `directory` and return it."""
    shapes, standin = json.loads((folder() / "state_dict_shapes.json").read_text()), rule()

    def state(name: str, prefix: str = "") -> dict[str, torch.Tensor]:
        return {prefix + k: torch.from_numpy(v) for k, v in standin.state_dict(name, shapes[name]).items()}

    for name in WHOLE:
        _save(state(name), directory / FILES[name])
    entries = {entry: state(entry, "module.") for entry in (STITCHING, LIP, EYE)}
    # The published file is larger than its three entries: it may hold more, which must not disturb.
    _save({**entries, "another": {"module.weight": torch.zeros(2)}}, directory / FILES["stitching_retargeting_module"])
    return directory


def _save(state: object, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, path)


if __name__ == "__main__":
    import sys

    print(write(Path(sys.argv[1])))
