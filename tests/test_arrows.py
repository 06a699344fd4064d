"""The house: which room may import which. Arrows go down the floors and never up, and never across a floor."""

import subprocess
import sys
from pathlib import Path

import pytest

import audio2motion
from docs.house import FLOORS, HOLDS, ROOT, arrows, files, imported_room, imports, room_of

LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
FILES = files("talkinghead")


def test_every_room_stands_on_a_floor() -> None:
    assert {room_of(path) for path in FILES} - {"__init__", "__main__"} == set(LEVEL)
    assert set(LEVEL) <= set(HOLDS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_arrows_go_down(path: Path) -> None:
    room = room_of(path)
    if room in ("__init__", "__main__"):
        return
    for found in imports(path):
        other = imported_room(found)
        if other is not None and other != room:
            assert LEVEL[other] > LEVEL[room], f"{path.name}:{found.line}: {room} must not import {found.module}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_of_audio2motion_its_public_names_alone_are_used(path: Path) -> None:
    for found in imports(path):
        if found.module.split(".")[0] == "audio2motion":
            assert found.module == "audio2motion", f"{path.name}:{found.line} reaches into {found.module}"
            assert found.name in audio2motion.__all__, f"{path.name}:{found.line}: {found.name} is not public"


@pytest.mark.parametrize("path", files("audio2motion"), ids=lambda path: str(path.name))
def test_audio2motion_never_imports_talkinghead(path: Path) -> None:
    assert not [found.module for found in imports(path) if found.module.split(".")[0] == "talkinghead"]


@pytest.mark.parametrize(
    ("package", "rooms"),
    [
        ("imageio_ffmpeg", {"media"}),
        ("onnxruntime", {"models"}),
        ("click", {"cli"}),
        ("rich", {"cli"}),
        ("ray", {"batch"}),
        ("espeakng_loader", {"tts"}),
        ("pyvirtualcam", {"live"}),
    ],
)
def test_a_library_is_known_to_one_room(package: str, rooms: set[str]) -> None:
    users = {room_of(path) for path in FILES for found in imports(path) if found.module.split(".")[0] == package}
    assert users <= rooms


def test_the_top_level_is_a_handful_of_files() -> None:
    assert len(list((ROOT / "talkinghead").glob("*.py"))) <= 6


def test_most_files_are_short() -> None:
    """A file that has outgrown its room says so here: under 250 lines, few exceptions, none over 400."""
    paths = [*FILES, *files("audio2motion")]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in paths}
    long = {name: length for name, length in lengths.items() if length > 250}
    assert len(long) <= len(paths) // 20, long
    assert max(lengths.values()) <= 400, long


def test_the_drawing_of_the_house_is_up_to_date() -> None:
    script = ROOT / "docs" / "draw_house.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    house = (ROOT / "docs" / "assets" / "house.svg").read_text(encoding="utf-8")
    assert all(f">{room}</text>" in house for room in LEVEL)
    drawn = [pair for pair in arrows() if f"<title>{pair[0]} imports" in house]
    assert len(drawn) > 40
