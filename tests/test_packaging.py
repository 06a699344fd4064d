"""What pyproject.toml says is what the code does: what is required is imported, and the other way round."""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from talkinghead.cli import doctor

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OWN = ("talkinghead", "audio2motion")
# Where the name to import is another than the package's.
IMPORTED_AS = {
    "opencv-python": "cv2",
    "c2pa-python": "c2pa",
    "pillow": "PIL",
    "hibari-tts": "hibari",
    "livekit-agents": "livekit",
    "pipecat-ai": "pipecat",
}
# Looked for by name and run by another: accelerate imports the first, uvicorn and FastAPI the others.
NOT_IMPORTED = {"tensorboard", "websockets", "python-multipart"}
IMPORT_MODULE = re.compile(r"(?:\w+\.)?import_module\(f?'(\w+)")
# The doctor asks whether torchaudio loads: where it does not fit torch, it breaks `import transformers`. Piper, by its
# licence, runs in a process of its own, of whichever Python has it. Triton comes with PyTorch's CUDA builds.
FOREIGN = {"torchaudio", "piper", "triton"}


def package(requirement: str) -> str:
    """The normalised name in a requirement."""
    return re.split(r"[^A-Za-z0-9_.-]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def packages(requirements: list[str]) -> set[str]:
    return {package(requirement) for requirement in requirements}


def module(name: str) -> str:
    return IMPORTED_AS.get(name, name.replace("-", "_"))


REQUIRED = packages(PROJECT["dependencies"])
EXTRAS = {
    name: packages(lines)
    for name, lines in PROJECT["optional-dependencies"].items()
    if name not in ("dev", "docs", "browser")
}


@cache
def imports() -> dict[str, set[str]]:
    """Every foreign module that the packages import, and the files that do."""
    found: dict[str, set[str]] = defaultdict(set)
    for top in OWN:
        for file in (ROOT / top).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                names: list[str] = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    names = [node.module or ""]
                elif isinstance(node, ast.Call) and (match := IMPORT_MODULE.match(ast.unparse(node))):
                    names = [match[1]]
                for name in names:
                    root = name.partition(".")[0]
                    if root not in sys.stdlib_module_names and root not in OWN:
                        found[root].add(str(file.relative_to(ROOT)))
    return found


def test_what_is_imported_is_declared() -> None:
    declared = {module(name) for name in REQUIRED.union(*EXTRAS.values())}
    undeclared = {name: files for name, files in imports().items() if name not in declared | FOREIGN}
    assert undeclared == {}


@pytest.mark.parametrize("name", sorted(REQUIRED.union(*EXTRAS.values()) - NOT_IMPORTED))
def test_what_is_declared_is_imported(name: str) -> None:
    assert module(name) in imports(), f"nothing imports {name}"


def test_no_extra_repeats_what_is_required() -> None:
    assert {extra: names & REQUIRED for extra, names in EXTRAS.items() if names & REQUIRED} == {}


def test_the_doctor_looks_for_what_is_declared() -> None:
    assert packages(list(doctor.NEEDED)) == REQUIRED
    assert packages(list(doctor.OPTIONAL)) == set().union(*EXTRAS.values())


def test_advice_names_extras_that_exist() -> None:
    named = {
        extra
        for top in (*OWN, "README.md")
        for file in ([ROOT / top] if top.endswith(".md") else (ROOT / top).rglob("*.py"))
        for extra in re.findall(r"talkinghead\[(\w+)\]", file.read_text(encoding="utf-8"))
    }
    assert named == set(EXTRAS), "an extra that nobody is told of, or advice to install one that is not there"


def test_the_constraints_pin_each_package_once_for_each_python() -> None:
    pins: dict[str, list[str]] = defaultdict(list)
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            assert re.fullmatch(r'[\w.-]+==[\w.]+(; python_version (<|>=) "3\.\d+")?', line), line
            pins[package(line)].append(line.partition("; ")[2])
    assert pins.keys() >= REQUIRED
    for name, markers in pins.items():
        assert markers == [""] or sorted(markers) == ['python_version < "3.11"', 'python_version >= "3.11"'], name


def test_the_pythons_are_the_same_everywhere() -> None:
    classified = [
        match[1] for line in PROJECT["classifiers"] if (match := re.fullmatch(r"Programming .* :: (3\.\d+)", line))
    ]
    assert PROJECT["requires-python"] == f">={classified[0]},<3.{int(classified[-1].partition('.')[2]) + 1}"
    assert f"Python {classified[0]} to {classified[-1]}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_link_of_the_readme_leads_to_a_file() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:|#)([^)\s]+)\)", text)
    assert links
    assert [link for link in links if not (ROOT / link.partition("#")[0]).exists()] == []
