"""The house: its floors, what each room holds, and who imports whom, read from the code.

`FLOORS` is the one table of floors; `tests/test_arrows.py` holds the code to it, `draw_house.py` draws it.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

When = Literal["at once", "called", "never"]

ROOT = Path(__file__).parents[1]
# From the top down. Rooms of one floor do not import each other.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("cli",),
    ("app", "batch", "bench", "integrations", "live", "server"),
    ("calls",),
    ("avatar",),
    ("clip", "realtime"),
    ("session",),
    ("canvas", "drivers", "tts", "renderers", "quality"),
    ("faces",),
    ("models",),
    ("checkpoints",),
    ("media",),
    ("provenance",),
    ("motion",),
    ("core",),
)
# What stands in a room, in a few words: the drawing's second line.
HOLDS = {
    "cli": "one command a file; wires, never works",
    "batch": "manifest, journal, workers, Ray",
    "bench": "cold, warm, part by part",
    "app": "a page in the browser",
    "server": "HTTP, WebSocket, jobs",
    "integrations": "voice agents: LiveKit, Pipecat",
    "live": "camera, loop, window, virtual camera",
    "calls": "speak, animate, edit in one call",
    "avatar": "what a program keeps: loaded once",
    "clip": "a session collected: iterate, save",
    "realtime": "a session on the clock: speak, idle, interrupt",
    "session": "sound or motion in, frames with times out",
    "canvas": "still, source video, several faces",
    "drivers": "speech, video, picture, motion files",
    "tts": "text to speech",
    "renderers": "warp, liveportrait",
    "quality": "report, self-check, evaluation",
    "models": "networks and their weights",
    "faces": "find, follow, crop, paste back",
    "checkpoints": "pull, verify, resolve weights",
    "media": "pictures, sound, video: alone talks to ffmpeg",
    "provenance": "what a file says of its making",
    "motion": "Motion, the one currency; its files; the seams",
    "core": "types, settings, options, errors, device",
    "audio2motion": "speech in, facial motion out: a package of its own",
    "network": "the model",
    "behaviour": "blinks, brows, gaze, head",
    "corpus": "speech with known lips",
    "training": "losses, train, tune",
    "evaluation": "against measured mouths",
}


@dataclass(frozen=True)
class Import:
    """One imported name: `module` (dotted), `name` ("" for `import module`), the `line` it stands in.

    `when` it happens: "at once", with the file's own import; "called", with a function of it; "never", for type
    checkers alone.
    """

    module: str
    name: str
    line: int
    when: When


def imports(path: Path) -> Iterator[Import]:
    """Everything that a file imports, anywhere in it, also for type checkers alone; imports are absolute here."""
    yield from _imports(path, ast.parse(path.read_text(encoding="utf-8")), "at once")


def _imports(path: Path, node: ast.AST, when: When) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(alias.name, "", node.lineno, when) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        if node.level:
            raise ValueError(f"{path}:{node.lineno}: imports are absolute here")
        yield from (Import(node.module or "", alias.name, node.lineno, when) for alias in node.names)
    elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        when = "never"
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and when == "at once":
        when = "called"
    for child in ast.iter_child_nodes(node):
        yield from _imports(path, child, when)


def files(package: str) -> list[Path]:
    """Every Python file of one of our packages."""
    return sorted((ROOT / package).rglob("*.py"))


def room_of(path: Path, package: str = "talkinghead") -> str:
    """The room that a file stands in: its folder under the package, or itself."""
    return path.relative_to(ROOT / package).parts[0].removesuffix(".py")


def imported_room(found: Import) -> str | None:
    """The room of talkinghead that an import goes to; None for others', and for the package's own name and version."""
    parts = found.module.split(".")
    if parts[0] != "talkinghead":
        return None
    if len(parts) > 1:
        return parts[1]
    return None if found.name in ("__version__", "") else found.name


def arrows() -> Counter[tuple[str, str]]:
    """How many names each room imports of each other room, of audio2motion as a whole too."""
    counted: Counter[tuple[str, str]] = Counter()
    for path in files("talkinghead"):
        room = room_of(path)
        if room in ("__init__", "__main__"):
            continue
        for found in imports(path):
            other = "audio2motion" if found.module.split(".")[0] == "audio2motion" else imported_room(found)
            if other is not None and other != room:
                counted[room, other] += 1
    return counted


def sizes(package: str = "talkinghead") -> dict[str, tuple[int, int]]:
    """(files, lines) of each room of a package."""
    found: dict[str, tuple[int, int]] = {}
    for path in files(package):
        room = room_of(path, package)
        count, lines = found.get(room, (0, 0))
        found[room] = (count + 1, lines + len(path.read_text(encoding="utf-8").splitlines()))
    return found
