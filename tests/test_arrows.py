"""The house: which room may import which. Arrows go down the floors and never up, and never across a floor."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import audio2motion

ROOT = Path(__file__).parents[1]
# From the top down. Rooms of one floor do not import each other.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("cli",),
    ("batch", "live"),
    ("calls",),
    ("avatar",),
    ("clip",),
    ("session",),
    ("canvas", "drivers", "tts", "renderers", "quality"),
    ("models", "faces", "checkpoints"),
    ("media",),
    ("motion",),
    ("core",),
)
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
FILES = sorted((ROOT / "talkinghead").rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[str, str, int]]:
    """(module, name, line) of everything that a file imports, anywhere in it, also for type checkers alone."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "", node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute here"
            yield from ((node.module or "", alias.name, node.lineno) for alias in node.names)


def room_of(path: Path) -> str:
    return path.relative_to(ROOT / "talkinghead").parts[0].removesuffix(".py")


def imported_room(module: str, name: str) -> str | None:
    """The room of ours that an import goes to; None for other packages, and for the package's own name and version."""
    parts = module.split(".")
    if parts[0] != "talkinghead":
        return None
    if len(parts) > 1:
        return parts[1]
    return None if name in ("__version__", "") else name


def test_every_room_stands_on_a_floor() -> None:
    assert {room_of(path) for path in FILES} - {"__init__", "__main__"} == set(LEVEL)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_arrows_go_down(path: Path) -> None:
    room = room_of(path)
    if room in ("__init__", "__main__"):
        return
    for module, name, line in imports(path):
        other = imported_room(module, name)
        if other is not None and other != room:
            assert LEVEL[other] > LEVEL[room], f"{path.name}:{line}: {room} must not import {module}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_of_audio2motion_its_public_names_alone_are_used(path: Path) -> None:
    for module, name, line in imports(path):
        if module.split(".")[0] == "audio2motion":
            assert module == "audio2motion", f"{path.name}:{line} reaches into {module}"
            assert name in audio2motion.__all__, f"{path.name}:{line}: {name} is not public"


@pytest.mark.parametrize("path", sorted((ROOT / "audio2motion").rglob("*.py")), ids=lambda path: str(path.name))
def test_audio2motion_never_imports_talkinghead(path: Path) -> None:
    assert not [module for module, _, _ in imports(path) if module.split(".")[0] == "talkinghead"]


@pytest.mark.parametrize(
    ("package", "rooms"),
    [
        ("imageio_ffmpeg", {"media"}),
        ("mediapipe", {"faces"}),
        ("click", {"cli"}),
        ("rich", {"cli"}),
        ("ray", {"batch"}),
        ("espeakng_loader", {"tts"}),
        ("pyvirtualcam", {"live"}),
    ],
)
def test_a_library_is_known_to_one_room(package: str, rooms: set[str]) -> None:
    users = {room_of(path) for path in FILES for module, _, _ in imports(path) if module.split(".")[0] == package}
    assert users <= rooms


def test_the_top_level_is_a_handful_of_files() -> None:
    assert len(list((ROOT / "talkinghead").glob("*.py"))) <= 6


def test_most_files_are_short() -> None:
    """A file that has outgrown its room says so here: under 250 lines, few exceptions, none over 400."""
    paths = [*FILES, *(ROOT / "audio2motion").rglob("*.py")]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in paths}
    long = {name: length for name, length in lengths.items() if length > 250}
    assert len(long) <= len(paths) // 20, long
    assert max(lengths.values()) <= 400, long
