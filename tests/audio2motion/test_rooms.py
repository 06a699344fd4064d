"""The rooms of audio2motion see only those below them, and none sees talkinghead."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import audio2motion

PACKAGE = Path(audio2motion.__file__).parent
GROUND = {"errors", "arkit", "amplitudes", "checkpoint", "phones", "coarticulation", "targets", "config", "runtime"}
MAY_SEE: dict[str, set[str]] = {
    **dict.fromkeys(GROUND, GROUND),
    "behaviour": GROUND,
    "network": GROUND,
    "prediction": GROUND | {"behaviour"},
    "stream": GROUND | {"behaviour", "network", "prediction"},
    "predictor": GROUND | {"network", "prediction", "stream"},
    "corpus": GROUND,
    "training": GROUND | {"network", "corpus"},
    "evaluation": GROUND | {"corpus"},
}
ABOVE = {"cli", "__main__", "__init__"}  # wire, and so see everything


def seen_by(room: str) -> set[str]:
    """The other modules of the first level, and foreign packages, that a room's files import, also within functions."""
    place = PACKAGE / f"{room}.py"
    seen: set[str] = set()
    for file in [place] if place.is_file() else sorted((PACKAGE / room).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                seen |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file} imports relatively"
                assert node.module is not None
                seen.add(node.module)
    parts = {tuple(name.split(".")) for name in seen}
    inner = {name[1] for name in parts if name[0] == "audio2motion" and len(name) > 1}
    return (inner - {room}) | {name[0] for name in parts if name[0] == "talkinghead"}


def test_every_module_has_its_place() -> None:
    there = {path.stem for path in PACKAGE.glob("*.py")} | {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert there == set(MAY_SEE) | ABOVE


@pytest.mark.parametrize("room", sorted(MAY_SEE))
def test_a_room_sees_only_what_is_below_it(room: str) -> None:
    assert seen_by(room) <= MAY_SEE[room]


def test_the_check_finds_what_there_is() -> None:
    assert {"network", "behaviour", "errors"} <= seen_by("stream")
    assert "corpus" in seen_by("training")
