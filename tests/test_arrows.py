"""The arrows of the flow: who may import whom."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FORBIDDEN = [
    ("audio2motion", "talkinghead"),
    ("talkinghead/drivers", "talkinghead.renderers"),
    ("talkinghead/drivers", "talkinghead.cli"),
    ("talkinghead/renderers", "talkinghead.media"),
    ("talkinghead/renderers", "talkinghead.drivers"),
    ("talkinghead/renderers/warp", "talkinghead.models.liveportrait"),
    ("talkinghead/models/liveportrait", "talkinghead.media"),
    ("talkinghead/faces", "talkinghead.renderers"),
    ("talkinghead/media", "talkinghead.faces"),
    ("talkinghead/core/types.py", "torch"),
]


def imported(path: Path) -> set[str]:
    """Every module that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize(("room", "other"), FORBIDDEN)
def test_no_room_imports_what_it_must_not_see(room, other):
    place = ROOT / room
    files = [place] if place.is_file() else sorted(place.rglob("*.py"))
    assert files, f"{room} has no files"
    offenders = {
        str(file.relative_to(ROOT)): name
        for file in files
        for name in imported(file)
        if name == other or name.startswith(other + ".")
    }
    assert not offenders


def test_only_media_talks_to_ffmpeg():
    users = {
        file.relative_to(ROOT).parts[1]
        for file in (ROOT / "talkinghead").rglob("*.py")
        if "imageio_ffmpeg" in imported(file)
    }
    assert users == {"media"}
